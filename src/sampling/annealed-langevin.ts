/** Annealed Langevin dynamics (Song & Ermon 2019, Algorithm 1): the sampler of noise-conditional score networks. */
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const annealedLangevinOptions = {
  stepsPerLevel: { type: "integer", default: 100, min: 1, about: "Langevin steps at each noise level" },
  epsilon: { type: "number", default: 2e-5, above: 0, about: "step size at the last level; grows as σ² above it" },
} as const satisfies OptionTable;

export type AnnealedLangevinOptions = Given<typeof annealedLangevinOptions> & Handed;

/**
 * At each positive level, x += (a/2) ∇ ln p + √a n with a = ε σ²/σ_L², σ_L being the last. A ladder that ends in 0 is
 * left by one denoising step (Jolicoeur-Martineau et al. 2021). A step of the generator is one level. ε must be of the
 * order of σ_L² divided by the number of steps: the default suits σ_L = 0.01 as in the paper. Needs `noise`.
 */
export async function* annealedLangevin(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: AnnealedLangevinOptions = {},
): AsyncGenerator<Step> {
  const where = "annealed-langevin";
  checkStart(where, x, sigmas);
  const { stepsPerLevel, epsilon } = resolve(where, annealedLangevinOptions, given);
  needNoise(where, noise, "every step");
  const levels = sigmas.filter((sigma) => sigma > 0);
  const zero = levels.length < sigmas.length;
  const to = levels[levels.length - 1];
  const pull = epsilon / to ** 2;
  for (const [index, sigma] of levels.entries()) {
    let denoised = x;
    for (let i = 0; i < stepsPerLevel; i++) {
      denoised = await denoise(x, sigma);
      // The score is (D − x)/σ².
      const kick = (Math.sqrt(epsilon) * sigma) / to;
      x = combine(new Float64Array(x.length), [1 - pull / 2, x], [pull / 2, denoised], [kick, noise()]);
    }
    yield { index, sigma, x, denoised };
  }
  if (zero) {
    x = await denoise(x, to);
    yield { index: levels.length, sigma: to, x, denoised: x };
  }
}
