import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import {
  addFeatures,
  type Features,
  featureStatistics,
  featuresOf,
  fitGaussian,
  gaussianOf,
  mergeStatistics,
  spatialFeatures,
} from "../../src/metrics/index.ts";
import { near, normalFeatures } from "./draws.ts";

const part = ({ data, dims }: Features, start: number, end: number): Features => ({
  data: data.subarray(start * dims, end * dims),
  count: end - start,
  dims,
});

function plain({ data, count, dims }: Features) {
  const mean = Array.from({ length: dims }, (_, d) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += data[i * dims + d];
    return sum / count;
  });
  const covariance = Array.from({ length: dims * dims }, (_, at) => {
    const [p, q] = [Math.floor(at / dims), at % dims];
    let sum = 0;
    for (let i = 0; i < count; i++) sum += (data[i * dims + p] - mean[p]) * (data[i * dims + q] - mean[q]);
    return sum / (count - 1);
  });
  return { mean, covariance };
}

test("mean and covariance equal the definition, in any blocks and in any order of merging", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 600 }),
      fc.integer({ min: 1, max: 9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (count, dims, at) => {
        const features = normalFeatures(count, count, dims, (value, i, d) => value * (1 + d) + d + i / 100);
        const expected = plain(features);
        const cut = Math.min(count - 1, Math.max(1, Math.round(at * count)));
        const [head, tail] = [featureStatistics(dims), featureStatistics(dims)];
        addFeatures(head, part(features, 0, cut));
        addFeatures(tail, part(features, cut, count));
        const merged = featureStatistics(dims);
        mergeStatistics(merged, tail);
        mergeStatistics(merged, head);
        addFeatures(head, part(features, cut, count));
        for (const statistics of [head, merged]) {
          const { mean, covariance, count: seen } = gaussianOf(statistics);
          assert.equal(seen, count);
          for (const [i, value] of mean.entries()) near(value, expected.mean[i], 1e-12);
          for (const [i, value] of covariance.entries()) near(value, expected.covariance[i], 1e-11);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("a mean 2²⁴ times the deviation costs few digits of the covariance", () => {
  const small = normalFeatures(1, 400, 4);
  const large = { ...small, data: small.data.map((value) => Math.fround(value) + 2 ** 24) };
  const back = { ...small, data: large.data.map((value) => value - 2 ** 24) };
  const [one, two] = [fitGaussian(large), fitGaussian(back)];
  for (const [i, value] of one.covariance.entries()) near(value, two.covariance[i], 1e-9);
});

test("float32 and bytes are the same features", () => {
  const bytes = Uint8Array.from({ length: 60 }, (_, i) => (i * 89) % 256);
  const [a, b, c] = [bytes, Float32Array.from(bytes), Float64Array.from(bytes)].map((data) =>
    fitGaussian({ data, count: 20, dims: 3 }),
  );
  assert.deepEqual(a, c);
  assert.deepEqual(b, c);
});

test("spatial features are the first channels of each map", () => {
  const maps = featuresOf([
    [1, 2, 3, 4, 5, 6],
    [7, 8, 9, 10, 11, 12],
  ]);
  assert.deepEqual([...spatialFeatures(maps, 3, 2).data], [1, 2, 3, 4, 7, 8, 9, 10]);
  assert.throws(() => spatialFeatures(maps, 3), ConfigError);
  assert.throws(() => spatialFeatures(maps, 4, 2), ConfigError);
});

test("what are no features is refused by name", () => {
  const statistics = featureStatistics(2);
  const bad = (features: Features, message: RegExp) =>
    assert.throws(() => addFeatures(statistics, features), { name: "ConfigError", message });
  bad({ data: Float64Array.of(1, 2, 3), count: 1, dims: 3 }, /features have 3 numbers each \(expected 2\)/);
  bad({ data: Float64Array.of(1, 2, 3), count: 2, dims: 2 }, /hold 3 numbers \(expected 2 × 2 = 4\)/);
  bad({ data: Float64Array.of(1, 2, 3, Number.NaN), count: 2, dims: 2 }, /vector 1 has NaN at position 1/);
  bad({ data: new Float64Array(0), count: 0, dims: 2 }, /at least 1 feature vector; got 0/);
  assert.equal(statistics.count, 0);
  assert.throws(() => gaussianOf(statistics), ConfigError);
  assert.throws(() => featureStatistics(0), ConfigError);
  assert.throws(() => mergeStatistics(statistics, featureStatistics(3)), ConfigError);
  assert.throws(() => featuresOf([[1, 2], [3]]), ConfigError);
});
