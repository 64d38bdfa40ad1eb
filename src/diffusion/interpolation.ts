/** A discrete process seen in continuous time, as fast solvers need it (Lu et al. 2022, Appendix D.3). */
import { ConfigError } from "../errors/index.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { softplus } from "./special.ts";

/** ln α as a piecewise linear function of t ∈ (0, 1]: timestep i is at t = (i + 1)/keptSteps. */
export interface DiscreteInterpolation {
  /** N, the number of timesteps that were not cut off. */
  readonly keptSteps: number;
  readonly logAlpha: (t: number) => number;
  /** HALF the log-SNR, ln(α/σ) = λ/2. */
  readonly halfLogSnr: (t: number) => number;
  /** The t of a HALF log-SNR. */
  readonly time: (halfLogSnr: number) => number;
}

/**
 * Interpolates ln α between timesteps, and beyond them along the outermost pieces. Timesteps at the noisy end with a half
 * log-SNR below `clipHalfLogSnr` are dropped first: a cosine schedule's last one alone would bend all of the last piece.
 */
export function interpolate(schedule: DiscreteSpec | DiscreteSchedule, clipHalfLogSnr = -5.1): DiscreteInterpolation {
  const { betas, logSnr } = discreteSchedule(schedule);
  let kept = betas.length;
  while (kept > 0 && (logSnr[kept - 1] === Number.NEGATIVE_INFINITY || logSnr[kept - 1] / 2 < clipHalfLogSnr)) kept--;
  if (kept < 2)
    throw new ConfigError(
      `interpolate: only ${kept} timesteps have a half log-SNR of at least ${clipHalfLogSnr} (2 needed).`,
    );
  const logAlphas = new Float64Array(kept);
  for (let i = 0, sum = 0; i < kept; i++) logAlphas[i] = sum += 0.5 * Math.log1p(-betas[i]);

  const at = (piece: number, fraction: number) =>
    logAlphas[piece] + fraction * (logAlphas[piece + 1] - logAlphas[piece]);
  const logAlpha = (t: number) => {
    const position = t * kept - 1;
    const piece = Math.min(Math.max(Math.floor(position), 0), kept - 2);
    return at(piece, position - piece);
  };
  return {
    keptSteps: kept,
    logAlpha,
    halfLogSnr: (t) => {
      const value = logAlpha(t);
      return value - 0.5 * Math.log(-Math.expm1(2 * value));
    },
    time: (halfLogSnr) => {
      const target = -0.5 * softplus(-2 * halfLogSnr);
      let [low, high] = [0, kept - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (logAlphas[middle] >= target) low = middle;
        else high = middle;
      }
      return (low + 1 + (target - logAlphas[low]) / (logAlphas[low + 1] - logAlphas[low])) / kept;
    },
  };
}
