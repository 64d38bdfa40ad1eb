/** Exact Wasserstein distances where they have a closed form: Gaussians, one dimension, slices; and by assignment. */
import { ConfigError } from "../errors/index.ts";
import { assign } from "./assignment.ts";
import { type Costs, countPoints, type Points } from "./costs.ts";
import { symmetricEigen, symmetricSqrt } from "./eigen.ts";

/** N(mean, Σ): Σ full, row-major `[n × n]`, or diagonal, given by the standard deviations. */
export type Gaussian =
  | { readonly mean: ArrayLike<number>; readonly covariance: ArrayLike<number> }
  | { readonly mean: ArrayLike<number>; readonly std: ArrayLike<number> };

/**
 * W₂² between Gaussians: ‖m₁ − m₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁^½ Σ₂ Σ₁^½)^½), and ‖m₁ − m₂‖² + ‖s₁ − s₂‖² if both are diagonal.
 */
export function gaussianW2Squared(p: Gaussian, q: Gaussian): number {
  const n = p.mean.length;
  if (q.mean.length !== n)
    throw new ConfigError(`gaussianW2Squared: means of ${n} and ${q.mean.length} dimensions (expected the same).`);
  let squared = 0;
  for (let i = 0; i < n; i++) squared += (p.mean[i] - q.mean[i]) ** 2;
  if ("std" in p && "std" in q) {
    for (let i = 0; i < n; i++) squared += (p.std[i] - q.std[i]) ** 2;
    return squared;
  }
  const first = covarianceOf(p);
  const second = covarianceOf(q);
  const root = symmetricSqrt(first, n);
  const inner = multiply(multiply(root, second, n), root, n);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += first[i * n + i] + second[i * n + i];
  for (const value of symmetricEigen(inner, n).values) trace -= 2 * Math.sqrt(Math.max(0, value));
  return squared + Math.max(0, trace);
}

/** W_p between two samples on a line, of any two sizes: the L^p distance of their quantile functions. Default p = 2. */
export function wasserstein1d(x: ArrayLike<number>, y: ArrayLike<number>, p = 2): number {
  if (x.length === 0 || y.length === 0)
    throw new ConfigError("wasserstein1d: an empty sample (expected a number or more).");
  const a = Float64Array.from(x).sort();
  const b = Float64Array.from(y).sort();
  let sum = 0;
  // Walk the merged steps of both quantile functions, in units of 1/(nm).
  for (let i = 0, j = 0, at = 0; i < a.length && j < b.length; ) {
    const next = Math.min((i + 1) * b.length, (j + 1) * a.length);
    sum += (next - at) * Math.abs(a[i] - b[j]) ** p;
    at = next;
    if (next === (i + 1) * b.length) i++;
    if (next === (j + 1) * a.length) j++;
  }
  return (sum / (a.length * b.length)) ** (1 / p);
}

/** Sliced W₂: the root mean square of W₂ over projections onto unit `directions` `[slices × dims]`; see `unitDirections`. */
export function slicedW2(x: Points, y: Points, dims: number, directions: Points): number {
  countPoints("slicedW2: x", x, dims);
  countPoints("slicedW2: y", y, dims);
  const slices = countPoints("slicedW2: directions", directions, dims);
  let sum = 0;
  for (let s = 0; s < slices; s++) {
    const direction = directions.subarray(s * dims, (s + 1) * dims);
    sum += wasserstein1d(project(x, direction), project(y, direction)) ** 2;
  }
  return Math.sqrt(sum / slices);
}

/** Directions uniform on the sphere, from unit normal numbers `[slices × dims]`. */
export function unitDirections(normals: Points, dims: number): Float64Array {
  const out = Float64Array.from(normals);
  for (let s = 0; s < countPoints("unitDirections: normals", normals, dims); s++) {
    const direction = out.subarray(s * dims, (s + 1) * dims);
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dims; d++) direction[d] /= length;
  }
  return out;
}

/**
 * Exact transport between uniform measures: the least mean cost of a plan. Sides of different size are split into equal
 * parts, as many as the least common multiple, at most 4096.
 */
export function exactTransport(costs: Costs): number {
  const { rows, columns, data } = costs;
  if (rows === columns) return assign(costs).cost / rows;
  const parts = (rows / gcd(rows, columns)) * columns;
  if (parts > 4096)
    throw new ConfigError(
      `exactTransport: ${rows} and ${columns} points split into ${parts} parts (expected at most 4096). Use equal numbers.`,
    );
  const split = Float64Array.from(
    { length: parts * parts },
    (_, k) =>
      data[Math.floor((Math.floor(k / parts) * rows) / parts) * columns + Math.floor(((k % parts) * columns) / parts)],
  );
  return assign({ rows: parts, columns: parts, data: split }).cost / parts;
}

function covarianceOf(g: Gaussian): Float64Array {
  const n = g.mean.length;
  if ("std" in g)
    return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? g.std[k / (n + 1)] ** 2 : 0));
  if (g.covariance.length !== n * n)
    throw new ConfigError(`gaussianW2Squared: covariance of ${g.covariance.length} entries (expected ${n} × ${n}).`);
  return Float64Array.from(g.covariance);
}

function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) out[i * n + j] += a[i * n + k] * b[k * n + j];
  return out;
}

function project(points: Points, direction: Points): Float64Array {
  const dims = direction.length;
  const out = new Float64Array(points.length / dims);
  for (let i = 0; i < out.length; i++) for (let d = 0; d < dims; d++) out[i] += points[i * dims + d] * direction[d];
  return out;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
