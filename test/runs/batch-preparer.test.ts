import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, type PreparationTask, prepare } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { openBatchPreparer } from "../../src/runs/index.ts";
import { createTrainer, encodeSafetensors, type Preparer, type Safetensors } from "../../src/training/index.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

const task = (position: number): PreparationTask => ({
  seed: 2,
  position,
  shape: images.shape,
  x: batches(images, { seed: 2 })(position, 3).x,
  augment: { probability: 0.8 },
  noise: true,
});

test("batches come back as they would be made here, from any number of threads", async () => {
  const made = batches(images, { seed: 2, augment: { probability: 0.8 } })(6, 3);
  assert.deepEqual(prepare(task(6)).x, made.x);
  assert.deepEqual(prepare(task(6)).augment, made.augment);
  for (const threads of [1, 3]) {
    const preparer = openBatchPreparer(threads);
    const positions = [0, 3, 6, 9, 12];
    const found = await Promise.all(positions.map((position) => preparer.prepare(task(position))));
    assert.deepEqual(
      found,
      positions.map((position) => prepare(task(position))),
    );
    await preparer.close();
  }
});

test("mistakes come back, and what is not finished when the threads end, fails", async () => {
  assert.throws(() => openBatchPreparer(0), ConfigError);
  const preparer = openBatchPreparer(1);
  await assert.rejects(preparer.prepare({ ...task(0), augment: { probability: 2 } }), /probability/);
  const unfinished = assert.rejects(preparer.prepare(task(0)), /has ended/);
  await preparer.close();
  await unfinished;
});

for (const [name, ...fields] of [
  ["edm", "data.augment.probability=0.5", "training.microBatch=2"],
  ["edm-aot", "training.coupling.pool=8"],
  ["edm", 'objective.noise={"perturbation":0.1}'],
])
  test(`${[name, ...fields].join(" ")}: trained with threads and without, and taken up again, the same to the last bit`, async () => {
    const recipe = tinyImages(name, ...fields);
    const spec = trainerOf(recipe, { ...factsOf(images) });
    const trained = async (updates: number, preparer?: Preparer, from?: Safetensors) => {
      const trainer = await createTrainer(spec, images, { threads: 1, ...(preparer && { preparer }) });
      if (from) trainer.restore(from, "test");
      for (let i = 0; i < updates; i++) await trainer.advance();
      const checkpoint = structuredClone(await trainer.checkpoint());
      await trainer.close();
      return checkpoint;
    };
    const preparer = openBatchPreparer(2);
    const half = await trained(3, preparer.prepare);
    const whole = await trained(3, preparer.prepare, half);
    await preparer.close();
    assert.ok(Buffer.concat(encodeSafetensors(whole)).equals(Buffer.concat(encodeSafetensors(await trained(6)))));
  });
