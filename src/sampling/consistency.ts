/** Sampling from consistency models (Song et al. 2023, Algorithm 1). */
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const consistencyOptions = {
  sigmaMin: { type: "number", default: 0.002, min: 0, about: "the level at which the model is the identity" },
} as const satisfies OptionTable;

export type ConsistencyOptions = Given<typeof consistencyOptions> & Handed;

/**
 * `denoise` is the consistency function, from any level to a sample. One step is one evaluation; more alternate with
 * fresh noise, x ← f(x; σ) + √(σ'² − σ_min²) n, down the given levels. A last level of 0 or `sigmaMin` adds none: the
 * one-step sampler is the ladder [σ_max, 0]. Needs `noise` for more than one step.
 */
export async function* consistency(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: ConsistencyOptions = {},
): AsyncGenerator<Step> {
  checkStart("consistency", x, sigmas);
  const { sigmaMin } = resolve("consistency", consistencyOptions, given);
  if (!(sigmaMin < sigmas[0]))
    throw new ConfigError(`consistency: sigmaMin ${sigmaMin} is not below the first noise level ${sigmas[0]}.`);
  const added = sigmas.map((sigma) => Math.sqrt(Math.max(sigma, sigmaMin) ** 2 - sigmaMin ** 2));
  if (added.slice(1).some((amplitude) => amplitude > 0)) needNoise("consistency", noise, "more than one step");
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const denoised = await denoise(x, sigmas[index]);
    const amplitude = added[index + 1];
    const out = new Float64Array(x.length);
    x = amplitude > 0 ? combine(out, [1, denoised], ...kick(amplitude, noise)) : denoised;
    yield { index, sigma: sigmas[index], x, denoised };
  }
}
