/** Churn: noise added before a step, which the step then removes (Karras et al. 2022, Algorithm 2). */
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import type { OptionTable, Resolved } from "./options.ts";
import type { OdeStep } from "./sampler.ts";

export const churnOptions = {
  sChurn: { type: "number", default: 0, min: 0, about: "how much noise to add over all steps; 0 is the ODE" },
  sMin: { type: "number", default: 0, min: 0, about: "lowest level at which noise is added" },
  sMax: { type: "number", default: Number.POSITIVE_INFINITY, min: 0, about: "highest level at which noise is added" },
  sNoise: { type: "number", default: 1, min: 0, about: "standard deviation of the added noise, near 1" },
} as const satisfies OptionTable;

/** What samplers with churn are handed besides their options. */
export interface ChurnHanded extends Handed {
  /** Rounds a level to one that a discrete-time network knows; the raised level is passed through it. */
  readonly round?: ((sigma: number) => number) | undefined;
}

/**
 * The level σ̂ = σ (1 + γ) that step starts from: γ = min(S_churn/steps, √2 − 1) inside [S_min, S_max], else 0. Refuses
 * churn without a source of noise.
 */
export function churnedLevels(
  where: string,
  steps: number,
  { sChurn, sMin, sMax }: Resolved<typeof churnOptions>,
  { noise, round = (sigma) => sigma }: ChurnHanded,
): (sigma: number) => number {
  if (sChurn > 0) needNoise(where, noise, `sChurn ${sChurn}`);
  const gamma = Math.min(sChurn / steps, Math.SQRT2 - 1);
  return (sigma) => (gamma > 0 && sMin <= sigma && sigma <= sMax ? Math.max(sigma, round(sigma * (1 + gamma))) : sigma);
}

/** Steps down the ladder, each from a level raised by fresh noise. */
export async function* churned(
  where: string,
  step: OdeStep,
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  options: Resolved<typeof churnOptions>,
  handed: ChurnHanded,
): AsyncGenerator<Step> {
  const steps = sigmas.length - 1;
  const raise = churnedLevels(where, steps, options, handed);
  for (let index = 0; index < steps; index++) {
    const sigma = sigmas[index];
    const raised = raise(sigma);
    const noise = kick(Math.sqrt(raised ** 2 - sigma ** 2) * options.sNoise, handed.noise);
    if (raised > sigma) x = combine(new Float64Array(x.length), [1, x], ...noise);
    const denoised = await denoise(x, raised);
    x = await step(denoise, x, denoised, raised, sigmas[index + 1]);
    yield { index, sigma, x, denoised };
  }
}
