/**
 * What sampling costs outside the network: `node dist/bench/sampling.js [batch]`, 64 by default, at 32×32×3 with a
 * 64-channel DDPM++ network. The rest of a sampler's work is timed with a network that answers at once.
 */
import { normals } from "../src/random/index.ts";
import {
  defineRecipe,
  drawFrom,
  modelOf,
  preset,
  samplingPlan,
  setField,
  type TrainedModel,
  trainedModel,
} from "../src/recipe/index.ts";
import { type Denoiser, networkOf } from "../src/training/index.ts";

const batch = Number(process.argv[2] ?? 64);
const facts = { shape: [3, 32, 32], classes: 0 };
const dims = 3 * 32 * 32;
const fields = [
  ...["data.sigmaData=0.5", "model.conditional=false", "model.network.modelChannels=64"],
  ...["model.network.channelMult=[1,2,2]", 'sampling.options={"sChurn":20}'],
];
const recipe = defineRecipe(fields.reduce<unknown>(setField, preset("edm")));

/** Seconds of the fastest of some runs. */
async function fastest(runs: number, work: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await work();
    best = Math.min(best, performance.now() - started);
  }
  return best / 1000;
}

const { parameters } = networkOf(modelOf(recipe, facts));
const count = parameters.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
const model = trainedModel(
  recipe,
  facts,
  Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 20),
);
const denoise = (await model.denoiser(batch)).denoise(Array.from({ length: batch }, () => undefined));
const x = normals(0, "x", 0, batch * dims);
const network = await fastest(2, async () => denoise(x, 1));
await model.close();

// The same conversions to float32 and back as around the network, and nothing between them.
const instant: Denoiser = {
  batch,
  calls: 0,
  denoise: () => {
    const scaled = new Float32Array(batch * dims);
    return (at, sigma) => {
      for (let i = 0; i < at.length; i++) scaled[i] = at[i] / (1 + sigma);
      const answer = new Float64Array(at.length);
      for (let i = 0; i < at.length; i++) answer[i] = 0.1 * at[i] + 0.1 * scaled[i];
      return answer;
    };
  },
  denoiseEach: () => {
    throw new Error("internal: not used.");
  },
  denoiseAndProduct: () => {
    throw new Error("internal: not used.");
  },
  close: async () => undefined,
};
const stub: TrainedModel = { ...model, denoiser: async () => instant, calls: 0 };
const { evaluations = 1 } = samplingPlan(recipe);
const rest =
  (await fastest(3, async () => {
    for await (const _ of drawFrom(stub, { count: batch, seed: 0, batch }));
  })) / evaluations;

const share = (100 * rest) / (network + rest);
console.log(
  `network ${(1000 * network).toFixed(0)} ms, the rest ${(1000 * rest).toFixed(1)} ms an evaluation: ${share.toFixed(2)} %`,
);
