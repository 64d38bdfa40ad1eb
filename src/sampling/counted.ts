/** Counting network evaluations, the cost of a sampler. */
import type { Denoise } from "./denoise.ts";

/** A denoiser that knows how often it was called (NFE), and at which noise levels. */
export type Counted = Denoise & { readonly sigmas: readonly number[] };

/** Wraps a denoiser; `sigmas.length` of the result is the number of evaluations so far. */
export function counted(denoise: Denoise): Counted {
  const sigmas: number[] = [];
  const wrapped: Denoise = (x, sigma) => {
    sigmas.push(sigma);
    return denoise(x, sigma);
  };
  return Object.assign(wrapped, { sigmas });
}
