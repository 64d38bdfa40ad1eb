/** Mean and covariance of features as they arrive, in float64, mergeable across workers. */
import { ConfigError } from "../errors/index.ts";
import { checkFeatures, checkInteger, type Features } from "./features.ts";
import { addProducts, type Rows } from "./tiles.ts";

/** Running moments of feature vectors: plain data, so they can be posted to another worker and merged there. */
export interface FeatureStatistics {
  readonly dims: number;
  /** Vectors seen so far. */
  count: number;
  /** Their mean, `[dims]`. */
  readonly mean: Float64Array;
  /** Σ (f − mean)(f − mean)ᵀ, `[dims, dims]`; only the lower triangle is kept. */
  readonly scatter: Float64Array;
}

/** A Gaussian fitted to features: all that the Fréchet distance sees of them. */
export interface FeatureGaussian {
  /** `[dims]` */
  readonly mean: Float64Array;
  /** `[dims, dims]`, symmetric, normalised by n − 1. */
  readonly covariance: Float64Array;
  /** How many vectors it was fitted to, where known. Distances at different counts do not compare. */
  readonly count?: number;
}

/** Statistics of no features yet. */
export function featureStatistics(dims: number): FeatureStatistics {
  checkInteger("featureStatistics", "dims", dims, 1);
  return { dims, count: 0, mean: new Float64Array(dims), scatter: new Float64Array(dims * dims) };
}

/** Vectors centred and multiplied at a time: enough to make the pass over the scatter matrix cheap. */
const blockRows = 256;

/**
 * Takes more features into account. Blocks are combined by their own means (Chan, Golub and LeVeque 1983), so nothing
 * cancels when the mean is large, and the result does not depend on how the features were cut into blocks.
 */
export function addFeatures(statistics: FeatureStatistics, features: Features): void {
  checkFeatures("addFeatures", features);
  const { dims, mean } = statistics;
  if (features.dims !== dims)
    throw new ConfigError(`addFeatures: features have ${features.dims} numbers each (expected ${dims}).`);
  for (let start = 0; start < features.count; start += blockRows) {
    const rows = Math.min(blockRows, features.count - start);
    const block = features.data.subarray(start * dims, (start + rows) * dims);
    if (statistics.count === 0) for (let d = 0; d < dims; d++) mean[d] = block[d];

    // From the mean so far to the mean of the block.
    const step = new Float64Array(dims);
    for (let i = 0; i < rows; i++) for (let d = 0; d < dims; d++) step[d] += block[i * dims + d] - mean[d];
    for (let d = 0; d < dims; d++) step[d] /= rows;

    // The block's centred columns, and one more for the step: what it adds to the scatter of both together.
    const columns = rows + 1;
    const centred = new Float64Array(dims * columns);
    const weight = Math.sqrt((statistics.count * rows) / (statistics.count + rows));
    for (let i = 0; i < rows; i++)
      for (let d = 0; d < dims; d++) centred[d * columns + i] = block[i * dims + d] - mean[d] - step[d];
    for (let d = 0; d < dims; d++) centred[d * columns + rows] = weight * step[d];
    addLowerProducts(statistics.scatter, centred, dims, columns);

    statistics.count += rows;
    for (let d = 0; d < dims; d++) mean[d] += step[d] * (rows / statistics.count);
  }
}

/** Takes the features of `other` into account, as if they had been added here. */
export function mergeStatistics(statistics: FeatureStatistics, other: FeatureStatistics): void {
  const { dims, mean, scatter } = statistics;
  if (other.dims !== dims)
    throw new ConfigError(`mergeStatistics: features have ${other.dims} numbers each (expected ${dims}).`);
  if (other.count === 0) return;
  const total = statistics.count + other.count;
  const step = other.mean.map((value, d) => value - mean[d]);
  const weight = (statistics.count * other.count) / total;
  for (let i = 0; i < dims; i++)
    for (let j = 0; j <= i; j++) scatter[i * dims + j] += other.scatter[i * dims + j] + weight * step[i] * step[j];
  for (let d = 0; d < dims; d++) mean[d] += step[d] * (other.count / total);
  statistics.count = total;
}

/** The Gaussian with the features' mean and covariance (n − 1); needs at least two vectors. */
export function gaussianOf({ dims, count, mean, scatter }: FeatureStatistics): FeatureGaussian {
  if (count < 2) throw new ConfigError(`gaussianOf: a covariance needs at least 2 feature vectors; got ${count}.`);
  const covariance = new Float64Array(dims * dims);
  for (let i = 0; i < dims; i++)
    for (let j = 0; j <= i; j++)
      covariance[i * dims + j] = covariance[j * dims + i] = scatter[i * dims + j] / (count - 1);
  return { mean: mean.slice(), covariance, count };
}

/** The Gaussian of one set of features that is all in memory. */
export function fitGaussian(features: Features): FeatureGaussian {
  const statistics = featureStatistics(features.dims);
  addFeatures(statistics, features);
  return gaussianOf(statistics);
}

/** out += a aᵀ for rows `a`, `[dims, columns]`, in the blocks of 64 rows that touch the lower triangle. */
function addLowerProducts(out: Float64Array, a: Float64Array, dims: number, columns: number): void {
  const rows = (offset: number, count: number): Rows => ({ data: a, offset: offset * columns, stride: columns, count });
  for (let i = 0; i < dims; i += 64) {
    const height = Math.min(64, dims - i);
    addProducts(
      { data: out, offset: i * dims, stride: dims, count: height },
      rows(i, height),
      rows(0, i + height),
      columns,
    );
  }
}
