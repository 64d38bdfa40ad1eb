import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { discreteSchedule } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";
import {
  boundForm,
  defineRecipe,
  modelOf,
  type Recipe,
  type RunBoundRequest,
  runBound,
  setField,
  type TrainedModel,
  trainedModel,
} from "../../src/recipe/index.ts";
import { networkOf } from "../../src/training/index.ts";
import { recipeOf, tinyImages, tinyPoints } from "../training/tiny.ts";

/** The standard deviation of the data: a network of zeros is then the exact denoiser of N(0, s²). */
const s = 0.5;

function zeros(recipe: Recipe, shape: readonly number[]): TrainedModel {
  const facts = { shape, classes: 0 };
  const { parameters } = networkOf(modelOf(recipe, facts));
  const count = parameters.reduce((n, one) => n + one.shape.reduce((a, b) => a * b, 1), 0);
  return trainedModel(recipe, facts, new Float32Array(count));
}

async function bound(model: TrainedModel, values: ArrayLike<number>, request: Partial<RunBoundRequest>) {
  const { shape } = model.facts;
  const dims = shape.reduce((a, b) => a * b, 1);
  const dataset = datasetFromArray({ name: "test", shape, values: Float32Array.from(values) });
  const measuring = runBound(model, dataset, { count: values.length / dims, seed: 3, ...request });
  for (;;) {
    const next = await measuring.next();
    if (!next.done) continue;
    await model.close();
    return next.value;
  }
}

/** Within four standard errors, and those small. */
function agrees({ mean, error }: { readonly mean: number; readonly error: number }, expected: number, small = 0.05) {
  assert.ok(error < small, `error ${error}`);
  assert.ok(Math.abs(mean - expected) < 4 * error + 1e-3, `${mean} ± ${error}, not ${expected}`);
}

const gaussians = (std: number, dims: number, count: number) =>
  normals(5, "gaussian data", 0, dims * count).map((v) => std * v);

test("on Gaussian data the continuous bound of the exact denoiser is its closed form, nearly the entropy", async () => {
  const dims = 16;
  const recipe = tinyPoints();
  const found = await bound(zeros(recipe, [dims]), gaussians(s, dims, 400), {});
  const { sigmaMin, sigmaMax, total, prior, reconstruction, diffusion, unit, form, levels } = found;
  assert.deepEqual([unit, form, levels, sigmaMin, sigmaMax], ["nats/dim", "continuous", 32, 0.002, 80]);
  const post = (sigma: number) => (s * sigma) ** 2 / (s ** 2 + sigma ** 2);
  const expected = {
    prior: s ** 2 / sigmaMax ** 2 / 2,
    reconstruction: Math.log(2 * Math.PI * sigmaMin ** 2) / 2 + post(sigmaMin) / sigmaMin ** 2 / 2,
    diffusion: (Math.log1p((s / sigmaMin) ** 2) - Math.log1p((s / sigmaMax) ** 2)) / 2,
  };
  assert.ok(Math.abs(prior.mean - expected.prior) < 1e-5);
  agrees(reconstruction, expected.reconstruction);
  agrees(diffusion, expected.diffusion);
  agrees(total, expected.prior + expected.reconstruction + expected.diffusion);
  assert.ok(Math.abs(total.mean - (prior.mean + reconstruction.mean + diffusion.mean)) < 1e-12);
  const entropy = Math.log(2 * Math.PI * Math.E * s ** 2) / 2;
  agrees(total, entropy);
});

test("evenly spread noise levels make the bound better than its standard error says", async () => {
  const dims = 16;
  const closed = Math.log(2 * Math.PI * Math.E * s ** 2) / 2;
  const off = [];
  let error = 0;
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { total } = await bound(zeros(tinyPoints(), [dims]), gaussians(s, dims, 60), { seed, levels: 1 });
    off.push(total.mean - closed);
    error = total.error;
  }
  const spread = Math.sqrt(off.reduce((sum, v) => sum + v * v, 0) / off.length);
  assert.ok(spread < error / 2, `${spread} ${error}`);
});

const timesteps = (type: string, ...more: readonly string[]) =>
  recipeOf(
    "points",
    "data.sigmaData=0.5",
    "model.network.width=16",
    `objective.prediction=${JSON.stringify({ type: "F", path: "vp", label: { type: "index" } })}`,
    `objective.schedule=${JSON.stringify({ kind: "discrete", table: { type, steps: 40, betaStart: 0.01, betaEnd: 0.2 } })}`,
    'objective.timesteps={"type":"uniform"}',
    'objective.loss={"multiplier":{"type":"simple"}}',
    ...more,
  );

