import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dataset } from "../../src/data/index.ts";
import { expenseOf, type Recipe, trainerOf } from "../../src/recipe/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

const edm = (...set: readonly string[]) => tinyImages("edm", "training.batch=16", ...set);
const dropout = "model.network.dropout=0.2";

const cases: Readonly<Record<string, readonly [Dataset, (...set: string[]) => Recipe]>> = {
  "whole blocks of channels": [images, (...set) => edm("model.network.modelChannels=16", ...set)],
  "dropout, in micro-batches": [images, (...set) => edm(dropout, "training.microBatch=8", ...set)],
  "an ADM network": [images, (...set) => tinyImages("ddpm", "training.batch=16", dropout, ...set)],
  energies: [images, (...set) => edm('objective.prediction={"type":"energy"}', ...set)],
  points: [moons, (...set) => tinyPoints("training.batch=512", ...set)],
};

/** Losses and gradient norms of some updates, and the parameters after them. */
async function trained(recipe: Recipe, dataset: Dataset) {
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset, { threads: 1 });
  const records = [];
  for (let i = 0; i < 3; i++) records.push(await trainer.advance());
  const params = (await trainer.read("params")).slice();
  await trainer.close();
  return { records, params };
}

for (const [name, [dataset, recipeWith]] of Object.entries(cases))
  test(`${name}: training in low memory is training`, async () => {
    const [normal, low] = [recipeWith(), recipeWith("training.memory=low")];
    const [a, b] = [await trained(normal, dataset), await trained(low, dataset)];
    for (const [i, { loss, gradientNorm }] of a.records.entries()) {
      assert.ok(Math.abs(b.records[i].loss / loss - 1) <= 1e-5, `loss ${i}: ${b.records[i].loss} and ${loss}`);
      assert.ok(Math.abs(b.records[i].gradientNorm / gradientNorm - 1) <= 1e-5, `norm ${i}`);
    }
    const facts = factsOf(dataset);
    assert.ok(expenseOf(low, facts).stepBytes < expenseOf(normal, facts).stepBytes, "less memory");
    assert.ok(expenseOf(low, facts).trainingFlops > expenseOf(normal, facts).trainingFlops, "more work");
  });

test("a deep network takes less than half of the memory for up to a third more work", () => {
  const [normal, low] = ["normal", "low"].map((memory) =>
    expenseOf(
      tinyImages("edm", "model.network.numBlocks=4", "training.batch=32", `training.memory=${memory}`),
      factsOf(images),
    ),
  );
  assert.ok(low.stepBytes < normal.stepBytes / 2, `${low.stepBytes} and ${normal.stepBytes} bytes`);
  assert.ok(low.trainingFlops < (4 / 3) * normal.trainingFlops);
});
