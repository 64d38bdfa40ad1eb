/** The posterior over a finite data set given a noisy point: exact, so what every training target scatters around is known. */
import { ConfigError } from "../errors/index.ts";

/** Points laid flat, `[count × dims]`. */
export type Points = Float32Array | Float64Array;

/** p(x_k | z) for a data set seen through z = x + σ̃ ε; points seen through α x + σ ε are divided by α first. */
export interface Posterior {
  /** ln p(x_k | z), one for each data point; exact where the weight itself underflows. */
  readonly logWeights: Float64Array;
  /** E[x | z], the ideal denoiser. */
  readonly mean: Float64Array;
  /** Tr Cov(x | z) = Σ w ‖x‖² − ‖Σ w x‖², measured from the likeliest point so that nothing cancels. */
  readonly traceCovariance: number;
  /** 1/Σ w²: how many points the posterior is spread over, from 1 to all of them. */
  readonly effectiveSampleSize: number;
  /** −Σ w ln w in nats: from 0 to the logarithm of the number of points. */
  readonly entropy: number;
}

/** The posterior at one noisy point z `[dims]` at noise level σ̃ > 0. */
export function posterior(data: Points, z: Points, sigma: number): Posterior {
  const dims = z.length;
  const count = countOf("posterior: data", data, dims);
  if (!(sigma > 0)) throw new ConfigError(`posterior: sigma: ${sigma} (expected > 0).`);
  const logWeights = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    let squared = 0;
    for (let d = 0; d < dims; d++) squared += (z[d] - data[k * dims + d]) ** 2;
    logWeights[k] = -squared / (2 * sigma * sigma);
  }
  normalize(logWeights);

  const top = logWeights.indexOf(logWeights.reduce((a, b) => Math.max(a, b)));
  const shift = new Float64Array(dims); // Σ w_k (x_k − x_top)
  let scatter = 0; // Σ w_k ‖x_k − x_top‖²
  let squares = 0;
  let entropy = 0;
  for (let k = 0; k < count; k++) {
    const weight = Math.exp(logWeights[k]);
    squares += weight * weight;
    if (weight > 0) entropy -= weight * logWeights[k];
    for (let d = 0; d < dims; d++) {
      const off = data[k * dims + d] - data[top * dims + d];
      shift[d] += weight * off;
      scatter += weight * off * off;
    }
  }
  return {
    logWeights,
    mean: shift.map((off, d) => data[top * dims + d] + off),
    traceCovariance: Math.max(
      0,
      shift.reduce((left, off) => left - off * off, scatter),
    ),
    effectiveSampleSize: 1 / squares,
    entropy: Math.max(0, entropy),
  };
}

/** Subtracts ln Σ exp, in place. */
function normalize(logWeights: Float64Array): void {
  let top = 0;
  for (let k = 1; k < logWeights.length; k++) if (logWeights[k] > logWeights[top]) top = k;
  const peak = logWeights[top];
  let others = 0;
  for (let k = 0; k < logWeights.length; k++) if (k !== top) others += Math.exp(logWeights[k] - peak);
  const log = peak + Math.log1p(others);
  for (let k = 0; k < logWeights.length; k++) logWeights[k] -= log;
}

/** Number of points in a flat array; ConfigError if it is not a whole number, or none. */
export function countOf(where: string, points: Points, dims: number): number {
  const count = points.length / dims;
  if (!Number.isInteger(count) || count < 1)
    throw new ConfigError(`${where}: ${points.length} numbers (expected a multiple of dims = ${dims}).`);
  return count;
}
