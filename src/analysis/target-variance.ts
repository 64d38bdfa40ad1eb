/**
 * How much training targets scatter (Xu, Tong & Jaakkola 2023): V_DSM of denoising score matching, V_STF of stable targets,
 * on the scale of scores, exact for finite data. The paper normalises its plots; the values here are raw.
 */
import { ConfigError } from "../errors/index.ts";
import { countOf, type Points, posterior } from "./posterior.ts";
import { gaussianNodes } from "./quadrature.ts";

/** A variance at one noise level, as it is and on the two scales on which it is usually drawn. */
export interface TargetVariance {
  readonly value: number;
  /** Times σ²: the scale of ε. */
  readonly timesSigma2: number;
  /** Times σ⁴: the scale of x, divided by α² on paths that shrink it. */
  readonly timesSigma4: number;
}

export interface DsmVariance extends TargetVariance {
  /** Tr Cov(x | z) and 1/Σ w² for every z = α x_i + σ ε_j, i outer and j inner. */
  readonly posteriorTraceCovariance: Float64Array;
  readonly effectiveSampleSize: Float64Array;
}

export interface DsmVarianceOptions {
  /** The data set, `[count × dims]`. */
  readonly data: Points;
  readonly dims: number;
  /** Unit noise, `[draws × dims]`; each draw is added to every data point. */
  readonly noise: Points;
  /** The kernel z = α x + σ ε. α is 1 by default, the variance-exploding case. */
  readonly sigma: number;
  readonly alpha?: number;
}

/** V_DSM = α² E[Tr Cov(x | z)]/σ⁴: the variance of the target −ε/σ given z. */
export function dsmVariance({ data, dims, noise, sigma, alpha = 1 }: DsmVarianceOptions): DsmVariance {
  const count = countOf("dsmVariance: data", data, dims);
  const draws = countOf("dsmVariance: noise", noise, dims);
  const level = sigma / alpha;
  const posteriorTraceCovariance = new Float64Array(count * draws);
  const effectiveSampleSize = new Float64Array(count * draws);
  const z = new Float64Array(dims);
  for (let i = 0, k = 0; i < count; i++)
    for (let j = 0; j < draws; j++, k++) {
      for (let d = 0; d < dims; d++) z[d] = data[i * dims + d] + level * noise[j * dims + d];
      const { traceCovariance, effectiveSampleSize: size } = posterior(data, z, level);
      posteriorTraceCovariance[k] = traceCovariance;
      effectiveSampleSize[k] = size;
    }
  const mean = posteriorTraceCovariance.reduce((a, b) => a + b) / posteriorTraceCovariance.length;
  return {
    ...scaled((alpha / sigma) ** 2 * (mean / sigma ** 2), sigma),
    posteriorTraceCovariance,
    effectiveSampleSize,
  };
}

/** V_DSM of a data set on a line at noise level σ, with the expectation over z by quadrature. */
export function dsmVariance1d(data: ArrayLike<number>, sigma: number): TargetVariance {
  const x = Float64Array.from(data);
  const z = new Float64Array(1);
  let mean = 0;
  for (const center of x)
    for (const { node, weight } of gaussianNodes) {
      z[0] = center + sigma * node;
      mean += (weight * posterior(x, z, sigma).traceCovariance) / x.length;
    }
  return scaled(mean / sigma ** 4, sigma);
}

/** V_DSM of N(m, s² I): dims · s²/(σ²(s² + σ²)). */
export function dsmVarianceGaussian(dims: number, std: number, sigma: number): TargetVariance {
  return scaled((dims * (std / Math.hypot(std, sigma)) ** 2) / sigma ** 2, sigma);
}

export interface StableVarianceOptions {
  /** The data set, `[count × dims]`. */
  readonly data: Points;
  readonly dims: number;
  /** Noisy points, `[points × dims]`, in the variance-exploding frame. */
  readonly z: Points;
  readonly sigma: number;
  /** n, the size of the reference batch with the sample itself. 1 is denoising score matching. */
  readonly referenceSize: number;
}

/**
 * The trace variance of the stable target (x* − z)/σ² for each z, exactly: the sample is drawn from the posterior, the other
 * n − 1 references uniformly from the data with replacement. Goes through every multiset of references; ConfigError beyond
 * a million of them, for which `sampledStableVariance` is meant.
 */
