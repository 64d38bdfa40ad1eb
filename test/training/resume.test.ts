import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dataset } from "../../src/data/index.ts";
import { type Recipe, trainerOf } from "../../src/recipe/index.ts";
import { createTrainer, decodeSafetensors, encodeSafetensors } from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

/** Everything that training draws or keeps, turned on at once. */
const everything = [
  "training.labelDropout=0.3",
  "model.network.dropout=0.2",
  "data.flip=true",
  "training.clip=0.5",
  "training.learningRate.warmup.images=10",
];

const cases: Readonly<Record<string, readonly [Recipe, Dataset]>> = {
  edm: [tinyImages("edm", ...everything), images],
  "edm in micro-batches": [tinyImages("edm", ...everything, "training.microBatch=2"), images],
  "edm in float16": [
    tinyImages("edm", ...everything, "training.microBatch=2", "training.memory=low", "training.precision=float16"),
    images,
  ],
  "edm in low memory": [tinyImages("edm", ...everything, "training.memory=low"), images],
  "edm in patches with AdamW": [
    tinyImages("first-picture", 'training.optimizer={"type":"adamw","weightDecay":0.1}', "model.network.dropout=0.1"),
    images,
  ],
  ddpm: [tinyImages("ddpm", ...everything), images],
  "ddpm with a second-moment law": [
    tinyImages("ddpm-cosine", 'objective.timesteps={"type":"loss-second-moment","steps":1000,"history":2}'),
    images,
  ],
  "edm with an adaptive law": [
    tinyImages(
      "edm",
      'objective.timesteps={"type":"adaptive"}',
      'objective.loss={"weighting":{"type":"edm"}}',
      'training.ema={"type":"power-function","std":0.1}',
    ),
    images,
  ],
  "edm with noises matched by transport": [tinyImages("edm", 'training.coupling={"type":"aot","pool":10}'), images],
  "edm with stable targets": [
    tinyImages("edm", ...everything, "training.microBatch=2", 'training.target={"type":"stf","references":6}'),
    images,
  ],
  "edm with matched noises and stable targets": [
    tinyImages(
      "edm",
      ...everything,
      'training.coupling={"type":"aot","pool":6}',
      'training.target={"type":"stf","references":9}',
    ),
    images,
  ],
  "edm with augmentation and matched noises": [
    tinyImages("edm", 'data.augment={"probability":0.5}', 'training.coupling={"type":"aot","pool":6}'),
    images,
  ],
  "edm with augmentation": [tinyImages("edm", ...everything, 'data.augment={"probability":0.5}'), images],
  points: [tinyPoints("model.network.dropout=0.1", 'training.ema={"type":"update-count","decay":0.99}'), moons],
};

for (const [name, [recipe, dataset]] of Object.entries(cases))
  test(`${name}: six steps in one go are three and three, bit for bit`, async () => {
    const spec = trainerOf(recipe, factsOf(dataset));
    const file = async (trainer: Awaited<ReturnType<typeof createTrainer>>) =>
      new Uint8Array(Buffer.concat(encodeSafetensors(await trainer.checkpoint())));
    const through = await createTrainer(spec, dataset, { threads: 1 });
    for (let i = 0; i < 6; i++) await through.advance();

    const first = await createTrainer(spec, dataset, { threads: 1 });
    for (let i = 0; i < 3; i++) await first.advance();
    const half = await file(first);
    const second = await createTrainer(spec, dataset, { threads: 1 });
    second.restore(decodeSafetensors(half, "half"), "half");
    assert.equal(second.step, 3);
    assert.equal(second.images, 3 * recipe.training.batch);
    for (let i = 0; i < 3; i++) await second.advance();

    assert.notDeepEqual(await file(second), half, "training changes the state");
    assert.deepEqual(await file(second), await file(through));
    for (const trainer of [through, first, second]) await trainer.close();
  });

test("the seed decides everything: another one gives other parameters", async () => {
  const run = async (seed: number) => {
    const trainer = await createTrainer(trainerOf(tinyPoints(`training.seed=${seed}`), factsOf(moons)), moons);
    await trainer.advance();
    const copy = (await trainer.read("params")).slice();
    await trainer.close();
    return copy;
  };
  assert.deepEqual(await run(1), await run(1));
  assert.notDeepEqual(await run(1), await run(2));
});
