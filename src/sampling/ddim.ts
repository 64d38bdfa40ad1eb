/**
 * DDIM (Song, Meng and Ermon 2021) in the variance-exploding frame, where it is Euler's method on dx/dσ = ε̂ with a
 * share of the noise drawn anew at each step. VP states enter and leave as x = z/√ᾱ, σ = √(1/ᾱ − 1).
 */
import { ConfigError } from "../errors/index.ts";
import { posteriorVariance } from "./ancestral.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const ddimOptions = {
  eta: { type: "number", default: 0, min: 0, max: 1, about: "share of the noise drawn anew: 0 is the ODE, 1 is DDPM" },
} as const satisfies OptionTable;

/** What DDIM is handed: `noise` when `eta` is above 0, one draw for every step that ends above 0. */
export interface DdimHanded extends Handed {
  /** What D is multiplied by in each step's sum of x and D; 1 if left out, and found by `stepGradient` otherwise. */
  readonly factors?: readonly number[] | undefined;
}

export type DdimOptions = Given<typeof ddimOptions> & DdimHanded;

/**
 * DDIM: x' = D + √(σ'² − s²) ε̂ + s·noise with s = η σ' √(1 − σ'²/σ²) (their eqs. 12 and 16 over √ᾱ'). ε̂ is derived
 * from what `denoise` returns, so clipping there changes it too (see `clipped`). `sigmas[0]` may be ∞, as at zero
 * terminal SNR: x is then the unit noise itself.
 * @throws ConfigError for noise levels that don't fall, `eta` above 0 without `noise`, or another number of factors than of steps.
 */
export async function* ddim(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, factors, ...given }: DdimOptions = {},
): AsyncGenerator<Step> {
  checkStart("ddim", x, sigmas, { infinite: true });
  const { eta } = resolve("ddim", ddimOptions, given);
  if (eta > 0) needNoise("ddim", noise, `eta ${eta}`);
  if (factors && factors.length !== sigmas.length - 1)
    throw new ConfigError(`ddim: ${factors.length} factors for ${sigmas.length - 1} steps (as many).`);
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const denoised = await denoise(x, sigma);
    const fresh = eta * Math.sqrt(posteriorVariance(sigma, next));
    const kept = next * Math.sqrt(1 - eta ** 2 * (1 - (next / sigma) ** 2)); // √(σ'² − s²), never the root of a negative
    const kicked = next > 0 ? kick(fresh, noise) : [];
    x = combine(new Float64Array(x.length), ...alongNoise(x, denoised, sigma, kept, factors?.[index]), ...kicked);
    yield { index, sigma, x, denoised };
  }
}

/**
 * DDIM encoding: the deterministic recursion run towards the noise (Song, Meng and Ermon 2021, section 4.3). `sigmas`
 * rise and start above 0. ε̂ is taken at the level a step starts from, so with few steps decoding is only nearly its
 * inverse.
 */
export async function* ddimEncode(denoise: Denoise, x: Float64Array, sigmas: Sigmas): AsyncGenerator<Step> {
  checkStart("ddimEncode", x, sigmas.toReversed());
  if (sigmas[0] === 0) throw new ConfigError("ddimEncode: the first noise level is 0, where ε̂ is undefined (above 0).");
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const sigma = sigmas[index];
    const denoised = await denoise(x, sigma);
    x = combine(new Float64Array(x.length), ...alongNoise(x, denoised, sigma, sigmas[index + 1]));
    yield { index, sigma, x, denoised };
  }
}

/** D + amount·ε̂, as terms; the one of D multiplied by `factor`. */
function alongNoise(x: Float64Array, denoised: Float64Array, sigma: number, amount: number, factor = 1) {
  if (sigma === Number.POSITIVE_INFINITY) return [[amount, x] as const, [factor, denoised] as const];
  return [[amount / sigma, x] as const, [factor * (1 - amount / sigma), denoised] as const];
}
