/** DPM-Solver++ (Lu et al. 2022b) for the reverse SDE, single-step: two stages, each with its own noise. */
import { ancestralNoiseOptions, ancestralSplit } from "./ancestral-noise.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { eulerStep } from "./euler.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const dpmppSdeOptions = {
  ...ancestralNoiseOptions,
  r: { type: "number", default: 0.5, above: 0, max: 1, about: "where in the step, in ln σ, the second stage lies" },
} as const satisfies OptionTable;

export type DpmppSdeOptions = Given<typeof dpmppSdeOptions> & Handed;

/**
 * Stage one goes to the level σ (σ'/σ)^r, stage two all the way with D blended from both, (1 − 1/2r) D + 1/2r D₂; each
 * is an ancestral split and draws noise. Two evaluations and two draws a step, none of the latter in the step to 0.
 * Needs `noise` unless `eta` is 0.
 */
export async function* dpmppSde(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: DpmppSdeOptions = {},
): AsyncGenerator<Step> {
  checkStart("dpm++sde", x, sigmas);
  const { eta, sNoise, r } = resolve("dpm++sde", dpmppSdeOptions, given);
  if (eta > 0) needNoise("dpm++sde", noise, `eta ${eta}`);
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const denoised = await denoise(x, sigma);
    if (next === 0) x = eulerStep(x, denoised, sigma, next);
    else {
      const inner = sigma * (next / sigma) ** r;
      const first = ancestralSplit(sigma, inner, eta);
      const probe = eulerStep(x, denoised, sigma, first.down);
      const second = await denoise(combine(probe, [1, probe], ...kick(first.up * sNoise, noise)), inner);

      const { down, up } = ancestralSplit(sigma, next, eta);
      const ratio = down / sigma;
      const blend = 1 / (2 * r);
      x = combine(
        new Float64Array(x.length),
        [ratio, x],
        [(1 - ratio) * (1 - blend), denoised],
        [(1 - ratio) * blend, second],
        ...kick(up * sNoise, noise),
      );
    }
    yield { index, sigma, x, denoised };
  }
}
