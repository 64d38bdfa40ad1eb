import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { type FeatureGaussian, type Features, fitGaussian, frechetDistance } from "../../src/metrics/index.ts";
import { near, normalFeatures, type Rows64, rotated } from "./draws.ts";

const diagonal = (mean: readonly number[], variances: readonly number[]): FeatureGaussian => ({
  mean: Float64Array.from(mean),
  covariance: Float64Array.from({ length: variances.length ** 2 }, (_, at) =>
    at % (variances.length + 1) === 0 ? variances[at / (variances.length + 1)] : 0,
  ),
});

const shifted = (features: Rows64, by: number): Features => ({
  ...features,
  data: features.data.map((value) => value + by),
});

test("commuting covariances: Σ (Δμ)² + Σ (s₁ − s₂)²", () => {
  const entry = fc.record({
    m1: fc.double({ min: -3, max: 3, noNaN: true }),
    m2: fc.double({ min: -3, max: 3, noNaN: true }),
    s1: fc.double({ min: 0, max: 3, noNaN: true }),
    s2: fc.double({ min: 0, max: 3, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 30 }), (entries) => {
      const one = diagonal(
        entries.map(({ m1 }) => m1),
        entries.map(({ s1 }) => s1 ** 2),
      );
      const two = diagonal(
        entries.map(({ m2 }) => m2),
        entries.map(({ s2 }) => s2 ** 2),
      );
      const mean = entries.reduce((sum, { m1, m2 }) => sum + (m1 - m2) ** 2, 0);
      const covariance = entries.reduce((sum, { s1, s2 }) => sum + (s1 - s2) ** 2, 0);
      const result = frechetDistance(one, two);
      near(result.mean, mean, 1e-12);
      near(result.covariance, covariance, 1e-6);
      near(result.distance, mean + covariance, 1e-6);
    }),
  );
});

test("two dimensions: Tr (Σ₁Σ₂)^½ = √(Tr Σ₁Σ₂ + 2 √det Σ₁Σ₂)", () => {
  const covariance = (a: number, b: number, c: number) => ({
    mean: new Float64Array(2),
    covariance: Float64Array.of(a, b, b, c),
  });
  const [one, two] = [covariance(2, 0.7, 1), covariance(0.5, -0.3, 3)];
  const product = 2 * 0.5 + 2 * 0.7 * -0.3 + 1 * 3;
  const determinant = (2 * 1 - 0.7 ** 2) * (0.5 * 3 - 0.3 ** 2);
  near(
    frechetDistance(one, two).distance,
    2 + 1 + 0.5 + 3 - 2 * Math.sqrt(product + 2 * Math.sqrt(determinant)),
    1e-13,
  );
});

test("the distance is symmetric, and unchanged when all features turn or move together", () => {
  const a = normalFeatures(1, 300, 40, (value, _, d) => value * (1 + d / 10));
  const b = normalFeatures(2, 250, 40, (value, _, d) => value * (3 - d / 20) + d / 30);
  const { distance } = frechetDistance(a, b);
  near(frechetDistance(b, a).distance, distance, 1e-12);
  near(frechetDistance(rotated(a, 7), rotated(b, 7)).distance, distance, 1e-11);
  near(frechetDistance(shifted(a, 100), shifted(b, 100)).distance, distance, 1e-10);
});

test("a shift by one in every dimension is worth the number of dimensions; no shift nothing", () => {
  const a = normalFeatures(3, 100, 70);
  near(frechetDistance(a, shifted(a, 1)).distance, 70, 1e-9);
  near(frechetDistance(a, a).distance, 0, 1e-9);
});

test("fewer samples than dimensions: the nuclear norm of the cross products", () => {
  // Tr (Σ₁Σ₂)^½ = ‖X₁X₂ᵀ‖_* / √((n₁−1)(n₂−1)). Two points each make both centred sets multiples of one difference.
  const a: Features = { data: Float64Array.of(0, 0, 0, 0, 2, 0, 0, 0), count: 2, dims: 4 };
  const b: Features = { data: Float64Array.of(0, 0, 0, 0, 3, 4, 0, 0), count: 2, dims: 4 };
  // Centred: ±(1,0,0,0) and ±(1.5,2,0,0); covariances dd'/2 with d = (2,0,…) and (3,4,…); trace of root |d₁·d₂|/2 = 3.
  const result = frechetDistance(a, b);
  near(result.covariance, 4 / 2 + 25 / 2 - 2 * 3, 1e-12);
  near(result.mean, 0.5 ** 2 + 2 ** 2, 1e-12);
});

test("covariances without a direction in common have only their traces", () => {
  const result = frechetDistance(diagonal([0, 0], [4, 0]), diagonal([0, 0], [0, 9]));
  near(result.distance, 13, 1e-12);
  near(frechetDistance(diagonal([1, 0], [0, 0]), diagonal([0, 0], [0, 9])).distance, 10, 1e-12);
  const turn = (features: Features) => fitGaussian(rotated(features, 3));
  const one = turn(normalFeatures(1, 60, 20, (value, _, d) => (d < 8 ? value : 0)));
  const two = turn(normalFeatures(2, 60, 20, (value, _, d) => (d < 8 ? 0 : value)));
  const { distance, lowest } = frechetDistance(one, two);
  const trace = ({ covariance }: FeatureGaussian) =>
    Array.from({ length: 20 }, (_, i) => covariance[i * 21]).reduce((sum, value) => sum + value, 0);
  near(distance, trace(one) + trace(two) + one.mean.reduce((s, v, i) => s + (v - two.mean[i]) ** 2, 0), 1e-6);
  assert.ok(lowest <= 0 && lowest > -1e-12);
});

test("a thousandfold scale scales the distance a millionfold", () => {
  const [a, b] = [normalFeatures(1, 30, 12), normalFeatures(2, 30, 12, (value) => 2 * value + 1)];
  const scale = (features: Rows64, by: number) => ({
    ...features,
    data: features.data.map((value) => value * by),
  });
  const { distance } = frechetDistance(a, b);
  for (const by of [1e-3, 1e3, 1e-60, 1e60])
    near(frechetDistance(scale(a, by), scale(b, by)).distance / by ** 2, distance, 1e-11);
});

test("what is no Gaussian is refused", () => {
  const good = diagonal([0, 0], [1, 1]);
  const bad = (value: FeatureGaussian | Features, message: RegExp) => {
    assert.throws(() => frechetDistance(value, good), { name: "ConfigError", message });
    assert.throws(() => frechetDistance(good, value), { name: "ConfigError", message });
  };
  bad(diagonal([0, 0, 0], [1, 1, 1]), /sizes differ/);
  bad({ mean: new Float64Array(2), covariance: new Float64Array(3) }, /has 3 numbers \(expected 2 × 2/);
  bad({ mean: Float64Array.of(0, Number.NaN), covariance: good.covariance }, /must be finite; got NaN/);
  bad({ mean: new Float64Array(2), covariance: Float64Array.of(1, 0.5, 0, 1) }, /must be symmetric/);
  bad(diagonal([0, 0], [1, -1]), /negative eigenvalue/);
  bad({ mean: new Float64Array(2), covariance: Float64Array.of(1, 2, 2, 1) }, /negative eigenvalue/);
  bad({ data: Float64Array.of(1, 2), count: 1, dims: 2 }, /at least 2 feature vectors/);
  assert.throws(() => frechetDistance(diagonal([], []), diagonal([], [])), ConfigError);
});
