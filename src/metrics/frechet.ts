/** The Fréchet distance between two Gaussians of features: FID, sFID and their like (Heusel et al. 2017). */
import { ConfigError } from "../errors/index.ts";
import { pivotedCholesky } from "./cholesky.ts";
import { symmetricEigenvalues } from "./eigenvalues.ts";
import type { Features } from "./features.ts";
import { type FeatureGaussian, fitGaussian } from "./statistics.ts";
import { addProducts, type Rows } from "./tiles.ts";

/** A Fréchet distance, its two parts, and what rounding did to it. */
export interface FrechetDistance {
  /** ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½): a squared length, as FID is by custom. Never negative. */
  readonly distance: number;
  /** ‖μ₁ − μ₂‖², the part that a shift of all features explains. */
  readonly mean: number;
  /** Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), the part that is left. */
  readonly covariance: number;
  /** Eigenvalues of Σ₁Σ₂ that came out negative by rounding and were taken as 0. */
  readonly clamped: number;
  /** The most negative of them, the largest (or the largest variances' product) being 1; 0 if none was. −1e-16 is rounding. */
  readonly lowest: number;
}

/** Below this share of the largest eigenvalue or diagonal a negative one is no rounding: the matrix is no covariance. */
const tolerance = 1e-3;

/**
 * Fréchet distance between two sets of features, or between Gaussians fitted to them before. Σ₁ = LLᵀ by pivoted
 * Cholesky, of any rank; (Σ₁Σ₂)^½ then has the trace of (LᵀΣ₂L)^½, the sum of the roots of its eigenvalues, so that no
 * eigenvector and no matrix root is computed. 2048 numbers take a few seconds; a page should call it in a worker.
 *
 * The bias falls with 1/n and does not cancel: compare only distances made from equally many samples, with the same
 * reference and the same extractor.
 */
export function frechetDistance(a: FeatureGaussian | Features, b: FeatureGaussian | Features): FrechetDistance {
  const given = [gaussian("first", a), gaussian("second", b)];
  // The one that is factored is the one of lower rank, if one is: then no eigenvalue is zero up to rounding.
  const [one, two] = given.toSorted((x, y) => (x.count ?? Infinity) - (y.count ?? Infinity) || 0);
  const n = one.mean.length;
  if (two.mean.length !== n)
    throw new ConfigError(
      `frechetDistance: feature sizes differ: ${n} and ${two.mean.length}. Were they made by the same extractor?`,
    );
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (one.mean[i] - two.mean[i]) ** 2;
  const { trace, ...rounding } = rootTrace(one.covariance, two.covariance, n);
  const covariance = Math.max(0, diagonalSum(one.covariance, n) + diagonalSum(two.covariance, n) - 2 * trace);
  return { distance: mean + covariance, mean, covariance, ...rounding };
}

/** Tr (S₁S₂)^½, with what rounding did. */
function rootTrace(s1: Float64Array, s2: Float64Array, n: number) {
  const [scale1, scale2] = [largestDiagonal(s1, n), largestDiagonal(s2, n)];
  if (scale1 === 0 || scale2 === 0) return { trace: 0, clamped: 0, lowest: 0 };
  const { rank, order, columns, negative } = pivotedCholesky(
    s1.map((value) => value / scale1),
    n,
  );
  if (negative < -tolerance) throw indefinite(negative);

  // M = Lᵀ S₂ L, by rows of Lᵀ. Row j of Lᵀ begins at column j.
  const permuted = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0, from = order[i] * n; j < n; j++) permuted[i * n + j] = s2[from + order[j]] / scale2;
  const half = new Float64Array(rank * n);
  const m = new Float64Array(rank * rank);
  for (let i = 0; i < rank; i += 64) {
    const count = Math.min(64, rank - i);
    const left: Rows = { data: columns, offset: i * n + i, stride: n, count };
    addProducts(
      { data: half, offset: i * n, stride: n, count },
      left,
      { data: permuted, offset: i, stride: n, count: n },
      n - i,
    );
    addProducts(
      { data: m, offset: i * rank, stride: rank, count },
      left,
      { data: half, offset: i, stride: n, count: i + count },
      n - i,
    );
  }

  const eigenvalues = symmetricEigenvalues(m, rank);
  const lowest = Math.min(0, eigenvalues[0]) / Math.max(1, eigenvalues[rank - 1]);
  if (lowest < -tolerance) throw indefinite(lowest);
  let trace = 0;
  let clamped = 0;
  for (const value of eigenvalues)
    if (value < 0) clamped++;
    else trace += Math.sqrt(value);
  return { trace: trace * Math.sqrt(scale1) * Math.sqrt(scale2), clamped, lowest };
}

const indefinite = (share: number) =>
  new ConfigError(
    `frechetDistance: a covariance has a negative eigenvalue, ${share.toExponential(1)} of the largest (expected none below −${tolerance}). Was it computed in float32, or is it something else?`,
  );

function gaussian(which: string, value: FeatureGaussian | Features): FeatureGaussian {
  if ("data" in value) return fitGaussian(value);
  const n = value.mean.length;
  if (n === 0 || value.covariance.length !== n * n)
    throw new ConfigError(
      `frechetDistance: the ${which} covariance has ${value.covariance.length} numbers (expected ${n} × ${n} for a mean of ${n}).`,
    );
  const bad = [value.mean, value.covariance].flatMap(
    (array) => array.find((number) => !Number.isFinite(number)) ?? [],
  )[0];
  if (bad !== undefined)
    throw new ConfigError(`frechetDistance: the ${which} mean and covariance must be finite; got ${bad}.`);
  const largest = largestDiagonal(value.covariance, n);
  for (let i = 0; i < n; i++) {
    const variance = value.covariance[i * (n + 1)];
    if (variance < -tolerance * largest) throw indefinite(variance / largest);
    for (let j = 0; j < i; j++) {
      const [lower, upper] = [value.covariance[i * n + j], value.covariance[j * n + i]];
      if (Math.abs(lower - upper) > tolerance * largest)
        throw new ConfigError(
          `frechetDistance: the ${which} covariance must be symmetric: entries [${i}, ${j}] and [${j}, ${i}] are ${lower} and ${upper}.`,
        );
    }
  }
  return value;
}

const largestDiagonal = (matrix: Float64Array, n: number) => {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(matrix[i * (n + 1)]));
  return largest;
};

const diagonalSum = (matrix: Float64Array, n: number) => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += matrix[i * (n + 1)];
  return sum;
};
