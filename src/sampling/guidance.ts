/** Classifier-free guidance (Ho and Salimans 2022) and classifier guidance (Dhariwal and Nichol 2021), for any sampler. */
import { alphaOf, convert, type PathType, type Prediction } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";

/** How far to go past the conditional prediction. Give `scale` or `strength`, not both. */
export interface GuidanceScale {
  /** w in u + w(c − u): 0 unconditional, 1 (default) conditional, above 1 guided. */
  readonly scale?: number;
  /** w in (1 + w)c − w u, the convention of Ho and Salimans: `scale` − 1. */
  readonly strength?: number;
}

export interface GuideOptions extends GuidanceScale {
  /** φ in [0, 1]: how far the guided answer's standard deviation is brought back to the conditional one's; 0 by default. */
  readonly rescale?: number;
  /** Samples in the batch, each with its own standard deviation; needed by `rescale`. Default 1. */
  readonly batch?: number;
}

/**
 * u + w(c − u), for answers of any prediction that is linear in x (x, ε, v, score). With `rescale` φ the result g becomes
 * φ·g·std(c)/std(g) + (1 − φ)g, each sample by itself (Lin et al. 2023, eqs. 14–16).
 */
export function guide(conditional: Float64Array, unconditional: Float64Array, options: GuideOptions): Float64Array {
  const { rescale = 0, batch = 1 } = options;
  const w = scaleOf(options);
  const guided = combine(new Float64Array(conditional.length), [w, conditional], [1 - w, unconditional]);
  if (!(rescale >= 0 && rescale <= 1)) throw new ConfigError(`guidance: rescale is ${rescale} (0 to 1).`);
  if (rescale === 0) return guided;
  const dims = guided.length / batch;
  if (!Number.isInteger(dims))
    throw new ConfigError(`guidance: batch ${batch} does not divide ${guided.length} numbers.`);
  for (let row = 0; row < guided.length; row += dims) {
    const [target, actual] = [conditional, guided].map((x) => deviation(x, row, dims));
    if (!(actual > 0)) continue; // a constant sample has nothing to rescale
    const factor = 1 - rescale + (rescale * target) / actual;
    for (let i = row; i < row + dims; i++) guided[i] *= factor;
  }
  return guided;
}

function scaleOf({ scale, strength }: GuidanceScale): number {
  if (scale !== undefined && strength !== undefined)
    throw new ConfigError(
      `guidance: scale ${scale} and strength ${strength} are both given (one: scale is strength + 1).`,
    );
  const w = scale ?? (strength ?? 0) + 1;
  if (!Number.isFinite(w)) throw new ConfigError(`guidance: scale is ${w} (a finite number).`);
  return w;
}

/** Standard deviation of `dims` numbers from `row` on. */
function deviation(x: Float64Array, row: number, dims: number): number {
  let mean = 0;
  for (let i = row; i < row + dims; i++) mean += x[i] / dims;
  let sum = 0;
  for (let i = row; i < row + dims; i++) sum += (x[i] - mean) ** 2;
  return Math.sqrt(sum / dims);
}

/** Noise levels σ with low < σ ≤ high (Kynkäänniemi et al. 2024). */
export type GuidanceInterval = readonly [low: number, high: number];

/** Whether guidance acts at a noise level; without an interval, always. */
export function guidanceActive(sigma: number, interval?: GuidanceInterval): boolean {
  if (!interval) return true;
  const [low, high] = interval;
  if (!(low < high)) throw new ConfigError(`guidance: interval is [${low}, ${high}] (low below high).`);
  return low < sigma && sigma <= high;
}

export interface ClassifierFreeOptions extends GuideOptions {
  /** Where guidance acts; outside, the conditional answer stands and the unconditional one is not computed. */
  readonly interval?: GuidanceInterval;
  /**
   * The prediction whose standard deviation `rescale` restores; x by default. Elsewhere it is often the network's own
   * output, eps or v: without `rescale` all of them are the same.
   */
  readonly rescaleOn?: Prediction;
  /** The path of `rescaleOn`; vp by default. */
  readonly path?: PathType;
  /** Both answers from one call, such as one batch of twice the size; asked where guidance acts. */
  readonly both?: DenoiseBoth;
}

/** The conditional and the unconditional estimate at once. */
export type DenoiseBoth = (
  x: Float64Array,
  sigma: number,
) => Promise<readonly [conditional: Float64Array, unconditional: Float64Array]>;

/** A denoiser guided by the difference of two: one told what to draw, one told nothing. */
export function classifierFree(
  conditional: Denoise,
  unconditional: Denoise,
  { interval, rescaleOn = "x", path = "vp", both, ...options }: ClassifierFreeOptions,
): Denoise {
  scaleOf(options);
  guidanceActive(1, interval);
  return async (x, sigma) => {
    if (!guidanceActive(sigma, interval)) return conditional(x, sigma);
    const [c, u] = both ? await both(x, sigma) : [await conditional(x, sigma), await unconditional(x, sigma)];
    if (rescaleOn === "x" || !options.rescale) return guide(c, u, options);
    const alpha = alphaOf(path, sigma);
    const level = { alpha, sigma: alpha * sigma };
    const z = combine(new Float64Array(x.length), [alpha, x]);
    const [pc, pu] = [c, u].map((d) => convert("x", rescaleOn, level, z, d));
    return convert(rescaleOn, "x", level, z, guide(pc, pu, options));
  };
}

/** ∇ₓ ln p(y | x) of a classifier trained on noisy samples, at x = z/α and its noise level. */
export type LogGradient = (x: Float64Array, sigma: number) => Promise<Float64Array> | Float64Array;

/**
 * A denoiser guided by a classifier: D + scale·σ²∇ₓ ln p(y | x), which is ε̂ − scale·√(1 − ᾱ)∇_z ln p(y | z) of Dhariwal and
 * Nichol (2021, algorithm 2), by Tweedie's formula. Ancestral sampling has its own form (`gradient` of `ancestral`).
 */
export function classifierGuided(denoise: Denoise, gradient: LogGradient, scale = 1): Denoise {
  return async (x, sigma) => {
    const denoised = await denoise(x, sigma);
    return combine(new Float64Array(x.length), [1, denoised], [scale * sigma ** 2, await gradient(x, sigma)]);
  };
}
