import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { drawSubset, type Features, kernelDistance, kernelDistanceOfSubsets } from "../../src/metrics/index.ts";
import { near, normalFeatures, row, uniforms } from "./draws.ts";

/** The unbiased distance by its definition, between chosen rows. */
function plain(a: Features, b: Features, rows1: readonly number[], rows2: readonly number[]): number {
  const k = (x: number[], y: number[]) => (x.reduce((sum, value, d) => sum + value * y[d], 0) / x.length + 1) ** 3;
  const [xs, ys] = [rows1.map((i) => row(a, i)), rows2.map((i) => row(b, i))];
  const within = (set: number[][]) =>
    set.flatMap((x, i) => set.flatMap((y, j) => (i === j ? [] : [k(x, y)]))).reduce((sum, value) => sum + value, 0) /
    (set.length * (set.length - 1));
  const across = xs.flatMap((x) => ys.map((y) => k(x, y))).reduce((sum, value) => sum + value, 0);
  return within(xs) + within(ys) - (2 * across) / (xs.length * ys.length);
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

test("the unbiased distance equals its definition at every size", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 20 }),
      fc.integer({ min: 2, max: 20 }),
      fc.integer({ min: 1, max: 9 }),
      (n, m, d) => {
        const [a, b] = [normalFeatures(n, n, d), normalFeatures(m + 50, m, d, (value) => value + 0.3)];
        near(kernelDistance(a, b).unbiased, plain(a, b, range(n), range(m)), 1e-12);
      },
    ),
  );
});

test("more vectors than one block", () => {
  const [a, b] = [normalFeatures(1, 300, 3), normalFeatures(2, 270, 3)];
  near(kernelDistance(a, b).unbiased, plain(a, b, range(300), range(270)), 1e-11);
});

test("averaged over all subsets, the distance is that of the whole sets: it is unbiased", () => {
  const [a, b] = [normalFeatures(1, 5, 2), normalFeatures(2, 4, 2)];
  const triples = (n: number) =>
    range(n).flatMap((i) => range(i).flatMap((j) => range(j).map((k) => [i, j, k] as const)));
  const subsets = triples(5).flatMap((rows1) => triples(4).map((rows2) => ({ rows1, rows2 })));
  const { mean, perSubset } = kernelDistanceOfSubsets(a, b, subsets);
  near(mean, kernelDistance(a, b).unbiased, 1e-12);
  for (const [i, { rows1, rows2 }] of subsets.entries()) near(perSubset[i], plain(a, b, rows1, rows2), 1e-12);
});

test("the biased distance of a set from itself is 0", () => {
  const a = normalFeatures(1, 20, 6);
  near(kernelDistance(a, { ...a }).biased, 0, 1e-12);
  const [same, copy] = [kernelDistance(a, a), kernelDistance(a, { ...a })];
  for (const key of ["unbiased", "biased", "standardError"] as const) near(same[key], copy[key], 1e-12);
});

test("the standard error is the jackknife's, and of the size of the scatter over repetitions", () => {
  const [a, b] = [normalFeatures(1, 6, 3), normalFeatures(2, 5, 3, (value) => value + 1)];
  const spread = (values: number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return ((values.length - 1) / values.length) * values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  };
  const [all1, all2] = [range(6), range(5)];
  const expected = Math.sqrt(
    spread(
      all1.map((out) =>
        plain(
          a,
          b,
          all1.filter((i) => i !== out),
          all2,
        ),
      ),
    ) +
      spread(
        all2.map((out) =>
          plain(
            a,
            b,
            all1,
            all2.filter((i) => i !== out),
          ),
        ),
      ),
  );
  near(kernelDistance(a, b).standardError, expected, 1e-12);
  assert.ok(Number.isNaN(kernelDistance(a, normalFeatures(2, 2, 3)).standardError));

  const runs = range(60).map((seed) =>
    kernelDistance(
      normalFeatures(2 * seed + 1, 80, 2),
      normalFeatures(2 * seed + 2, 80, 2, (value) => value + 1),
    ),
  );
  const values = runs.map(({ unbiased }) => unbiased);
  const scatter = Math.sqrt(spread(values) / (values.length - 1));
  const claimed = runs.reduce((sum, { standardError }) => sum + standardError, 0) / runs.length;
  assert.ok(claimed / scatter > 0.7 && claimed / scatter < 1.6, `claimed ${claimed}, seen ${scatter * Math.sqrt(60)}`);
});

test("drawn subsets: no row twice, the given count and size, the same stream the same result", () => {
  const [a, b] = [normalFeatures(1, 30, 3), normalFeatures(2, 25, 3)];
  const draw = () => kernelDistanceOfSubsets(a, b, { uniform: uniforms(4), count: 7, size: 12 });
  assert.equal(draw().perSubset.length, 7);
  assert.deepEqual(draw(), draw());
  assert.equal(kernelDistanceOfSubsets(a, b, { uniform: uniforms(4) }).perSubset.length, 100);
  const uniform = uniforms(9);
  for (let size = 1; size <= 10; size++) {
    const rows = drawSubset(10, size, uniform);
    assert.equal(new Set(rows).size, size);
    assert.ok(rows.every((i) => i >= 0 && i < 10));
  }
});

test("impossible subsets are refused", () => {
  const [a, b] = [normalFeatures(1, 5, 3), normalFeatures(2, 6, 3)];
  const uniform = uniforms(1);
  assert.throws(
    () => kernelDistanceOfSubsets(a, b, { uniform, size: 6 }),
    /size must be an integer from 2 to 5; got 6/,
  );
  assert.throws(() => kernelDistanceOfSubsets(a, b, { uniform, count: 0 }), ConfigError);
  assert.throws(() => kernelDistanceOfSubsets(a, b, []), ConfigError);
  assert.throws(() => kernelDistanceOfSubsets(a, b, [{ rows1: [0, 5], rows2: [0, 1] }]), /rows1\[1\].*got 5/);
  assert.throws(() => kernelDistanceOfSubsets(a, b, [{ rows1: [0], rows2: [0, 1] }]), ConfigError);
  assert.throws(() => kernelDistance(a, normalFeatures(2, 6, 4)), /sizes differ: 3 and 4/);
});
