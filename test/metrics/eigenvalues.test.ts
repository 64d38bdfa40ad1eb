import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { symmetricEigenvalues } from "../../src/metrics/index.ts";
import { near, normalFeatures, rotated } from "./draws.ts";

/** QᵀΛQ for a random rotation Q: the rows of diag(λ) rotated, then its columns. */
function withEigenvalues(lambda: readonly number[], seed: number): Float64Array {
  const n = lambda.length;
  const diagonal = Float64Array.from({ length: n * n }, (_, at) =>
    at % (n + 1) === 0 ? lambda[Math.floor(at / n)] : 0,
  );
  const half = rotated({ data: diagonal, count: n, dims: n }, seed).data;
  const turned = Float64Array.from({ length: n * n }, (_, at) => half[(at % n) * n + Math.floor(at / n)]);
  return rotated({ data: turned, count: n, dims: n }, seed).data;
}

test("the second-difference matrix has eigenvalues 2 − 2 cos(kπ/(n + 1))", () => {
  for (const n of [1, 2, 3, 10, 101]) {
    const a = Float64Array.from({ length: n * n }, (_, at) => {
      const step = Math.abs(Math.floor(at / n) - (at % n));
      return step === 0 ? 2 : step === 1 ? -1 : 0;
    });
    const values = symmetricEigenvalues(a, n);
    for (let k = 1; k <= n; k++) near(values[k - 1], 2 - 2 * Math.cos((k * Math.PI) / (n + 1)), 1e-13);
  }
});

test("eigenvalues are those the matrix was made from", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 40 }), (lambda) => {
      const values = symmetricEigenvalues(withEigenvalues(lambda, 5), lambda.length);
      const expected = lambda.toSorted((a, b) => a - b);
      for (const [i, value] of values.entries()) near(value, expected[i], 1e-12);
    }),
  );
});

test("repeated, zero and widely spread eigenvalues", () => {
  for (const lambda of [
    Array.from({ length: 50 }, () => 3),
    Array.from({ length: 50 }, (_, i) => (i < 45 ? 0 : 1)),
    Array.from({ length: 50 }, (_, i) => 2 ** -i),
    Array.from({ length: 50 }, () => 0),
  ]) {
    const values = symmetricEigenvalues(withEigenvalues(lambda, 9), lambda.length);
    const expected = lambda.toSorted((a, b) => a - b);
    for (const [i, value] of values.entries()) assert.ok(Math.abs(value - expected[i]) < 1e-14 * lambda.length);
  }
});

test("tr A and tr A² are kept at 150 dimensions", () => {
  const n = 150;
  const { data } = normalFeatures(4, n, n);
  const a = Float64Array.from({ length: n * n }, (_, at) => data[at] + data[(at % n) * n + Math.floor(at / n)]);
  const trace = Array.from({ length: n }, (_, i) => a[i * (n + 1)]).reduce((sum, value) => sum + value, 0);
  const squares = a.reduce((sum, value) => sum + value ** 2, 0);
  const values = symmetricEigenvalues(a, n);
  near(
    values.reduce((sum, value) => sum + value, 0),
    trace,
    1e-11,
  );
  near(
    values.reduce((sum, value) => sum + value ** 2, 0),
    squares,
    1e-12,
  );
});
