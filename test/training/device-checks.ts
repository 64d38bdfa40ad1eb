/** Training whose state stays on a device. As a script: checks it on WebGPU. */
import assert from "node:assert/strict";
import { type Recipe, trainerOf, trainerOptions } from "../../src/recipe/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { createTrainer, decodeSafetensors, encodeSafetensors, NonFiniteError } from "../../src/training/index.ts";
import { watchTraffic } from "../traffic.ts";
import { factsOf, moons, tinyPoints } from "./tiny.ts";

type Trainer = Awaited<ReturnType<typeof createTrainer>>;

async function open(recipe: Recipe, device: Device): Promise<Trainer> {
  const options = { device, threads: 1 };
  const targets = await trainerOptions(recipe, factsOf(moons), undefined, options);
  return createTrainer(trainerOf(recipe, factsOf(moons)), moons, { ...options, ...targets });
}

const file = async (trainer: Trainer) => new Uint8Array(Buffer.concat(encodeSafetensors(await trainer.checkpoint())));

async function advance(trainer: Trainer, steps: number): Promise<void> {
  for (let i = 0; i < steps; i++) await trainer.advance();
}

/** A checkpoint after some updates: parameters, moments, averages, each as one list. */
async function after(recipe: Recipe, device: Device, steps: number) {
  const trainer = await open(recipe, device);
  await advance(trainer, steps);
  const lists: Record<string, number[]> = {};
  for (const [name, { data }] of Object.entries((await trainer.checkpoint()).tensors)) {
    lists[name.split("/")[0]] ??= [];
    lists[name.split("/")[0]].push(...data);
  }
  await trainer.close();
  return lists;
}

const consistency = [
  'objective.prediction={"type":"consistency","sigmaMin":0.01}',
  'objective.schedule={"kind":"continuous","schedule":{"type":"edm-sampling","sigmaMin":0.01,"sigmaMax":10}}',
  'objective.timesteps={"type":"uniform"}',
  'objective.loss={"multiplier":{"type":"uniform-x"}}',
  'training.target={"type":"consistency","startScales":4,"endScales":4}',
  'sampling={"sampler":"consistency","steps":1,"grid":{"type":"karras","sigmaMin":0.01,"sigmaMax":10},"options":{"sigmaMin":0.01}}',
];
const recipes: Readonly<Record<string, readonly string[]>> = {
  whole: [],
  "micro-batches": ["training.microBatch=2"],
  averages: ['training.averages={"stds":[0.05,0.1],"snapshots":2}'],
  consistency,
};

export const checks = {
  "training on a device is training on the processor": async (device) => {
    for (const [name, fields] of Object.entries(recipes)) {
      const recipe = tinyPoints("training.clip=0.5", ...fields);
      const [expected, found] = [await after(recipe, "cpu", 5), await after(recipe, device, 5)];
      assert.deepEqual(Object.keys(found), Object.keys(expected));
      for (const [list, values] of Object.entries(expected)) {
        const error = Math.hypot(...values.map((value, i) => value - found[list][i]));
        assert.ok(error <= 1e-5 * Math.hypot(...values), `${name}, ${list}: off by ${error}`);
      }
    }
  },

  "six updates in one go are three and three, bit for bit": async (device) => {
    const recipe = tinyPoints("training.microBatch=2", "training.clip=0.5");
    const [through, first, second] = [
      await open(recipe, device),
      await open(recipe, device),
      await open(recipe, device),
    ];
    await advance(through, 6);
    await advance(first, 3);
    second.restore(decodeSafetensors(await file(first), "half"), "half");
    assert.deepEqual(await file(second), await file(first));
    await advance(second, 3);
    assert.deepEqual(await file(second), await file(through));
    for (const trainer of [through, first, second]) await trainer.close();
  },

  "an absurd learning rate stops training and keeps the last good state": async (device) => {
    for (const microBatch of [8, 4]) {
      const trainer = await open(
        tinyPoints("training.learningRate.peak=1e30", `training.microBatch=${microBatch}`),
        device,
      );
      let before = await file(trainer);
      await assert.rejects(async () => {
        for (let i = 0; i < 50; i++) {
          before = await file(trainer);
          await trainer.advance();
        }
      }, NonFiniteError);
      assert.deepEqual(await file(trainer), before);
      await trainer.close();
    }
  },

  "the state crosses once, and when it is read": async (device) => {
    const traffic = watchTraffic();
    for (const microBatch of [8, 2]) {
      const trainer = await open(tinyPoints("model.network.width=64", `training.microBatch=${microBatch}`), device);
      await trainer.advance();
      const { up, down } = traffic;
      await advance(trainer, 10);
      if (device === "webgpu") {
        // Points, noise and a few numbers for each example, five for the optimiser; losses, a norm and, of each micro-batch, the factor of clipping.
        assert.ok(traffic.up - up <= 10 * 4 * (8 * 12 + 5), `up ${traffic.up - up}`);
        assert.equal(traffic.down - down, 10 * 4 * (8 + (microBatch === 8 ? 1 : 2 * (8 / microBatch))));
      }
      const before = traffic.down;
      await trainer.read("ema");
      if (device === "webgpu") assert.equal(traffic.down - before, 4 * trainer.parameters);
      await trainer.close();
      assert.equal(traffic.alive, 0);
    }
  },
} as const satisfies Readonly<Record<string, (device: Device) => Promise<void>>>;

if (process.argv[1] === import.meta.filename)
  for (const [name, check] of Object.entries(checks))
    try {
      await check("webgpu");
    } catch (error) {
      throw new Error(name, { cause: error });
    }
