import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { createTrainer, encodeSafetensors, NonFiniteError, type Trainer } from "../../src/training/index.ts";
import { factsOf, moons, tinyPoints } from "./tiny.ts";

const file = async (trainer: Trainer) => Buffer.concat(encodeSafetensors(await trainer.checkpoint()));

/** Advances until it fails; the error, and the state before and after it. */
async function untilFailure(trainer: Trainer) {
  for (let i = 0; i < 50; i++) {
    const before = await file(trainer);
    try {
      await trainer.advance();
    } catch (error) {
      return { error, before, after: await file(trainer) };
    }
  }
  throw new Error("training did not fail");
}

for (const micro of [8, 4])
  test(`an absurd learning rate stops training and keeps the last good state, micro-batch ${micro}`, async () => {
    const recipe = tinyPoints("training.learningRate.peak=1e30", `training.microBatch=${micro}`);
    const trainer = await createTrainer(trainerOf(recipe, factsOf(moons)), moons);
    const { error, before, after } = await untilFailure(trainer);
    assert.ok(error instanceof NonFiniteError);
    assert.match(error.message, new RegExp(`^step ${trainer.step + 1}: the loss is .* sample \\d of the batch`));
    assert.deepEqual(after, before);
    await trainer.close();
  });

test("a gradient that is not finite is named by its parameter", async () => {
  const trainer = await createTrainer(trainerOf(tinyPoints(), factsOf(moons)), moons);
  const checkpoint = await trainer.checkpoint();
  const params = (layer: string) => checkpoint.tensors[`params/${layer}/weight`].data as Float32Array;
  // F ≈ 10¹⁸ has a finite square; its product with features of 10²¹, the gradient of the last layer, has none.
  for (const [i, value] of params("in").entries()) params("in")[i] = value * 1e21;
  params("out").fill(1e-3);
  trainer.restore(checkpoint, "spoiled");
  const { error, before, after } = await untilFailure(trainer);
  assert.ok(error instanceof NonFiniteError);
  assert.match(error.message, /^step 1: the loss is \d.* the gradient of out\/weight \[2,16\] is not finite/);
  assert.deepEqual(after, before);
  await trainer.close();
});

test("data that are not finite stop training at the sample", async () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => (i === 40 ? Number.NaN : i / 100));
  const dataset = datasetFromArray({ name: "one NaN", shape: [2], values });
  const trainer = await createTrainer(trainerOf(tinyPoints(), factsOf(dataset)), dataset);
  const { error, before, after } = await untilFailure(trainer);
  assert.ok(error instanceof NonFiniteError);
  assert.match(error.message, /the loss of sample \d of the batch is NaN/);
  assert.deepEqual(after, before);
  await trainer.close();
});
