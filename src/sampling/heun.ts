/** Heun's method and its second-order relatives, with churn: the sampler of Karras et al. (2022). */
import { type ChurnHanded, churn, churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { eulerStep } from "./euler.ts";
import { checkStart } from "./ladder.ts";
import { type Given, resolve } from "./options.ts";

export const heunOptions = {
  ...churnOptions,
  alpha: {
    type: "number",
    default: 1,
    above: 0,
    max: 1,
    about: "where in the step the second evaluation lies: 1 Heun, 1/2 midpoint, 2/3 Ralston",
  },
} as const;

export type HeunOptions = Given<typeof heunOptions> & ChurnHanded;

/**
 * Karras et al. (2022), Algorithm 2, which without `sChurn` is their Algorithm 1; `alpha` generalises it (Algorithm 3).
 * Second order, two evaluations a step and one in the step to 0, where the slope is undefined.
 */
export async function* heun(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: HeunOptions = {},
): AsyncGenerator<Step> {
  checkStart("heun", x, sigmas);
  const { alpha, ...churnGiven } = resolve("heun", heunOptions, given);
  const steps = sigmas.length - 1;
  const raise = churn("heun", steps, churnGiven, { noise, round });
  for (let index = 0; index < steps; index++) {
    const { x: start, sigma } = raise(x, sigmas[index]);
    const next = sigmas[index + 1];
    const denoised = await denoise(start, sigma);
    if (next === 0) x = eulerStep(start, denoised, sigma, next);
    else {
      // Euler to the second point, then the whole step with both slopes (x − D)/σ.
      const h = next - sigma;
      const inner = (1 - alpha) * sigma + alpha * next;
      const probe = eulerStep(start, denoised, sigma, inner);
      const second = await denoise(probe, inner);
      const a = (h * (1 - 1 / (2 * alpha))) / sigma;
      const b = h / (2 * alpha * inner);
      x = combine(new Float64Array(x.length), [1 + a, start], [-a, denoised], [b, probe], [-b, second]);
    }
    yield { index, sigma: sigmas[index], x, denoised };
  }
}