test("on Gaussian data the discrete bound of the exact denoiser is its closed form", async () => {
  const dims = 16;
  for (const variance of ["fixed-small", "fixed-large"] as const) {
    const found = await bound(zeros(timesteps("linear"), [dims]), gaussians(s, dims, 300), { variance });
    const schedule = discreteSchedule({ type: "linear", steps: 40, betaStart: 0.01, betaEnd: 0.2 });
    const { betas, posteriorVariance, posteriorMeanCoefX0, sigmas, alphasCumprod } = schedule;
    const post = (t: number) => (s * sigmas[t]) ** 2 / (s ** 2 + sigmas[t] ** 2);
    let diffusion = 0;
    for (let t = 1; t < 40; t++) {
      const v = variance === "fixed-small" ? posteriorVariance[t] : betas[t];
      const ratio = posteriorVariance[t] / v;
      diffusion += (ratio - 1 - Math.log(ratio) + (posteriorMeanCoefX0[t] ** 2 * post(t)) / v) / 2;
    }
    const last = alphasCumprod[39];
    const first = posteriorVariance[1]; // stands for β and β̃ of timestep 0
    assert.equal(found.form, "discrete");
    assert.equal(found.variance, variance);
    agrees(found.prior, (last * s ** 2 - last - Math.log1p(-last)) / 2);
    agrees(found.reconstruction, (Math.log(2 * Math.PI * first) + post(0) / first) / 2);
    agrees(found.diffusion, diffusion);
  }
});

test("with as many levels as timesteps every timestep is seen, and zero terminal SNR has no prior term", async () => {
  const recipe = timesteps(
    "linear",
    'objective.prediction={"type":"v","path":"vp","label":{"type":"index"}}',
    'objective.schedule={"kind":"discrete","table":{"type":"cosine","steps":10,"zeroTerminalSnr":true}}',
  );
  const { levels, prior, total, sigmaMax } = await bound(zeros(recipe, [2]), gaussians(1, 2, 50), { levels: 64 });
  assert.equal(levels, 9);
  assert.equal(prior.mean, 0);
  assert.equal(sigmaMax, Number.POSITIVE_INFINITY);
  assert.ok(total.mean > Math.log(2 * Math.PI * Math.E) / 2 - 4 * total.error);
});

test("bytes have bits a dimension: the cross-entropy of uniform bytes under the Gaussian of the model, in both forms", async () => {
  const bytes = stream(7, "bytes")
    .fillUniform(new Float64Array(40 * 64))
    .map((u) => Math.floor(256 * u) / 127.5 - 1);
  const unlabelled = defineRecipe(setField(tinyImages("edm"), "model.conditional=false"));
  const found = await bound(zeros(unlabelled, [1, 8, 8]), bytes, { levels: 64, sigmaMin: 0.01 });
  assert.equal(found.unit, "bits/dim");
  // E|x − D|² with D = c x̃: (1 − c)² m + c² σ², m the bytes' mean square.
  const m = bytes.reduce((sum, x) => sum + x * x, 0) / bytes.length;
  const { sigmaMin, sigmaMax } = found;
  let diffusion = 0;
  for (let i = 0; i < 2000; i++) {
    const sigma = sigmaMin * (sigmaMax / sigmaMin) ** ((i + 0.5) / 2000);
    const c = s ** 2 / (s ** 2 + sigma ** 2);
    diffusion += (Math.log(sigmaMax / sigmaMin) / 2000 / sigma ** 2) * ((1 - c) ** 2 * m + (c * sigma) ** 2);
  }
  agrees(found.diffusion, diffusion / Math.LN2);
  // Next to the density times the width of a bin.
  const density = (Math.log(2 * Math.PI * s ** 2) + m / s ** 2) / 2;
  assert.ok(Math.abs(found.total.mean - (density + Math.log(127.5)) / Math.LN2) < 0.05, `${found.total.mean}`);
  const more = [
    'objective.prediction={"type":"F","path":"vp"}',
    'objective.schedule={"kind":"discrete","table":{"type":"linear"}}',
    'objective.timesteps={"type":"uniform"}',
  ];
  const steps = defineRecipe(more.reduce<unknown>(setField, unlabelled));
  const discrete = await bound(zeros(steps, [1, 8, 8]), bytes, { levels: 64 });
  assert.equal(discrete.variance, "fixed-small");
  // Its first steps are long, and the decoder's variance is not the posterior's.
  const excess = discrete.total.mean - found.total.mean;
  assert.ok(excess > 0 && excess < 1, `${excess}`);
});

test("a bound that does not belong to the model is refused", () => {
  const refused = (recipe: Recipe, options: Parameters<typeof boundForm>[2], pattern: RegExp) =>
    assert.throws(
      () => boundForm(recipe, false, options),
      (error) => error instanceof ConfigError && pattern.test(error.message),
    );
  refused(tinyPoints(), { form: "discrete" }, /needs the timesteps of a discrete schedule/);
  refused(tinyPoints(), { variance: "fixed-large" }, /belongs to the steps of the discrete form/);
  refused(tinyPoints(), { sigmaMin: 3, sigmaMax: 2 }, /rising, within/);
  refused(timesteps("linear"), { variance: "learned-range" }, /has learned none/);
  refused(timesteps("linear"), { sigmaMin: 0.1 }, /runs through all timesteps/);
});
