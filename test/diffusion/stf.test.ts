import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alphaOf, convert, mixture, pathNames, stableTargets } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";

const dims = 5;
const count = 12;
const rows = 4;
const references = normals(1, "references", 0, count * dims);
const own = [3, 0, 11, 7];
const x = Float64Array.from(own.flatMap((k) => [...references.subarray(k * dims, (k + 1) * dims)]));
const noise = normals(1, "noise", 0, rows * dims);
const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i] - b[i]) <= tolerance, `${i}: ${a[i]} and ${b[i]}`);
};
const noisy = (sigma: number) => x.map((v, i) => v + sigma * noise[i]);

test("without references the target is the sample itself, bit for bit", () => {
  for (const sigma of [1e-3, 1, 1e3]) {
    const levels = new Float64Array(rows).fill(sigma);
    const none = stableTargets({ dims, x, noise, sigma: levels, references: new Float64Array(0) });
    assert.deepEqual(none.target, x);
    assert.deepEqual([...none.effectiveSampleSize], [1, 1, 1, 1]);
    const row = (i: number, of: Float64Array) => of.slice(i * dims, (i + 1) * dims);
    const itself = stableTargets({
      dims,
      x: row(2, x),
      noise: row(2, noise),
      sigma: [sigma],
      references: row(2, x),
      own: [0],
    });
    assert.deepEqual(itself.target, row(2, x));
  }
});

test("with all of the data the target is its ideal denoiser, and the score of it the exact score", () => {
  const data = mixture({ means: references, dims });
  for (const sigma of [0.01, 0.1, 0.5, 1, 3, 50]) {
    const z = noisy(sigma);
    const { target } = stableTargets({ dims, x, noise, sigma: new Float64Array(rows).fill(sigma), references, own });
    close(target, data.denoise(z, sigma), 1e-12);
    const score = convert("x", "score", { alpha: 1, sigma }, z, target);
    const exact = data.score(z, sigma);
    for (const [i, value] of score.entries()) assert.ok(Math.abs(value - exact[i]) <= 1e-9 * (1 / sigma ** 2));
  }
});

test("every path sees the same target: the densities of z on it give the same weights", () => {
  for (const path of pathNames)
    for (const sigma of [0.2, 1, 4]) {
      const alpha = alphaOf(path, sigma);
      const std = alpha * sigma;
      const { target } = stableTargets({ dims, x, noise, sigma: new Float64Array(rows).fill(sigma), references, own });
      for (let row = 0; row < rows; row++) {
        const z = Array.from({ length: dims }, (_, d) => alpha * x[row * dims + d] + std * noise[row * dims + d]);
        const at = (k: number) => references.subarray(k * dims, (k + 1) * dims);
        const densities = Array.from({ length: count }, (_, k) =>
          Math.exp(-z.reduce((sum, value, d) => sum + (value - alpha * at(k)[d]) ** 2, 0) / (2 * std ** 2)),
        );
        const total = densities.reduce((a, b) => a + b, 0);
        const mean = z.map((_, d) => densities.reduce((sum, p, k) => sum + (p / total) * at(k)[d], 0));
        close(target.subarray(row * dims, (row + 1) * dims), mean, 1e-9);
      }
    }
});

test("labels leave what a subset of the references gives; label −1 takes all", () => {
  const referenceLabels = Array.from({ length: count }, (_, k) => k % 3);
  const labels = own.map((k) => referenceLabels[k]);
  const sigma = [0.5, 1, 2, 5];
  const all = stableTargets({ dims, x, noise, sigma, references, own });
  const classwise = stableTargets({ dims, x, noise, sigma, references, own, labels, referenceLabels });
  const mixed = stableTargets({
    dims,
    x,
    noise,
    sigma,
    references,
    own,
    labels: [labels[0], -1, -1, -1],
    referenceLabels,
  });
  for (let row = 0; row < rows; row++) {
    const of = (flat: Float64Array) => flat.slice(row * dims, (row + 1) * dims);
    const members = referenceLabels.flatMap((label, k) => (label === labels[row] && k !== own[row] ? [k] : []));
    const alone = stableTargets({
      dims,
      x: of(x),
      noise: of(noise),
      sigma: [sigma[row]],
      references: Float64Array.from(members.flatMap((k) => [...references.subarray(k * dims, (k + 1) * dims)])),
    });
    close(of(classwise.target), alone.target, 1e-14);
    assert.ok(classwise.effectiveSampleSize[row] <= members.length + 1 + 1e-9);
    assert.deepEqual(of(mixed.target), of((row === 0 ? classwise : all).target));
  }
});

