import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  divergence,
  divergenceGenerator,
  divergenceSlope,
  dsmVariance,
  dsmVariance1d,
  dsmVarianceGaussian,
  largestDivergence,
  posterior,
  posteriorDivergence,
  sampledStableVariance,
  stableVariance,
} from "../../src/analysis/index.ts";
import { normalQuantile } from "../../src/diffusion/index.ts";
import { normals, stream } from "../../src/random/index.ts";

const near = (actual: number, expected: number, tolerance: number, what = "") =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} (expected ${expected} ± ${tolerance})`);
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b) / values.length;
const data = Float64Array.from(normals(1, "data", 0, 10));

test("two points: the posterior is a logistic function", () => {
  const {
    logWeights,
    mean: m,
    traceCovariance,
    effectiveSampleSize,
  } = posterior(Float64Array.of(-1, 1), Float64Array.of(0.3), 0.7);
  const w = 1 / (1 + Math.exp((-2 * 0.3) / 0.7 ** 2));
  near(Math.exp(logWeights[1]), w, 1e-14);
  near(m[0], 2 * w - 1, 1e-14);
  near(traceCovariance, 4 * w * (1 - w), 1e-14);
  near(effectiveSampleSize, 1 / (w * w + (1 - w) ** 2), 1e-13);
});

test("a variance far below rounding keeps its digits", () => {
  const { traceCovariance } = posterior(Float64Array.of(0, 1), Float64Array.of(0), 0.05);
  const w = Math.exp(-1 / (2 * 0.05 ** 2));
  near(traceCovariance / w, 1, 1e-12);
});

test("very noisy points leave the posterior uniform; the size runs from 1 to N", () => {
  const wide = posterior(data, data.subarray(0, 2), 1e6);
  near(wide.effectiveSampleSize, 5, 1e-6);
  near(posterior(data, data.subarray(0, 2), 1e-3).effectiveSampleSize, 1, 1e-12);
  assert.throws(() => posterior(data, data.subarray(0, 3), 1), /expected a multiple/);
  assert.throws(() => posterior(data, data.subarray(0, 2), 0), /sigma: 0/);
});

test("V_DSM: the quadrature agrees with sampling, VP with VE, and a fine sample with the Gaussian", () => {
  const x = Float64Array.of(-1, 0.2, 0.9);
  const noise = normals(2, "noise", 0, 20_000);
  const exact = dsmVariance1d(x, 0.6);
  const sampled = dsmVariance({ data: x, dims: 1, noise, sigma: 0.6 });
  near(sampled.value / exact.value, 1, 0.02);
  near(exact.timesSigma2, exact.value * 0.36, 1e-12);
  near(exact.timesSigma4, exact.value * 0.1296, 1e-12);
  // z = α x + σ ε: the score is larger by 1/α², as is the target's variance with the same σ/α.
  const vp = dsmVariance({ data: x, dims: 1, noise: noise.subarray(0, 100), sigma: 0.3, alpha: 0.5 });
  const ve = dsmVariance({ data: x, dims: 1, noise: noise.subarray(0, 100), sigma: 0.6 });
  near(vp.value, ve.value / 0.25, 1e-10 * vp.value);
  const many = Float64Array.from({ length: 301 }, (_, k) => normalQuantile((k + 0.5) / 301));
  near(dsmVariance1d(many, 1).value / dsmVarianceGaussian(1, 1, 1).value, 1, 0.02);
});

test("V_STF: one reference is denoising score matching, more vary less, sampling agrees with enumeration", () => {
  const z = Float64Array.from(normals(3, "z", 0, 6));
  const sigma = 0.8;
  const options = { data, dims: 2, z, sigma };
  const variance = (referenceSize: number) => stableVariance({ ...options, referenceSize });
  const dsm = variance(1);
  for (let i = 0; i < 3; i++)
    near(dsm[i], posterior(data, z.subarray(2 * i, 2 * i + 2), sigma).traceCovariance / sigma ** 4, 1e-11);
  for (let n = 2; n <= 6; n++)
    variance(n).forEach((value, i) => {
      assert.ok(value < variance(n - 1)[i]);
    });
  const exact = variance(4);
  sampledStableVariance({ ...options, referenceSize: 4 }, 40_000, stream(4, "references")).forEach((value, i) => {
    near(value / exact[i], 1, 0.05);
  });
  assert.throws(() => variance(0), /referenceSize: 0/);
  assert.throws(() => variance(200), /sampledStableVariance/);
  assert.throws(() => sampledStableVariance({ ...options, referenceSize: 2 }, 0, stream(1, "x")), /batches: 0/);
});

test("D: 0 for a uniform posterior, largest for a sure one, never negative, unmoved by permutation", () => {
  for (const n of [1, 2, 7]) {
    near(divergence(new Float64Array(n).fill(-Math.log(n))), 0, 1e-14);
    const sure = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
    sure[0] = 0;
    near(divergence(sure), largestDivergence(n), 1e-9);
  }
  fc.assert(
    fc.property(fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }), (given) => {
      const total = given.reduce((a, b) => a + b);
      const logs = given.map((w) => Math.log(w / total));
      const value = divergence(logs);
      assert.ok(value >= -1e-12 && value <= largestDivergence(given.length) + 1e-9);
      near(divergence([...logs].reverse()), value, 1e-9 * (1 + value));
      const direct = given.reduce((sum, w) => sum + (w / total) * divergenceGenerator(total / (given.length * w)), 0);
      near(value, direct, 1e-9 * (1 + value));
    }),
    { numRuns: 100 },
  );
});

test("the generator of D is continuously differentiable and convex", () => {
  for (const y of [0.2, 0.9, 1, 1.4, 1.6, 4]) {
    const h = 1e-6;
    near(divergenceSlope(y), (divergenceGenerator(y + h) - divergenceGenerator(y - h)) / (2 * h), 1e-4);
  }
  near(divergenceGenerator(1.5 - 1e-12), divergenceGenerator(1.5), 1e-11);
  near(divergenceSlope(1.5 - 1e-12), divergenceSlope(1.5), 1e-11);
  assert.equal(divergenceGenerator(1), 0);
});

test("D(t) falls as the noise grows", () => {
  const noise = normals(5, "noise", 0, 10);
  let last = Number.POSITIVE_INFINITY;
  for (const sigma of [0.05, 0.5, 2, 8]) {
    const z = data.map((value, k) => value + sigma * noise[k]);
    const at = mean(posteriorDivergence(data, z, 2, sigma));
    assert.ok(at < last);
    last = at;
  }
});
