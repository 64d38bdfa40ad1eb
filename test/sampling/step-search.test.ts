import assert from "node:assert/strict";
import { test } from "node:test";
import { mixture } from "../../src/diffusion/index.ts";
import { kernelDistance } from "../../src/metrics/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  ddim,
  energyDistance,
  featureKernelLoss,
  kernelLoss,
  runSteps,
  type SearchedSteps,
  stepGradient,
} from "../../src/sampling/index.ts";

const data = mixture({
  means: [
    [-1, 0.5],
    [0.8, -0.4],
  ],
  stds: 0.3,
});
const examples = normals(5, "examples", 0, 40);
const x = normals(6, "noise", 0, 24).map((v) => 10 * v);
const steps: SearchedSteps = { sigmas: [10, 2, 0.5, 0.1], factors: [1, 1.05, 0.95, 1] };

test("the gradient of steps is that of differences, for levels and for factors", async () => {
  // The Jacobian of a posterior mean is symmetric, so Jv is vᵀJ.
  const product = async (at: Float64Array, sigma: number, v: Float64Array) => ({
    denoised: await data.denoise(at, sigma),
    product: await data.jvp(at, sigma, v),
  });
  const lossOf = energyDistance(examples, 2);
  const { loss, levels, factors } = await stepGradient(data.denoise, product, x, steps, lossOf);
  const lossAt = async (changed: SearchedSteps) => {
    const states = await runSteps(data.denoise, x, changed);
    return lossOf(states[states.length - 1]).loss;
  };
  assert.ok(Math.abs(loss - (await lossAt(steps))) < 1e-12);
  const slope = async (at: (h: number) => SearchedSteps) =>
    ((await lossAt(at(1e-4))) - (await lossAt(at(-1e-4)))) / 2e-4;
  for (let i = 0; i < 4; i++) {
    const put = (list: readonly number[], change: (v: number) => number) =>
      list.map((v, k) => (k === i ? change(v) : v));
    const ofFactor = await slope((h) => ({ ...steps, factors: put(steps.factors, (v) => v + h) }));
    assert.ok(
      Math.abs(ofFactor - factors[i]) < 1e-5 * (1 + Math.abs(ofFactor)),
      `factor ${i}: ${factors[i]}, ${ofFactor}`,
    );
    if (i === 0) continue;
    const ofLevel = await slope((h) => ({ ...steps, sigmas: put(steps.sigmas, (v) => v * Math.exp(h)) }));
    assert.ok(Math.abs(ofLevel - levels[i]) < 1e-3 * (1 + Math.abs(ofLevel)), `level ${i}: ${levels[i]}, ${ofLevel}`);
  }
});

test("ddim runs the steps with their factors", async () => {
  const states = await runSteps(data.denoise, x, steps);
  let last: Float64Array = x;
  for await (const step of ddim(data.denoise, x, [...steps.sigmas, 0], { factors: steps.factors })) last = step.x;
  for (const [i, value] of last.entries()) assert.ok(Math.abs(value - states[4][i]) < 1e-12);
  await assert.rejects(ddim(data.denoise, x, [2, 1, 0], { factors: [1] }).next(), /1 factors for 2 steps/);
});

test("the energy distance is unbiased, and its gradient that of differences", () => {
  const near = normals(7, "same", 0, 4000);
  const same = energyDistance(normals(8, "same", 0, 4000), 2)(near).loss;
  const other = energyDistance(normals(8, "same", 0, 4000), 2)(near.map((v) => v + 0.5)).loss;
  assert.ok(Math.abs(same) < 0.01 && other > 0.1, `${same}, ${other}`);
  const lossOf = energyDistance(examples, 2);
  const { gradient } = lossOf(x);
  for (const i of [0, 7, 23]) {
    const [up, down] = [1e-5, -1e-5].map((h) => lossOf(x.map((v, k) => (k === i ? v + h : v))).loss);
    assert.ok(Math.abs((up - down) / 2e-5 - gradient[i]) < 1e-6);
  }
});

test("the kernel loss is the unbiased kernel distance, and its gradient that of differences, through features too", async () => {
  const features = normals(9, "features", 0, 60);
  const x = normals(10, "features", 0, 36);
  const lossOf = kernelLoss(features, 6);
  const { loss, gradient } = lossOf(x);
  const { unbiased } = kernelDistance({ data: x, count: 6, dims: 6 }, { data: features, count: 10, dims: 6 });
  assert.ok(Math.abs(loss - unbiased) < 1e-12);
  const slope = async (at: (x: Float64Array) => Promise<number> | number, i: number) => {
    const [up, down] = [1e-5, -1e-5].map((h) => at(x.map((v, k) => (k === i ? v + h : v))));
    return ((await up) - (await down)) / 2e-5;
  };
  // Features that are squares.
  const map = {
    dims: 6,
    features: async (rows: Float64Array) => rows.map((v) => v * v),
    product: async (rows: Float64Array, v: Float64Array) => rows.map((value, i) => 2 * value * v[i]),
  };
  const through = await featureKernelLoss(features, map);
  const ofSquares = await through(x);
  for (const i of [0, 11, 35]) {
    assert.ok(Math.abs((await slope((at) => lossOf(at).loss, i)) - gradient[i]) < 1e-6);
    assert.ok(Math.abs((await slope(async (at) => (await through(at)).loss, i)) - ofSquares.gradient[i]) < 1e-6);
  }
  assert.throws(() => kernelLoss(features, 7), /60 numbers \(two examples or more of 7\)/);
});