test("at small noise levels float32 inputs give the exact weights, also of nearly equal samples", () => {
  // Pairs at distances of a few σ in 3072 dimensions, where ‖z‖² + ‖x‖² − 2 z·x would be off by many nats.
  const wide = 3072;
  const sigma = 0.002;
  const base = Float32Array.from(normals(2, "base", 0, wide));
  const near = base.slice();
  for (let d = 0; d < 6; d++) near[d] += sigma;
  const eps = Float32Array.from(normals(2, "eps", 0, wide));
  const { weights } = stableTargets({ dims: wide, x: base, noise: eps, sigma: [sigma], references: near });
  let [squared, along] = [0, 0];
  for (let d = 0; d < 6; d++) {
    squared += ((base[d] - near[d]) / sigma) ** 2;
    along += (eps[d] * (base[d] - near[d])) / sigma;
  }
  const odds = Math.exp(-squared / 2 - along);
  assert.ok(odds > 1e-3 && odds < 1e3);
  assert.ok(Math.abs(weights[0] - odds / (1 + odds)) < 1e-12);
});

test("equal samples share their weight at any noise level", () => {
  const three = Float64Array.from([...x.subarray(0, dims), ...x.subarray(0, dims), ...x.subarray(dims, 2 * dims)]);
  const first = { dims, x: x.subarray(0, dims), noise: noise.subarray(0, dims), references: three, own: [1] };
  const { weights, ownWeight, effectiveSampleSize } = stableTargets({ ...first, sigma: [1e-4] });
  assert.deepEqual([...weights], [0.5, 0, 0]);
  assert.equal(ownWeight[0], 0.5);
  assert.equal(effectiveSampleSize[0], 2);
});

test("whatever the batch, weights add up to 1, and the order of the references does not matter", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 200 }), (seed, n) => {
      const draws = stream(seed, "property");
      // Large enough to be cut into several blocks.
      const wide = 300;
      const some = draws.fillNormal(new Float64Array(n * wide));
      const one = draws.fillNormal(new Float64Array(wide));
      const eps = draws.fillNormal(new Float64Array(wide));
      const sigma = [Math.exp(3 * draws.normal())];
      const order = draws.permutation(n);
      const shuffled = Float64Array.from([...order].flatMap((k) => [...some.subarray(k * wide, (k + 1) * wide)]));
      const a = stableTargets({ dims: wide, x: one, noise: eps, sigma, references: some });
      const b = stableTargets({ dims: wide, x: one, noise: eps, sigma, references: shuffled });
      assert.ok(Math.abs(a.ownWeight[0] + a.weights.reduce((sum, w) => sum + w, 0) - 1) < 1e-12);
      assert.ok(a.effectiveSampleSize[0] >= 1 - 1e-12 && a.effectiveSampleSize[0] <= n + 1 + 1e-9);
      close(a.target, b.target, 1e-10);
      for (const [i, k] of order.entries()) assert.ok(Math.abs(b.weights[i] - a.weights[k]) < 1e-12);
    }),
    { numRuns: 30 },
  );
});

test("sizes that do not fit and noise levels that are none are named", () => {
  const good = { dims, x, noise, sigma: [1, 1, 1, 1], references };
  for (const wrong of [
    { noise: noise.subarray(1) },
    { sigma: [1, 1] },
    { sigma: [1, 1, 0, 1] },
    { sigma: [1, 1, Number.NaN, 1] },
    { references: references.subarray(1) },
    { x: x.subarray(1) },
    { own: [0] },
    { labels: [0, 0, 0, 0] },
    { labels: [0], referenceLabels: new Uint8Array(count) },
    { labels: [0, 0, 0, 0], referenceLabels: [1] },
  ])
    assert.throws(() => stableTargets({ ...good, ...wrong }), ConfigError, Object.keys(wrong).join());
});

test("the mean of targets over all that the references could be is the ideal denoiser: stable targets have no bias", () => {
  const points = references.subarray(0, 4 * dims);
  const at = (k: number) => points.slice(k * dims, (k + 1) * dims);
  const z = noise.slice(0, dims);
  for (const sigma of [0.4, 1, 3])
    for (const replacement of [true, false]) {
      const ideal = mixture({ means: points, dims });
      const { weights } = stableTargets({
        dims,
        x: z,
        noise: new Float64Array(dims),
        sigma: [sigma],
        references: points,
      });
      // x̃ = z belongs to point k with the posterior probability of k; z itself, taken as a sample, has to go.
      const total = weights.reduce((a, b) => a + b, 0);
      const mean = new Float64Array(dims);
      let mass = 0;
      for (let own = 0; own < 4; own++)
        for (let a = 0; a < 4; a++)
          for (let b = 0; b < 4; b++) {
            if (!replacement && new Set([own, a, b]).size < 3) continue;
            const x0 = at(own);
            const eps = z.map((v, d) => (v - x0[d]) / sigma);
            const others = Float64Array.from([...at(a), ...at(b)]);
            const { target } = stableTargets({ dims, x: x0, noise: eps, sigma: [sigma], references: others });
            const p = weights[own] / total;
            mass += p;
            for (let d = 0; d < dims; d++) mean[d] += p * target[d];
          }
      close(
        mean.map((v) => v / mass),
        ideal.denoise(z, sigma),
        1e-12,
      );
    }
});
