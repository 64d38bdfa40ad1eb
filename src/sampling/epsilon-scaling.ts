/** Epsilon scaling (Ning et al. 2024): against exposure bias, the noise a network predicts is made a little smaller. */
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";

/** What ε is divided by: one number, or a function of the noise level. A little above 1, such as 1.005. */
export type EpsilonScale = number | ((sigma: number) => number);

/**
 * A denoiser whose ε = (x − D)/σ is divided by `scale`, at every evaluation: D becomes x − (x − D)/scale. Clip after it
 * (`clipped(epsilonScaled(denoise, …))`), as the original does.
 */
export function epsilonScaled(denoise: Denoise, scale: EpsilonScale): Denoise {
  const at = typeof scale === "number" ? () => scale : scale;
  return async (x, sigma) => {
    const c = at(sigma);
    if (!(Number.isFinite(c) && c > 0))
      throw new ConfigError(`epsilon scaling: the scale is ${c} at noise level ${sigma} (a number above 0, near 1).`);
    const denoised = await denoise(x, sigma);
    return combine(new Float64Array(x.length), [1 - 1 / c, x], [1 / c, denoised]);
  };
}

/** The linear form, slope · t + offset, in the time t that `time` gives a noise level (a timestep, as a rule). */
export function linearScale({
  slope,
  offset,
  time,
}: {
  readonly slope: number;
  readonly offset: number;
  readonly time: (sigma: number) => number;
}): EpsilonScale {
  return (sigma) => slope * time(sigma) + offset;
}
