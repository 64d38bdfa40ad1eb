/** What the vectors of all samplers share: their exact models, and noises given as arrays. */
import { gaussian, mixture } from "../../src/diffusion/index.ts";
import type { Denoise, Noise } from "../../src/sampling/index.ts";
import type { Tensor } from "./vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: a model's fields depend on its type
type Model = any;

/** The exact denoiser that a vector's `model` names. */
export function ideal(model: Model): Denoise {
  const { type, ...options } = model;
  return (type === "mixture" ? mixture(options) : gaussian(options)).denoise;
}

/** The arrays of a vector's `noises`, in order; asking for one too many fails the case. */
export function given(noises: readonly Tensor[] | undefined): { readonly noise?: Noise } {
  if (!noises) return {};
  const draws = noises.values();
  return { noise: () => draws.next().value!.data };
}
