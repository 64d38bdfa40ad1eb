/** Scores and the probability-flow ODE of any diffusion process, from a denoiser. */
import type { Path } from "../diffusion/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import type { Field } from "./dormand-prince.ts";

/** What of a path these formulas need: dz = f(t) z dt + g(t) dw, with marginals z = α(t) x + σ(t) ε. */
export type Process = Pick<Path, "alpha" | "sigma" | "drift" | "diffusion">;

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
  // Dividing after the difference: near t = 1 the score almost cancels the drift, and its last digits matter.
  const score = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) score[i] = (a * denoised[i] - z[i]) / s ** 2;
  return { denoised, score };
}

/** dz/dt = f z − ½ g² ∇ ln p (Song et al. 2021, eq. 13), for a batch at one time: a `Field` of one system. */
export function probabilityFlow(denoise: Denoise, process: Process): Field {
  return async ([t], z) => {
    const { score } = await estimate(denoise, process, z, t);
    return combine(score, [-(process.diffusion(t) ** 2) / 2, score], [process.drift(t), z]);
  };
}

/** The process whose time is the noise level itself, z = x + t ε: dz/dt = (z − D)/t. */
export const sigmaProcess: Process = {
  alpha: () => 1,
  sigma: (t) => t,
  drift: () => 0,
  diffusion: (t) => Math.sqrt(2 * t),
};
