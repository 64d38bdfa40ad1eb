/** Scores and the probability-flow ODE of any diffusion process, from a denoiser. */
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import type { Field } from "./dormand-prince.ts";

/** A diffusion process dz = f(t) z dt + g(t) dw with marginals z = α(t) x + σ(t) ε. */
export interface Process {
  readonly alpha: (t: number) => number;
  readonly sigma: (t: number) => number;
  /** f(t), the factor of z in the drift. */
  readonly drift: (t: number) => number;
  /** g(t). */
  readonly diffusion: (t: number) => number;
}

/** What a denoiser says about z at one time. */
export interface Estimate {
  readonly denoised: Float64Array;
  readonly score: Float64Array;
}

/** ∇ ln p(z; t) = (α D(z/α; σ/α) − z)/σ², and the D in it. */
export async function estimate(
  denoise: Denoise,
  { alpha, sigma }: Process,
  z: Float64Array,
  t: number,
): Promise<Estimate> {
  const [a, s] = [alpha(t), sigma(t)];
  const denoised = await denoise(a === 1 ? z : combine(new Float64Array(z.length), [1 / a, z]), s / a);
  return { denoised, score: combine(new Float64Array(z.length), [a / s ** 2, denoised], [-1 / s ** 2, z]) };
}

/** dz/dt = f z − ½ g² ∇ ln p (Song et al. 2021, eq. 13), for a batch at one time: a `Field` of one system. */
export function probabilityFlow(denoise: Denoise, process: Process): Field {
  return async ([t], z) => {
    const { score } = await estimate(denoise, process, z, t);
    return combine(score, [-(process.diffusion(t) ** 2) / 2, score], [process.drift(t), z]);
  };
}

/** The process in which time is the noise level itself: z = x + t ε, dz/dt = (z − D)/t. */
export const sigmaProcess: Process = {
  alpha: () => 1,
  sigma: (t) => t,
  drift: () => 0,
  diffusion: (t) => Math.sqrt(2 * t),
};
