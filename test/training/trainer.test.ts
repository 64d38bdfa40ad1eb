import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { type ObjectiveSpec, objective } from "../../src/diffusion/index.ts";
import { normals } from "../../src/random/index.ts";
import { createTrainer, type Safetensors, type TrainerSpec } from "../../src/training/index.ts";

const points = datasetFromArray({ name: "points", values: normals(7, "points", 0, 64 * 2), shape: [2] });
const images = datasetFromArray({
  name: "images",
  values: normals(8, "images", 0, 16 * 16).map((v) => Math.tanh(v)),
  shape: [1, 4, 4],
});

const table = { kind: "discrete", table: { type: "cosine", steps: 20 } } as const;
const discrete = {
  prediction: { type: "eps", label: { type: "index" } },
  schedule: table,
  loss: { multiplier: { type: "simple" } },
} as const;

/** One objective for each thing that training composes. */
const objectives: Readonly<Record<string, ObjectiveSpec>> = {
  edm: { prediction: { type: "edm" }, timesteps: { type: "log-normal" }, loss: { multiplier: { type: "edm" } } },
  "low-discrepancy": { ...discrete, timesteps: { type: "uniform" }, uniforms: { type: "low-discrepancy" } },
  stratified: { ...discrete, timesteps: { type: "uniform" }, uniforms: { type: "stratified" } },
  perturbed: { ...discrete, timesteps: { type: "uniform" }, noise: { perturbation: 0.1, offset: 0.1 } },
  "learned variance": { ...discrete, timesteps: { type: "uniform" }, variance: { type: "learned-range" } },
  "loss-second-moment": { ...discrete, timesteps: { type: "loss-second-moment", steps: 20, history: 1 } },
  adaptive: {
    prediction: { type: "v" },
    timesteps: { type: "adaptive", bins: 10, decay: 0.5, logSnrMin: -10, logSnrMax: 10 },
    loss: { weighting: { type: "sigmoid" } },
    uniforms: { type: "low-discrepancy" },
  },
};

const specOf = (
  name: string,
  { microBatch = 8, shape = [2] }: { microBatch?: number; shape?: readonly number[] } = {},
): TrainerSpec => ({
  model: {
    network:
      shape.length === 1
        ? { type: "mlp", width: 16, layers: 1 }
        : { type: "song-unet", modelChannels: 8, channelMult: [1], numBlocks: 1, attentionResolutions: [] },
    shape,
    classes: 0,
    patch: 1,
    variance: objectives[name].variance !== undefined,
  },
  objective: objective(objectives[name]),
  optimizer: { type: "adam" },
  learningRate: { peak: 1e-2 },
  ema: { type: "half-life", images: 100 },
  batch: 8,
  microBatch,
  labelDropout: 0,
  flip: false,
  seed: 3,
});

/** Trains so many steps, possibly on from a checkpoint; returns the losses and the checkpoint after, copied. */
async function run(spec: TrainerSpec, dataset: typeof points, steps: number, from?: Safetensors) {
  const trainer = await createTrainer(spec, dataset, { threads: 1 });
  if (from) trainer.restore(from, "checkpoint");
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push((await trainer.advance()).loss);
  const { tensors, metadata } = await trainer.checkpoint();
  const copied = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  await trainer.close();
  return { losses, checkpoint: { tensors: copied, metadata } as Safetensors };
}

for (const name of Object.keys(objectives))
  test(`${name}: going on from a checkpoint changes nothing, and micro-batches next to nothing`, async () => {
    const whole = await run(specOf(name), points, 6);
    const first = await run(specOf(name), points, 3);
    const second = await run(specOf(name), points, 3, first.checkpoint);
    assert.deepEqual([...first.losses, ...second.losses], whole.losses);
    assert.deepEqual(second.checkpoint, whole.checkpoint);

    const pieces = await run(specOf(name, { microBatch: 2 }), points, 6);
    for (const [i, loss] of pieces.losses.entries())
      assert.ok(Math.abs(loss - whole.losses[i]) < 1e-3 * Math.abs(loss), `${pieces.losses} and ${whole.losses}`);
  });

test("laws that learn have learned something by then", async () => {
  for (const name of ["loss-second-moment", "adaptive"]) {
    const { checkpoint } = await run(specOf(name), points, 6);
    const state = Array.from(checkpoint.tensors["timesteps/state"].data);
    assert.notDeepEqual(state, Array.from(specOf(name).objective.sampler.init()));
  }
});

test("images have a second set of channels for a learned variance", async () => {
  const { losses, checkpoint } = await run(specOf("learned variance", { shape: [1, 4, 4] }), images, 2);
  assert.ok(losses.every(Number.isFinite));
  assert.ok(
    Object.values(checkpoint.tensors).some(({ shape }) => shape[0] === 2 && shape[1] === 8),
    "a last layer of two channels",
  );
});

test("input perturbation and offset noise each change the loss, not the noise levels", async () => {
  const plain = { ...specOf("perturbed"), objective: objective({ ...objectives.perturbed, noise: {} }) };
  const offset = { ...specOf("perturbed"), objective: objective({ ...objectives.perturbed, noise: { offset: 0.1 } }) };
  const results = await Promise.all([plain, offset, specOf("perturbed")].map((spec) => run(spec, points, 2)));
  const losses = results.map(({ losses: [, loss] }) => loss); // the first output is 0, whatever goes in;
  assert.equal(new Set(losses).size, 3);
});
