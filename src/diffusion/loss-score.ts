/** Continuous denoising score matching (Song et al. 2021, eq. 7) in float64, one sample at a time. */
import type { Path } from "./path.ts";

/**
 * How Song's networks speak: VP and sub-VP networks are labelled 999 t and their output divided by −σ is the score; VE
 * networks are labelled σ and give the score itself.
 */
export interface ScoreConvention {
  /** What the network is told of the time. */
  label(t: number): number;
  /** The factor between the network's output and the score. */
  scale(t: number): number;
}

/** The convention for the networks of a path. */
export function scoreConvention({ type, sigma }: Path): ScoreConvention {
  return type === "ve" ? { label: sigma, scale: () => 1 } : { label: (t) => 999 * t, scale: (t) => -1 / sigma(t) };
}

/** One sample of score matching. */
export interface ScoreSample {
  readonly t: number;
  readonly noise: Float64Array;
  /** The network's ∇ ln p(z), at z = α x + σ·noise. */
  readonly score: Float64Array;
}

export interface ScoreMatchingOptions {
  /** Weighs the error by g² instead of σ²: with t uniform an upper bound of −ln p(x) up to a constant; default false. */
  readonly likelihoodWeighting?: boolean;
  /** The mean over dimensions; half the sum by default, as Song's configurations have it. */
  readonly reduceMean?: boolean;
}

/** w(t)·‖score + noise/σ‖² of one sample, w = σ² or g². */
export function scoreMatchingLoss(
  path: Path,
  { t, noise, score }: ScoreSample,
  { likelihoodWeighting = false, reduceMean = false }: ScoreMatchingOptions = {},
): number {
  const sigma = path.sigma(t);
  const weight = likelihoodWeighting ? (path.diffusion(t) / sigma) ** 2 : 1;
  let sum = 0;
  for (let i = 0; i < noise.length; i++) sum += (score[i] * sigma + noise[i]) ** 2;
  return weight * sum * (reduceMean ? 1 / noise.length : 0.5);
}
