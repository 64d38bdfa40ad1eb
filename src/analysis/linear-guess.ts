/**
 * How much of an image its noisy version leaves open, by the best linear guess: the one posterior spread that can be had
 * of a coupling known by its pairs alone, in any dimension. Where noise is independent of the image the exact spread is
 * known (`targetPoint`) and smaller; matched noise tells of the image even where it is all there is to see.
 */
import { ConfigError } from "../errors/index.ts";
import { applyToEigenvalues, type Points, symmetricEigen } from "../transport/index.ts";

/** Second moments of images and the noise they meet, in a few directions. */
export interface PairMoments {
  /** Number of directions. */
  readonly rank: number;
  /** E x xᵀ `[rank × rank]`, of images less their mean. */
  readonly data: Float64Array;
  /** E x εᵀ `[rank × rank]`; 0 for independent noise. */
  readonly cross: Float64Array;
}

/** Orthonormal directions and the mean of data. */
export interface Directions {
  readonly mean: Float64Array;
  /** `[rank × dims]`. */
  readonly axes: Float64Array;
  readonly rank: number;
}

/**
 * The directions in which data `[count × dims]` vary most, near enough: the span of a random sketch that has gone through
 * the covariance three times. `normals` are `[rank × dims]` unit normal numbers; `rank` at most dims and count.
 */
export function leadingDirections(data: Points, dims: number, normals: Points): Directions {
  const [count, rank] = [data.length / dims, normals.length / dims];
  if (!(Number.isInteger(count) && Number.isInteger(rank) && rank >= 1 && rank <= Math.min(dims, count)))
    throw new ConfigError(
      `leadingDirections: ${normals.length} normals for ${count} points of ${dims} numbers (rank × dims, rank at most either).`,
    );
  const mean = new Float64Array(dims);
  for (let i = 0, k = 0; i < count; i++) for (let d = 0; d < dims; d++, k++) mean[d] += data[k] / count;
  let axes = Float64Array.from(normals);
  for (let round = 0; round < 3; round++) {
    orthonormalize(axes, dims);
    const seen = coordinates({ mean, axes, rank }, data);
    const next = new Float64Array(rank * dims);
    for (let i = 0; i < count; i++)
      for (let r = 0; r < rank; r++) {
        const along = seen[i * rank + r];
        for (let d = 0; d < dims; d++) next[r * dims + d] += along * (data[i * dims + d] - mean[d]);
      }
    axes = next;
  }
  orthonormalize(axes, dims);
  return { mean, axes, rank };
}

/** Points `[count × dims]` in these directions, `[count × rank]`: less the mean, unless they are noise. */
export function coordinates({ mean, axes, rank }: Directions, points: Points, centred = true): Float64Array {
  const dims = mean.length;
  const out = new Float64Array((points.length / dims) * rank);
  for (let i = 0; i < points.length / dims; i++)
    for (let r = 0; r < rank; r++) {
      let sum = 0;
      for (let d = 0; d < dims; d++) sum += axes[r * dims + d] * (points[i * dims + d] - (centred ? mean[d] : 0));
      out[i * rank + r] = sum;
    }
  return out;
}

/** Second moments of pairs given by their coordinates, both `[pairs × rank]`; without noise, of independent ones. */
export function pairMoments(x: Float64Array, rank: number, noise?: Float64Array): PairMoments {
  const moment = (y: Float64Array) => {
    const out = new Float64Array(rank * rank);
    const pairs = x.length / rank;
    for (let i = 0; i < pairs; i++)
      for (let r = 0; r < rank; r++)
        for (let c = 0; c < rank; c++) out[r * rank + c] += (x[i * rank + r] * y[i * rank + c]) / pairs;
    return out;
  };
  return { rank, data: moment(x), cross: noise ? moment(noise) : new Float64Array(rank * rank) };
}

/**
 * The share of the images' variance that the best linear guess of x from z = x + σ ε leaves open: 0 near the data, 1 where
 * noise tells nothing. The guess is made for the pairs of `fit` and judged by those of `test`, which keeps it honest.
 * σ = Infinity is the noise alone.
 */
export function linearSpread(fit: PairMoments, test: PairMoments, sigma: number): number {
  const { rank: n } = fit;
  if (test.rank !== n) throw new ConfigError(`linearSpread: moments in ${test.rank} directions (${n} expected).`);
  if (!(sigma > 0)) throw new ConfigError(`linearSpread: sigma: ${sigma} (expected > 0).`);
  // z over max(1, σ), so that σ may be infinite.
  const scale = Math.max(1, sigma);
  const [ofData, ofNoise] = [1 / scale, sigma === Number.POSITIVE_INFINITY ? 1 : sigma / scale];
  const moments = ({ data, cross }: PairMoments) => {
    const xz = data.map((value, k) => ofData * value + ofNoise * cross[k]);
    const zz = data.map((value, k) => {
      const [i, j] = [Math.floor(k / n), k % n];
      const mixed = ofData * ofNoise * (cross[k] + cross[j * n + i]);
      return ofData ** 2 * value + mixed + (i === j ? ofNoise ** 2 : 0);
    });
    return { xz, zz };
  };
  const [known, judged] = [moments(fit), moments(test)];
  const inverse = applyToEigenvalues(symmetricEigen(known.zz, n), (value) => 1 / Math.max(value, 1e-12));
  const guess = product(known.xz, inverse, n);
  const image = product(guess, judged.zz, n);
  let [left, all] = [0, 0];
  for (let i = 0; i < n; i++) {
    all += test.data[i * n + i];
    left += test.data[i * n + i];
    for (let j = 0; j < n; j++) left += guess[i * n + j] * (image[i * n + j] - 2 * judged.xz[i * n + j]);
  }
  return left / all;
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) out[i * n + j] += a[i * n + k] * b[k * n + j];
  return out;
}

/** Gram and Schmidt, twice for good measure, in place. */
function orthonormalize(axes: Float64Array, dims: number): void {
  const rows = axes.length / dims;
  const axis = (r: number) => axes.subarray(r * dims, (r + 1) * dims);
  for (let r = 0; r < rows; r++) {
    const own = axis(r);
    for (let round = 0; round < 2; round++)
      for (let s = 0; s < r; s++) {
        const other = axis(s);
        const along = own.reduce((sum, value, d) => sum + value * other[d], 0);
        for (let d = 0; d < dims; d++) own[d] -= along * other[d];
      }
    const length = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dims; d++) own[d] /= length;
  }
}
