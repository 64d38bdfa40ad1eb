import assert from "node:assert/strict";
import { test } from "node:test";
import { bandLogSnr, phases, posterior, radialSpectrum, targetPoint } from "../../src/analysis/index.ts";
import { mixture } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";

// Two Gaussians in 64 dimensions, as narrow as the distance between them is wide.
const dims = 64;
const centre = new Array<number>(dims).fill(0.5);
const data = mixture({ means: [centre, centre.map((c) => -c)], stds: 0.05 });
const at = (sigma: number, references: readonly number[], trials = 400) =>
  targetPoint({ data, sigma, references, trials, stream: stream(1, "trials", Math.round(1000 * sigma)) });

test("one reference is plain training: V_STF is V_DSM", () => {
  for (const sigma of [0.5, 2, 8]) {
    const { dsm, stable } = at(sigma, [1], 3000);
    assert.ok(Math.abs(stable[0].value - dsm.value) < 5 * stable[0].standardError);
    assert.ok(Math.abs(stable[0].effectiveSampleSize - 1) < 1e-9);
  }
});

test("far from the data V_STF ≤ V_DSM/(n − 1) (Xu, Tong & Jaakkola 2023, Theorem 2); everywhere V_STF ≤ V_DSM", () => {
  const sizes = [2, 5, 20, 100];
  for (const sigma of [8, 30])
    for (const [i, { value, standardError }] of at(sigma, sizes).stable.entries()) {
      const bound = at(sigma, []).dsm.value / (sizes[i] - 1);
      assert.ok(value < bound + 4 * standardError, `σ = ${sigma}, n = ${sizes[i]}: ${value}, bound ${bound}`);
      assert.ok(value > 0.3 * bound, "and not much less");
    }
  for (const sigma of [0.3, 1, 3]) {
    const { dsm, stable } = at(sigma, [4, 16]);
    for (const { value, standardError } of stable) assert.ok(value < dsm.value + 4 * standardError);
  }
});

test("targets scatter in the middle: little near the data, most between the modes, little far away", () => {
  const sigmas = [0.8, 1.2, 1.6, 2, 2.5, 3, 4, 8, 16];
  const variances = sigmas.map((sigma) => at(sigma, [], 600).dsm.timesSigma2);
  const { from, peak, to } = phases(sigmas, variances);
  assert.ok(from > 0.8 && to < 16 && peak > 1 && peak < 5, `${from} to ${to}, most at ${peak}`);
});

test("the middle phase is where the curve is above half its peak, without gaps", () => {
  const sigmas = [1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual(phases(sigmas, [9, 1, 6, 10, 5, 4, 8]), { from: 3, peak: 4, to: 5 });
  assert.deepEqual(phases(sigmas, [9, 1, 6, 10, 5, 4, 8], 0.3), { from: 3, peak: 4, to: 7 });
});

test("the spread is that of the data far away, and that of the posterior of finite data anywhere", () => {
  const points = normals(2, "points", 0, 30);
  const finite = mixture({ means: points, dims: 3 });
  const z = normals(2, "z", 0, 3);
  for (const sigma of [0.5, 2]) {
    const { traceCovariance } = posterior(points, z, sigma);
    assert.ok(Math.abs(sigma ** 2 * finite.divergence(z, sigma)[0] - traceCovariance) < 1e-10);
  }
  const { spread } = targetPoint({ data: finite, sigma: 1e6, references: [], trials: 2, stream: stream(1, "far") });
  const mean = [0, 1, 2].map((d) => points.reduce((sum, v, i) => (i % 3 === d ? sum + v / 10 : sum), 0));
  const variance = points.reduce((sum, v, i) => sum + (v - mean[i % 3]) ** 2 / 30, 0);
  assert.ok(Math.abs(spread / Math.sqrt(variance) - 1) < 1e-4);
});

test("entropy goes from nothing to that of all points", () => {
  const points = normals(2, "points", 0, 30);
  assert.equal(posterior(points, points.slice(0, 3), 1e-4).entropy, 0);
  assert.ok(Math.abs(posterior(points, points.slice(0, 3), 1e5).entropy - Math.log(10)) < 1e-6);
});

test("noise has no log-SNR against itself, at any radius", () => {
  const images = normals(3, "noise", 0, 500 * 256).map((v) => 1.5 * v);
  const spectrum = radialSpectrum(images, { height: 16, width: 16 });
  for (const value of bandLogSnr(spectrum, [16, 16], 1.5).subarray(1)) assert.ok(Math.abs(value) < 0.1);
  assert.ok(bandLogSnr(spectrum, [16, 16], 15)[3] < -4);
});

test("no trial, or no reference, is a ConfigError", () => {
  assert.throws(() => at(1, [0]), ConfigError);
  assert.throws(() => at(1, [1], 1), ConfigError);
});
