import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { bootstrap, metricDifference, repetitions } from "../../src/metrics/index.ts";
import { near, normals, uniforms } from "./draws.ts";

test("Student's quantiles are those of the tables", () => {
  // Values 0 and ±1 patterns give any n a known mean and deviation: t = half-width / standard error.
  const t = (n: number, level: number) => {
    const { high, mean, standardError } = repetitions(
      Array.from({ length: n }, (_, i) => i),
      { level },
    );
    return (high - mean) / standardError;
  };
  near(t(2, 0.95), 12.706204736, 1e-9);
  near(t(3, 0.95), 4.30265273, 1e-9);
  near(t(5, 0.95), 2.776445105, 1e-9);
  near(t(6, 0.99), 4.032142984, 1e-9);
  near(t(11, 0.9), 1.812461123, 1e-9);
  near(t(1001, 0.95), 1.962339081, 1e-9);
});

test("repetitions: mean, deviation, least value", () => {
  const { mean, std, standardError, minimum, count } = repetitions([2, 4, 9]);
  near(mean, 5, 1e-15);
  near(std, Math.sqrt(13), 1e-15);
  near(standardError, Math.sqrt(13 / 3), 1e-15);
  assert.deepEqual([minimum, count], [2, 3]);
});

test("a 95 % interval covers the mean in about 95 % of repeated experiments", () => {
  const normal = normals(3);
  let covered = 0;
  for (let i = 0; i < 2000; i++) {
    const { low, high } = repetitions([normal(), normal(), normal()]);
    if (low <= 0 && high >= 0) covered++;
  }
  assert.ok(Math.abs(covered / 2000 - 0.95) < 0.02, `${covered / 2000}`);
});

test("the bootstrap's error of a mean is σ/√n, and its interval holds the value", () => {
  const normal = normals(5);
  const values = Float64Array.from({ length: 200 }, () => 3 + 2 * normal());
  const meanOf = (rows: Int32Array) => rows.reduce((sum, i) => sum + values[i], 0) / rows.length;
  const result = bootstrap(200, meanOf, { uniform: uniforms(1) });
  near(result.value, meanOf(Int32Array.from(values, (_, i) => i)), 1e-15);
  const { standardError } = repetitions(values);
  assert.ok(Math.abs(result.standardError / standardError - 1) < 0.1);
  assert.ok(Math.abs(result.high - result.value - 1.96 * standardError) < 0.3 * standardError);
  assert.ok(result.low < result.value && result.value < result.high);
});

test("impossible requests are refused", () => {
  assert.throws(() => repetitions([1]), ConfigError);
  assert.throws(() => repetitions([1, Number.NaN]), /value 1 is NaN/);
  assert.throws(() => repetitions([1, 2], { level: 1 }), ConfigError);
  const uniform = uniforms(1);
  assert.throws(() => bootstrap(0, () => 0, { uniform }), ConfigError);
  assert.throws(() => bootstrap(3, () => Number.NaN, { uniform }), ConfigError);
});

test("differences of means: Welch's test of equal spreads is Student's, pairs cancel what they share", () => {
  const { mean, p, low, high, paired } = metricDifference([1, 2, 3], [2, 3, 4], { paired: false });
  // t = √1.5 with four degrees of freedom.
  assert.ok(mean === 1 && !paired && Math.abs(p - 0.28786) < 1e-4, String(p));
  assert.ok(Math.abs((high - low) / 2 - 2.776445 * Math.sqrt(2 / 3)) < 1e-5);
  const pairs = metricDifference([1, 20, 300], [2, 21, 301], { paired: true });
  assert.deepEqual(pairs, { mean: 1, low: 1, high: 1, p: 0, paired: true });
  assert.equal(metricDifference([1, 2], [1, 2], { paired: true }).p, 1);
  assert.throws(() => metricDifference([1, 2], [1, 2, 3], { paired: true }), ConfigError);
  assert.throws(() => metricDifference([1], [1, 2], { paired: false }), ConfigError);
});
