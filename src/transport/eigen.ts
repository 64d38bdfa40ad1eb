/** Eigenvalues and functions of small symmetric matrices, by Jacobi rotations. */
import { ConfigError } from "../errors/index.ts";

/** A symmetric matrix as V diag(values) Vᵀ; column k of `vectors` `[n × n]` belongs to `values[k]`. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/**
 * Decomposes a symmetric matrix `[n × n]` by cyclic Jacobi rotations, which find small eigenvalues to high relative
 * accuracy; O(n³) a sweep, six to ten sweeps. Only the average of the two triangles is used.
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number): Eigen {
  if (matrix.length !== n * n)
    throw new ConfigError(`symmetricEigen: ${matrix.length} entries (expected ${n} × ${n}).`);
  const a = Float64Array.from({ length: n * n }, (_, k) => (matrix[k] + matrix[(k % n) * n + Math.floor(k / n)]) / 2);
  if (!a.every(Number.isFinite)) throw new ConfigError("symmetricEigen: an entry is not finite (expected numbers).");
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;

  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q];
        // Negligible beside both diagonal entries.
        if (Math.abs(apq) <= 1e-17 * Math.sqrt(Math.abs(a[p * n + p] * a[q * n + q])) || apq === 0) continue;
        rotated = true;
        const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < n; k++) rotate(a, k * n + p, k * n + q, c, s);
        for (let k = 0; k < n; k++) rotate(a, p * n + k, q * n + k, c, s);
        for (let k = 0; k < n; k++) rotate(vectors, k * n + p, k * n + q, c, s);
        a[p * n + q] = 0;
        a[q * n + p] = 0;
      }
    if (!rotated) break;
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]), vectors };
}

function rotate(a: Float64Array, i: number, j: number, c: number, s: number): void {
  const x = a[i];
  const y = a[j];
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}

/** V diag(f(values)) Vᵀ. */
export function applyToEigenvalues({ values, vectors }: Eigen, f: (value: number) => number): Float64Array {
  const n = values.length;
  const mapped = values.map(f);
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += vectors[i * n + k] * mapped[k] * vectors[j * n + k];
      out[i * n + j] = sum;
    }
  return out;
}

/** The square root of a symmetric positive semidefinite matrix; eigenvalues below 0 by rounding count as 0. */
export function symmetricSqrt(matrix: ArrayLike<number>, n: number): Float64Array {
  return applyToEigenvalues(symmetricEigen(matrix, n), (value) => Math.sqrt(Math.max(0, value)));
}
