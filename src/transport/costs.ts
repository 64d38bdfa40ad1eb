/** Cost matrices between two sets of points. */
import { ConfigError, unknownName } from "../errors/index.ts";

/** The cost of every pair: `data[i × columns + j]` for row i and column j; Infinity forbids the pair. */
export interface Costs {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
}

/** Points laid flat, `[count × dims]`. */
export type Points = Float32Array | Float64Array;

/**
 * What a pair of points costs. `"euclidean"` is ‖x − y‖, what the AOT code minimises (its paper only says "L2");
 * `"squared-euclidean"` is ‖x − y‖², which optimal-transport flow matching minimises and Wasserstein-2 is made of: the two
 * have different optimal assignments. `"half-squared-euclidean"` is ½‖x − y‖², the usual cost of Sinkhorn divergences.
 */
export type Metric = (typeof metrics)[number];
const metrics = ["euclidean", "squared-euclidean", "half-squared-euclidean"] as const;

export interface DistanceOptions {
  /** Default `"euclidean"`. */
  readonly metric?: Metric;
  /** Storage of the result; sums are float64 in either case. float32 halves the memory. Default `"float64"`. */
  readonly precision?: "float32" | "float64";
  /** Inner products x·y of all pairs, `[n × m]`, where a matrix engine has made them in single precision; computed here if left out. */
  readonly products?: Float32Array;
}

/** Below this fraction of ‖x‖² + ‖y‖², the expanded square has lost too many digits and the difference is taken directly. */
const cancelled = { float64: 1e-4, float32: 1e-2 };

/**
 * All distances between points x `[n × dims]` and y `[m × dims]`, as costs with a row for each x. Computed as
 * ‖x‖² + ‖y‖² − 2 x·y in float64, in blocks that stay in cache, and from the differences where that would cancel.
 */
export function distances(
  x: Points,
  y: Points,
  dims: number,
  { metric = "euclidean", precision = "float64", products }: DistanceOptions = {},
): Costs {
  if (!metrics.includes(metric)) throw unknownName("distances: metric", metric, metrics);
  const rows = countPoints("distances: x", x, dims);
  const columns = countPoints("distances: y", y, dims);
  if (products && products.length !== rows * columns)
    throw new ConfigError(`distances: products: ${products.length} numbers (expected ${rows} × ${columns}).`);
  const dots = products ?? innerProducts(new Float64Array(x), new Float64Array(y), dims);
  const data =
    precision === "float32"
      ? new Float32Array(rows * columns)
      : dots instanceof Float64Array
        ? dots
        : new Float64Array(rows * columns);
  const least = cancelled[products ? "float32" : "float64"];
  const xx = squaredNorms(x, dims);
  const yy = squaredNorms(y, dims);
  const root = metric === "euclidean";
  const factor = metric === "half-squared-euclidean" ? 0.5 : 1;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const norms = xx[i] + yy[j];
      let squared = norms - 2 * dots[i * columns + j];
      if (squared < least * norms) squared = squaredDistance(x, i * dims, y, j * dims, dims);
      data[i * columns + j] = root ? Math.sqrt(squared) : factor * squared;
    }
  return { rows, columns, data };
}

/** Number of points in a flat array; ConfigError if it is not a whole number of them. */
export function countPoints(where: string, points: Points, dims: number): number {
  const count = points.length / dims;
  if (!Number.isInteger(count) || dims < 1)
    throw new ConfigError(`${where}: ${points.length} numbers (expected a multiple of dims = ${dims}).`);
  return count;
}

/** ‖a_i − b_j‖², both starting at the given offsets. */
export function squaredDistance(a: Points, i: number, b: Points, j: number, dims: number): number {
  let sum = 0;
  for (let k = 0; k < dims; k++) {
    const d = a[i + k] - b[j + k];
    sum += d * d;
  }
  return sum;
}

/** The same costs with rows and columns exchanged. */
export function transpose({ rows, columns, data }: Costs): Costs {
  const turned = data instanceof Float32Array ? new Float32Array(data.length) : new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j];
  return { rows: columns, columns: rows, data: turned };
}

function squaredNorms(a: Points, dims: number): Float64Array {
  const norms = new Float64Array(a.length / dims);
  for (let i = 0, k = 0; i < norms.length; i++) {
    let sum = 0;
    for (const end = k + dims; k < end; k++) sum += a[k] * a[k];
    norms[i] = sum;
  }
  return norms;
}

/** Rows of b and depth of a block: 64 × 512 numbers of 8 bytes stay in a second-level cache. */
const blockRows = 64;
const blockDepth = 512;

/** a bᵀ for a `[n × dims]`, b `[m × dims]`. */
function innerProducts(a: Float64Array, b: Float64Array, dims: number): Float64Array {
  const n = a.length / dims;
  const m = b.length / dims;
  const out = new Float64Array(n * m);
  for (let depth = 0; depth < dims; depth += blockDepth) {
    const to = Math.min(dims, depth + blockDepth);
    for (let block = 0; block < m; block += blockRows) {
      const last = Math.min(m, block + blockRows);
      for (let i = 0; i < n; i += 4)
        for (let j = block; j < last; j += 2)
          if (i + 4 <= n && j + 2 <= last) tile(a, b, out, i, j, m, dims, depth, to);
          else
            for (let p = i; p < Math.min(n, i + 4); p++)
              for (let q = j; q < Math.min(last, j + 2); q++) {
                let sum = 0;
                for (let k = depth; k < to; k++) sum += a[p * dims + k] * b[q * dims + k];
                out[p * m + q] += sum;
              }
    }
  }
  return out;
}

/** Adds the 4 × 2 tile of products at (i, j), from depth `from` to `to`: eight sums in registers, six loads for eight products. */
function tile(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  i: number,
  j: number,
  m: number,
  dims: number,
  from: number,
  to: number,
): void {
  const a0 = i * dims;
  const a1 = a0 + dims;
  const a2 = a1 + dims;
  const a3 = a2 + dims;
  const b0 = j * dims;
  const b1 = b0 + dims;
  let s00 = 0;
  let s01 = 0;
  let s10 = 0;
  let s11 = 0;
  let s20 = 0;
  let s21 = 0;
  let s30 = 0;
  let s31 = 0;
  for (let k = from; k < to; k++) {
    const x0 = a[a0 + k];
    const x1 = a[a1 + k];
    const x2 = a[a2 + k];
    const x3 = a[a3 + k];
    const y0 = b[b0 + k];
    s00 += x0 * y0;
    s10 += x1 * y0;
    s20 += x2 * y0;
    s30 += x3 * y0;
    const y1 = b[b1 + k];
    s01 += x0 * y1;
    s11 += x1 * y1;
    s21 += x2 * y1;
    s31 += x3 * y1;
  }
  const o = i * m + j;
  out[o] += s00;
  out[o + 1] += s01;
  out[o + m] += s10;
  out[o + m + 1] += s11;
  out[o + 2 * m] += s20;
  out[o + 2 * m + 1] += s21;
  out[o + 3 * m] += s30;
  out[o + 3 * m + 1] += s31;
}
