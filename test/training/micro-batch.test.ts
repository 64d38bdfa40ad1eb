import assert from "node:assert/strict";
import { test } from "node:test";
import { trainerOf } from "../../src/recipe/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, tinyImages } from "./tiny.ts";

/** Adam's mean of gradients after one update is (1 − β₁) times the gradient: the whole gradient can be read off it. */
const recipeOf = (microBatch: number) =>
  tinyImages(
    "edm",
    "training.batch=12",
    `training.microBatch=${microBatch}`,
    "training.labelDropout=0.3",
    "model.network.dropout=0.2",
  );

test("micro-batches give the gradient of the whole batch", async () => {
  const results = [];
  for (const microBatch of [12, 6, 4, 1]) {
    const trainer = await createTrainer(trainerOf(recipeOf(microBatch), factsOf(images)), images);
    const record = await trainer.advance();
    const mean = Object.entries((await trainer.checkpoint()).tensors)
      .filter(([name]) => name.startsWith("mean/"))
      .flatMap(([, { data }]) => [...data]);
    results.push({ microBatch, record, mean });
    await trainer.close();
  }
  const [whole, ...parts] = results;
  const norm = Math.hypot(...whole.mean);
  assert.ok(norm > 0);
  for (const { microBatch, record, mean } of parts) {
    // float32 sums in another order: 24 bits, some thousands of terms.
    const distance = Math.hypot(...mean.map((v, i) => v - whole.mean[i]));
    assert.ok(distance <= 1e-5 * norm, `micro-batches of ${microBatch}: gradient is off by ${distance / norm}`);
    assert.ok(Math.abs(record.loss / whole.record.loss - 1) < 1e-5);
    assert.ok(Math.abs(record.gradientNorm / whole.record.gradientNorm - 1) < 1e-5);
  }
});
