import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import {
  type Features,
  featuresOf,
  memorisation,
  nearestNeighbours,
  precisionRecall,
  twoSampleTest,
} from "../../src/metrics/index.ts";
import { near, normalFeatures, rotated, row } from "./draws.ts";

const squared = (x: number[], y: number[]) => x.reduce((sum, value, d) => sum + (value - y[d]) ** 2, 0);
const rowsOf = (features: Features) => Array.from({ length: features.count }, (_, i) => row(features, i));

test("neighbours are those of a sorted list of all distances", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 6, max: 300 }), (n, m) => {
      const [queries, references] = [normalFeatures(n, n, 3), normalFeatures(m + 30, m, 3)];
      const { index, squaredDistance } = nearestNeighbours(queries, references, 5);
      for (const [i, query] of rowsOf(queries).entries()) {
        const sorted = rowsOf(references)
          .map((reference, j) => ({ j, distance: squared(query, reference) }))
          .sort((a, b) => a.distance - b.distance);
        for (let k = 0; k < 5; k++) {
          assert.equal(index[i * 5 + k], sorted[k].j);
          near(squaredDistance[i * 5 + k], sorted[k].distance, 1e-13);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("a vector is not its own neighbour, but its copy is", () => {
  const set = featuresOf([[0], [5], [0], [7]]);
  const { index, squaredDistance } = nearestNeighbours(set, set, 1);
  assert.deepEqual([...index], [2, 3, 0, 1]);
  assert.deepEqual([...squaredDistance], [0, 4, 0, 4]);
  assert.throws(() => nearestNeighbours(set, set, 4), /k must be an integer from 1 to 3; got 4/);
});

test("precision, recall, density and coverage equal their definitions", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 5, max: 40 }),
      fc.integer({ min: 5, max: 40 }),
      fc.integer({ min: 1, max: 4 }),
      (n, m, k) => {
        const real = normalFeatures(n, n, 2);
        const generated = normalFeatures(m + 99, m, 2, (value) => value * 0.8 + 0.5);
        const radius = (set: number[][]) =>
          set.map(
            (x, i) =>
              set
                .filter((_, j) => j !== i)
                .map((y) => squared(x, y))
                .sort((a, b) => a - b)[k - 1],
          );
        const [xs, ys] = [rowsOf(real), rowsOf(generated)];
        const [rx, ry] = [radius(xs), radius(ys)];
        const share = (flags: boolean[]) => flags.filter(Boolean).length / flags.length;
        const inside = ys.map((y) => xs.filter((x, i) => squared(x, y) <= rx[i]).length);
        const result = precisionRecall(real, generated, { k });
        near(result.precision, share(inside.map((count) => count > 0)), 1e-15);
        near(result.recall, share(xs.map((x) => ys.some((y, j) => squared(x, y) <= ry[j]))), 1e-15);
        near(result.density, inside.reduce((sum, count) => sum + count, 0) / (k * m), 1e-14);
        near(result.coverage, share(xs.map((x, i) => ys.some((y) => squared(x, y) <= rx[i]))), 1e-15);
        for (const [i, value] of result.radiiReal.entries()) near(value, Math.sqrt(rx[i]), 1e-13);
      },
    ),
    { numRuns: 40 },
  );
});

test("a copy of the real set is perfect, a distant set is worthless, turning both changes nothing", () => {
  const real = normalFeatures(1, 60, 5);
  const same = precisionRecall(real, { ...real });
  assert.deepEqual([same.precision, same.recall, same.coverage], [1, 1, 1]);
  const away = precisionRecall(
    real,
    normalFeatures(2, 60, 5, (value) => value + 100),
  );
  assert.deepEqual([away.precision, away.recall, away.density, away.coverage], [0, 0, 0, 0]);
  const near5 = normalFeatures(3, 50, 5, (value) => 1.3 * value);
  const [plain, turned] = [precisionRecall(real, near5), precisionRecall(rotated(real, 4), rotated(near5, 4))];
  for (const key of ["precision", "recall", "density", "coverage"] as const) assert.equal(plain[key], turned[key]);
  assert.throws(() => precisionRecall(real, near5, { k: 60 }), ConfigError);
});

test("copies of training images are found, and new images are not", () => {
  const training = normalFeatures(1, 200, 8);
  const fresh = normalFeatures(2, 50, 8);
  const copies: Features = {
    data: training.data.slice(0, 80).map((value, at) => (at < 40 ? value : value + 1e-3)),
    count: 10,
    dims: 8,
  };
  const honest = memorisation(fresh, training);
  assert.equal(honest.copied, 0);
  assert.equal(honest.exact, 0);
  const caught = memorisation(copies, training);
  assert.equal(caught.copied, 1);
  assert.equal(caught.exact, 0.5);
  assert.deepEqual([...caught.nearest], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  near(caught.distance[9], 1e-3 * Math.sqrt(8), 1e-10);
  // Twins in the training set hide a copy from the ratio, not from `exact`.
  const twins = memorisation(
    featuresOf([[1, 2]]),
    featuresOf([
      [1, 2],
      [1, 2],
      [3, 3],
    ]),
  );
  assert.deepEqual([twins.ratio[0], twins.copied, twins.exact], [1, 0, 1]);
  assert.throws(() => memorisation(fresh, training, { threshold: 0 }), ConfigError);
  assert.throws(() => memorisation(training, training), ConfigError);
});

test("the classifier cannot tell two samples of one distribution, and tells distant ones", () => {
  const [a, b] = [normalFeatures(1, 500, 2), normalFeatures(2, 500, 2)];
  for (const k of [1, 5]) {
    const { accuracy, standardError } = twoSampleTest(a, b, { k });
    assert.ok(Math.abs(accuracy - 0.5) < 3 * standardError, `k ${k}: ${accuracy} ± ${standardError}`);
  }
  const away = normalFeatures(2, 500, 2, (value) => value + 20);
  assert.deepEqual(twoSampleTest(a, away), { accuracy: 1, accuracyFirst: 1, accuracySecond: 1, standardError: 0 });
  const half = twoSampleTest(
    a,
    normalFeatures(2, 500, 2, (value) => value + 1),
  );
  assert.ok(half.accuracy > 0.55 && half.accuracy < 0.8);
});

test("unequal sizes favour no set; copies score below a half", () => {
  const [a, b] = [normalFeatures(1, 900, 2), normalFeatures(2, 300, 2)];
  const { accuracy, standardError } = twoSampleTest(a, b, { k: 15 });
  assert.ok(Math.abs(accuracy - 0.5) < 4 * standardError, `${accuracy} ± ${standardError}`);
  assert.equal(twoSampleTest(a, { ...a, data: a.data.slice() }).accuracy, 0);
});
