/** Any network as a denoiser, when it is at hand as a function. */
import { type Precondition, type PreconditioningSpec, precondition } from "../diffusion/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";

/** F(input; cNoise): a network's raw answer to a batch, all at one noise level. */
export type Network = (input: Float64Array, cNoise: number) => Promise<Float64Array> | Float64Array;

/**
 * D(x; σ) = cSkip·x + cOut·F(cIn·x; cNoise). At σ = ∞, where x is the unit noise, a network that predicts x, v or o works.
 * @throws ConfigError, when it is called at σ = ∞ with another prediction: ε̂ there says nothing about x.
 */
export function networkDenoiser(network: Network, preconditioning: PreconditioningSpec | Precondition): Denoise {
  const at = precondition(preconditioning);
  return async (x, sigma) => {
    const { cSkip, cOut, cIn, cNoise } = at(sigma);
    const answer = await network(combine(new Float64Array(x.length), [cIn, x]), cNoise);
    return combine(new Float64Array(x.length), [cSkip, x], [cOut, answer]);
  };
}
