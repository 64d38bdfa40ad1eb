/** The stochastic sampler of distilled models (Meng et al. 2023, section 3.3). */
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import { resolve } from "./options.ts";

/**
 * A DDIM step over two levels, then noise that leads one level back: x' = D + (σ₂/σ₀)(x − D) + √(σ₁² − σ₂²) n. The last two steps
 * of a ladder that ends at 0 are such a step to the data and back, and one that stays there. As many evaluations as steps; mistakes of
 * one step are partly drowned in the next one's noise. Needs `noise` for more than one step.
 */
export async function* renoisedDdim(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: Handed = {},
): AsyncGenerator<Step> {
  checkStart("renoised-ddim", x, sigmas);
  resolve("renoised-ddim", {}, given);
  if (sigmas.length > 2) needNoise("renoised-ddim", noise, "more than one step");
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next, beyond = next] = sigmas.slice(index, index + 3);
    const denoised = await denoise(x, sigma);
    const kept = beyond / sigma;
    const back = Math.sqrt(next ** 2 - beyond ** 2);
    const kicked = back > 0 ? kick(back, noise) : [];
    x = combine(new Float64Array(x.length), [kept, x], [1 - kept, denoised], ...kicked);
    yield { index, sigma, x, denoised };
  }
}
