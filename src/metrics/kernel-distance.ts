/** Kernel distance: the squared maximum mean discrepancy under a cubic kernel, KID (Bińkowski et al. 2018). */
import { ConfigError } from "../errors/index.ts";
import { checkInteger, checkPair, type Features } from "./features.ts";
import { drawSubset, type Uniform } from "./subsets.ts";
import { addProducts, type Rows, rowsOf } from "./tiles.ts";

/** The squared maximum mean discrepancy between two whole sets, under k(x, y) = (x·y/d + 1)³. */
export interface KernelDistance {
  /** Without the diagonals of Kxx and Kyy: its expectation is the distance itself, so it can be negative. */
  readonly unbiased: number;
  /** With the diagonals: never negative, too large by O(1/n). */
  readonly biased: number;
  /** Standard error of `unbiased`, by leaving out each vector once (jackknife); errs on the large side near 0. NaN for fewer than three. */
  readonly standardError: number;
}

/** Rows of the first and of the second set that make one subset. */
export interface SubsetPair {
  readonly rows1: ArrayLike<number>;
  readonly rows2: ArrayLike<number>;
}

/** Subsets to draw. */
export interface SubsetDraws {
  /** Where randomness comes from. */
  readonly uniform: Uniform;
  /** How many subsets. 100, as customary. */
  readonly count?: number;
  /** Vectors of each set in a subset. 1000, as customary, or as many as the smaller set has. */
  readonly size?: number;
}

/** Kernel distances of subsets: KID as it is usually reported. */
export interface SubsetDistances {
  /** Unbiased distance of each subset. */
  readonly perSubset: Float64Array;
  readonly mean: number;
  /** Population standard deviation over subsets: how much a subset varies. It is no standard error of `mean`. */
  readonly std: number;
}

/** The kernel distance between two whole sets of at least two vectors each; d(n + m)² operations. */
export function kernelDistance(a: Features, b: Features): KernelDistance {
  checkPair("kernelDistance", a, b, 2);
  const [n, m] = [a.count, b.count];
  const [xx, xy] = [kernelSums(a, a), kernelSums(a, b)];
  const yy = kernelSums(b, b);
  const diagonals = [sum(xx.diagonal), sum(yy.diagonal)];
  const [totalX, totalY, cross] = [sum(xx.rows), sum(yy.rows), sum(xy.rows)];
  const [offX, offY] = [totalX - diagonals[0], totalY - diagonals[1]];
  const unbiased = offX / (n * (n - 1)) + offY / (m * (m - 1)) - (2 * cross) / (n * m);
  const biased = totalX / n ** 2 + totalY / m ** 2 - (2 * cross) / (n * m);

  // Without x_i, its row and column are gone from Kxx and its row from Kxy; without y_j likewise.
  const leaveOne = (own: typeof xx, off: number, pairs: Float64Array, otherPart: number, others: number) =>
    jackknifeVariance(
      own.rows.map((row, i) => {
        const left = own.rows.length - 1;
        const inside = (off - 2 * (row - own.diagonal[i])) / (left * (left - 1));
        return inside + otherPart - (2 * (cross - pairs[i])) / (left * others);
      }),
    );
  const standardError =
    Math.min(n, m) < 3
      ? Number.NaN
      : Math.sqrt(
          leaveOne(xx, offX, xy.rows, offY / (m * (m - 1)), m) +
            leaveOne(yy, offY, xy.columns, offX / (n * (n - 1)), n),
        );
  return { unbiased, biased, standardError };
}

/** KID over given or drawn subsets: the unbiased kernel distance of each, their mean and their spread. */
export function kernelDistanceOfSubsets(
  a: Features,
  b: Features,
  subsets: readonly SubsetPair[] | SubsetDraws,
): SubsetDistances {
  checkPair("kernelDistanceOfSubsets", a, b, 2);
  const pairs = "uniform" in subsets ? drawPairs(a, b, subsets) : subsets;
  if (pairs.length === 0) throw new ConfigError("kernelDistanceOfSubsets: got no subset (expected at least one).");
  const perSubset = Float64Array.from(pairs, ({ rows1, rows2 }, i) => {
    const [x, y] = [take(a, rows1, `subset ${i}, rows1`), take(b, rows2, `subset ${i}, rows2`)];
    const [xx, yy] = [kernelSums(x, x), kernelSums(y, y)];
    return (
      (sum(xx.rows) - sum(xx.diagonal)) / (x.count * (x.count - 1)) +
      (sum(yy.rows) - sum(yy.diagonal)) / (y.count * (y.count - 1)) -
      (2 * sum(kernelSums(x, y).rows)) / (x.count * y.count)
    );
  });
  const mean = sum(perSubset) / perSubset.length;
  const variance = perSubset.reduce((total, value) => total + (value - mean) ** 2, 0) / perSubset.length;
  return { perSubset, mean, std: Math.sqrt(variance) };
}

function drawPairs(
  a: Features,
  b: Features,
  { uniform, count = 100, size = Math.min(1000, a.count, b.count) }: SubsetDraws,
): SubsetPair[] {
  checkInteger("kernelDistanceOfSubsets", "count", count, 1);
  checkInteger("kernelDistanceOfSubsets", "size", size, 2, Math.min(a.count, b.count));
  return Array.from({ length: count }, () => ({
    rows1: drawSubset(a.count, size, uniform),
    rows2: drawSubset(b.count, size, uniform),
  }));
}

function take({ data, count, dims }: Features, rows: ArrayLike<number>, where: string): Features {
  if (rows.length < 2)
    throw new ConfigError(`kernelDistanceOfSubsets: ${where}: needs at least 2 rows; got ${rows.length}.`);
  const taken = new Float64Array(rows.length * dims);
  for (let i = 0; i < rows.length; i++) {
    checkInteger("kernelDistanceOfSubsets", `${where}[${i}]`, rows[i], 0, count - 1);
    taken.set(data.subarray(rows[i] * dims, (rows[i] + 1) * dims), i * dims);
  }
  return { data: taken, count: rows.length, dims };
}

/** Sums of k(x, y) over each row and column; for a set with itself, over each row, and the diagonal. */
function kernelSums(a: Features, b: Features) {
  const self = a === b;
  const rows = new Float64Array(a.count);
  const columns = self ? rows : new Float64Array(b.count);
  const diagonal = new Float64Array(self ? a.count : 0);
  const [height, width] = [256, 256];
  const values = new Float64Array(height * width);
  for (let j = 0; j < b.count; j += width) {
    const right = rowsOf(b, j, Math.min(width, b.count - j));
    // Of a set with itself only the blocks on and below the diagonal; those below stand for those above.
    for (let i = self ? j : 0; i < a.count; i += height) {
      const left = rowsOf(a, i, Math.min(height, a.count - i));
      const out: Rows = { data: values.fill(0), offset: 0, stride: width, count: left.count };
      addProducts(out, left, right, a.dims);
      for (let y = 0; y < left.count; y++)
        for (let x = 0; x < right.count; x++) {
          const base = values[y * width + x] / a.dims + 1;
          const k = base * base * base;
          rows[i + y] += k;
          if (!self) columns[j + x] += k;
          else if (i !== j) rows[j + x] += k;
          else if (x === y) diagonal[i + y] = k;
        }
    }
  }
  return { rows, columns, diagonal };
}

/** Variance of a statistic from its values with each item left out once. */
function jackknifeVariance(values: Float64Array): number {
  const mean = sum(values) / values.length;
  const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
  return ((values.length - 1) / values.length) * squares;
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
