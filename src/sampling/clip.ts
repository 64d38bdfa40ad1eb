/** Static clipping of a denoiser's answer. */
import type { Denoise } from "./denoise.ts";

/**
 * A denoiser whose answer is clamped to [low, high], by default the data range [−1, 1]. Every solver here derives ε̂
 * from the clamped answer, as the guided-diffusion code does; a sampler that keeps the network's own ε̂ beside a
 * clipped x̂₀ gives other numbers.
 */
export function clipped(denoise: Denoise, low = -1, high = 1): Denoise {
  return async (x, sigma) => {
    const denoised = Float64Array.from(await denoise(x, sigma));
    for (let i = 0; i < denoised.length; i++) denoised[i] = Math.min(high, Math.max(low, denoised[i]));
    return denoised;
  };
}
