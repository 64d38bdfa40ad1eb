import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  distances,
  exactTransport,
  gaussianW2Squared,
  slicedW2,
  symmetricEigen,
  symmetricSqrt,
  unitDirections,
  wasserstein1d,
} from "../../src/transport/index.ts";
import { normals } from "./points.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} (expected ${expected} ± ${tolerance})`);

/** A Aᵀ of random A: positive definite. */
function covariance(n: number, seed: number): Float64Array {
  const a = normals(n * n, seed);
  return Float64Array.from({ length: n * n }, (_, k) => {
    let sum = 0;
    for (let d = 0; d < n; d++) sum += a[Math.floor(k / n) * n + d] * a[(k % n) * n + d];
    return sum;
  });
}

test("eigenvectors are orthonormal and rebuild the matrix; the root squares to it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 500 }), (n, seed) => {
      const m = covariance(n, seed);
      const { values, vectors } = symmetricEigen(m, n);
      const root = symmetricSqrt(m, n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          let [rebuilt, gram, square] = [0, 0, 0];
          for (let k = 0; k < n; k++) {
            rebuilt += vectors[i * n + k] * values[k] * vectors[j * n + k];
            gram += vectors[k * n + i] * vectors[k * n + j];
            square += root[i * n + k] * root[k * n + j];
          }
          near(rebuilt, m[i * n + j], 1e-11 * n);
          near(square, m[i * n + j], 1e-10 * n);
          near(gram, i === j ? 1 : 0, 1e-12 * n);
        }
    }),
    { numRuns: 40 },
  );
  const swap = symmetricEigen([0, 1, 1, 0], 2).values.slice().sort();
  near(swap[0], -1, 1e-15);
  near(swap[1], 1, 1e-15);
  assert.throws(() => symmetricEigen([1, 2, 3], 2), /expected 2 × 2/);
});

test("W₂ between Gaussians: closed forms, symmetry, zero, and agreement of full with diagonal", () => {
  near(gaussianW2Squared({ mean: [0], std: [1] }, { mean: [3], std: [5] }), 9 + 16, 1e-12);
  for (const seed of [1, 2, 3]) {
    const n = 4;
    const p = { mean: normals(n, seed), covariance: covariance(n, seed + 10) };
    const q = { mean: normals(n, seed + 20), covariance: covariance(n, seed + 30) };
    near(gaussianW2Squared(p, q), gaussianW2Squared(q, p), 1e-9);
    near(gaussianW2Squared(p, p), 0, 1e-9);
    const std = Float64Array.of(0.2, 1, 3, 0.5);
    const full = Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? std[k / (n + 1)] ** 2 : 0));
    const diagonal = { mean: p.mean, std };
    near(gaussianW2Squared(diagonal, q), gaussianW2Squared({ mean: p.mean, covariance: full }, q), 1e-10);
  }
  assert.throws(() => gaussianW2Squared({ mean: [0], std: [1] }, { mean: [0, 1], std: [1, 1] }), /1 and 2 dimensions/);
});

test("W on a line equals exact transport, for unequal sizes too", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 99 }),
      (n, m, seed) => {
        const [x, y] = [normals(n, seed), normals(m, seed + 100)];
        near(wasserstein1d(x, y) ** 2, exactTransport(distances(x, y, 1, { metric: "squared-euclidean" })), 1e-10);
        near(wasserstein1d(x, y, 1), exactTransport(distances(x, y, 1)), 1e-10);
      },
    ),
    { numRuns: 40 },
  );
});

test("sliced W₂ of a translation is ‖d‖/√dims over all directions, and exact along axes", () => {
  const x = normals(60, 1);
  const y = x.map((value, k) => value + [3, 0, 4][k % 3]);
  near(slicedW2(x, y, 3, Float64Array.of(1, 0, 0)), 3, 1e-12);
  near(slicedW2(x, y, 3, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1)), 5 / Math.sqrt(3), 1e-12);
  near(slicedW2(x, y, 3, unitDirections(normals(6000, 2), 3)), 5 / Math.sqrt(3), 0.1);
});
