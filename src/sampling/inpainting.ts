/** Inpainting: parts of an image are given, and the rest is drawn to go with them. */
import { ConfigError } from "../errors/index.ts";
import type { Denoise } from "./denoise.ts";

export interface Inpainting {
  /** Clean samples `[batch × dims]`, of which what the mask keeps is given. */
  readonly known: Float64Array;
  /** For each of `dims` numbers: 1 where it is drawn anew, 0 where it is given, or between for a soft seam. */
  readonly mask: Float64Array;
}

/**
 * A denoiser that knows a part of its answer: D where the mask is 1, the given sample where it is 0. That is the expected
 * clean sample given the part, but for what the rest could learn from it beyond its noisy state, as in all replacement
 * methods (Song et al. 2021, app. I.2; Lugmayr et al. 2022). Any solver then carries the given part along its own exact
 * path and ends on it. Noise on the way (churn, ancestral steps) lets the drawn part settle with the given one, as
 * resampling does. Wrap it around guidance and clipping.
 */
export function inpainted(denoise: Denoise, { known, mask }: Inpainting): Denoise {
  const dims = mask.length;
  if (dims === 0 || known.length % dims !== 0)
    throw new ConfigError(`inpainting: a mask of ${dims} numbers for ${known.length} known ones (whole samples).`);
  const bad = mask.findIndex((share) => !(share >= 0 && share <= 1));
  if (bad >= 0) throw new ConfigError(`inpainting: the mask is ${mask[bad]} at ${bad} (0 to 1).`);
  return async (x, sigma) => {
    if (x.length !== known.length)
      throw new ConfigError(`inpainting: ${x.length} numbers are drawn for ${known.length} known ones (as many).`);
    const denoised = Float64Array.from(await denoise(x, sigma));
    for (let i = 0; i < x.length; i++) denoised[i] = known[i] + mask[i % dims] * (denoised[i] - known[i]);
    return denoised;
  };
}