export function stableVariance({ data, dims, z, sigma, referenceSize }: StableVarianceOptions): Float64Array {
  const count = countOf("stableVariance: data", data, dims);
  if (!Number.isInteger(referenceSize) || referenceSize < 1)
    throw new ConfigError(`stableVariance: referenceSize: ${referenceSize} (expected an integer ≥ 1).`);
  const multisets = binomial(count + referenceSize - 2, referenceSize - 1);
  if (!(multisets * count <= 1e6))
    throw new ConfigError(
      `stableVariance: ${multisets * count} cases (expected at most a million). Use sampledStableVariance.`,
    );
  return eachPoint(z, dims, (point) => {
    const { logWeights, mean } = posterior(data, point, sigma);
    let variance = 0;
    const copies = new Int32Array(count);
    /** Gives out the references left among the data points from k on; `log` is the log-probability of the choice so far. */
    const visit = (k: number, left: number, log: number): void => {
      if (k === count - 1) {
        copies[k] = left;
        const probability = Math.exp(log - logFactorial(left));
        for (let own = 0; own < count; own++) {
          const weight = probability * Math.exp(logWeights[own]);
          if (weight === 0) continue;
          copies[own]++;
          variance += weight * squaredDistance(stableMean(data, dims, logWeights, copies), mean);
          copies[own]--;
        }
        return;
      }
      for (let n = 0; n <= left; n++) {
        copies[k] = n;
        visit(k + 1, left - n, log - logFactorial(n));
      }
    };
    visit(0, referenceSize - 1, logFactorial(referenceSize - 1) - (referenceSize - 1) * Math.log(count));
    return variance / sigma ** 4;
  });
}

/** Draws for `sampledStableVariance`; a random stream is one. */
export interface Draws {
  /** Uniform in [0, 1). */
  readonly uniform: () => number;
  /** Uniform among 0 … below − 1. */
  readonly integer: (below: number) => number;
}

/** The same variances from `batches` random reference batches for each z, for data sets and batches of any size. */
export function sampledStableVariance(
  { data, dims, z, sigma, referenceSize }: StableVarianceOptions,
  batches: number,
  draws: Draws,
): Float64Array {
  const count = countOf("sampledStableVariance: data", data, dims);
  if (!(Number.isInteger(batches) && batches >= 1))
    throw new ConfigError(`sampledStableVariance: batches: ${batches} (expected an integer ≥ 1).`);
  return eachPoint(z, dims, (point) => {
    const { logWeights, mean } = posterior(data, point, sigma);
    let sum = 0;
    for (let batch = 0; batch < batches; batch++) {
      const copies = new Int32Array(count);
      for (let k = 1; k < referenceSize; k++) copies[draws.integer(count)]++;
      copies[drawPosterior(logWeights, draws.uniform())]++;
      sum += squaredDistance(stableMean(data, dims, logWeights, copies), mean);
    }
    return sum / batches / sigma ** 4;
  });
}

/** x*: the mean of the references by their posterior weights, each taken as often as it was drawn. */
function stableMean(data: Points, dims: number, logWeights: Float64Array, copies: Int32Array): Float64Array {
  let top = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < copies.length; k++) if (copies[k] > 0) top = Math.max(top, logWeights[k]);
  const mean = new Float64Array(dims);
  let total = 0;
  for (let k = 0; k < copies.length; k++) {
    if (copies[k] === 0) continue;
    const weight = copies[k] * Math.exp(logWeights[k] - top);
    total += weight;
    for (let d = 0; d < dims; d++) mean[d] += weight * data[k * dims + d];
  }
  return mean.map((value) => value / total);
}

function drawPosterior(logWeights: Float64Array, uniform: number): number {
  let [left, last] = [uniform, 0];
  for (let k = 0; k < logWeights.length; k++) {
    const weight = Math.exp(logWeights[k]);
    if (weight > 0) last = k;
    if (left < weight) return k;
    left -= weight;
  }
  return last;
}

function eachPoint(z: Points, dims: number, f: (point: Points) => number): Float64Array {
  const points = countOf("stable variance: z", z, dims);
  return Float64Array.from({ length: points }, (_, i) => f(z.subarray(i * dims, (i + 1) * dims)));
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, d) => sum + (value - b[d]) ** 2, 0);
}

/** A variance on all three scales. */
export const scaled = (value: number, sigma: number): TargetVariance => ({
  value,
  timesSigma2: value * sigma ** 2,
  timesSigma4: value * sigma ** 4,
});

function logFactorial(n: number): number {
  let sum = 0;
  for (let k = 2; k <= n; k++) sum += Math.log(k);
  return sum;
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return value;
}
