/** Dynamic thresholding (Saharia et al. 2022, Imagen): clipping that follows each sample's own range. */
import { ConfigError } from "../errors/index.ts";
import type { Denoise } from "./denoise.ts";

export interface DynamicThresholdOptions {
  /** How many samples the batch has: each is clipped by its own threshold. */
  readonly samples: number;
  /** The share of |x| to keep below the threshold; 0.995 by default. */
  readonly quantile?: number;
  /** The threshold is no smaller than this, 1 by default: the range of the data. */
  readonly maxValue?: number;
}

/**
 * Clips each sample to [−s, s] and divides it by s, with s the larger of `maxValue` and the quantile of its |x|
 * (interpolated linearly between order statistics). Returns a new array, and s of each sample.
 */
export function dynamicThreshold(
  x: Float64Array,
  { samples, quantile = 0.995, maxValue = 1 }: DynamicThresholdOptions,
): { readonly x: Float64Array; readonly s: Float64Array } {
  const dims = x.length / samples;
  if (!(Number.isInteger(samples) && Number.isInteger(dims) && dims > 0))
    throw new ConfigError(`dynamic threshold: ${x.length} numbers do not divide into ${samples} samples.`);
  if (!(quantile >= 0 && quantile <= 1 && maxValue > 0))
    throw new ConfigError(
      `dynamic threshold: quantile ${quantile} and maxValue ${maxValue} (quantile in [0, 1], maxValue above 0).`,
    );
  const out = new Float64Array(x.length);
  const s = new Float64Array(samples);
  const sizes = new Float64Array(dims);
  for (let row = 0; row < samples; row++) {
    const start = row * dims;
    for (let i = 0; i < dims; i++) sizes[i] = Math.abs(x[start + i]);
    sizes.sort();
    const at = quantile * (dims - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, dims - 1);
    const bound = Math.max(maxValue, sizes[below] + (at - below) * (sizes[above] - sizes[below]));
    for (let i = start; i < start + dims; i++) out[i] = Math.min(bound, Math.max(-bound, x[i])) / bound;
    s[row] = bound;
  }
  return { x: out, s };
}

/** A denoiser whose estimates are thresholded dynamically: for pixel-space models under strong guidance. */
export function dynamicallyThresholded(denoise: Denoise, options: DynamicThresholdOptions): Denoise {
  return async (x, sigma) => dynamicThreshold(await denoise(x, sigma), options).x;
}
