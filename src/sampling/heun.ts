/** Heun's method and its second-order relatives, with churn: the sampler of Karras et al. (2022). */
import { type ChurnHanded, churned, churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { eulerStep } from "./euler.ts";
import { checkStart } from "./ladder.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import type { OdeStep } from "./sampler.ts";

export const heunOptions = {
  ...churnOptions,
  alpha: {
    type: "number",
    default: 1,
    above: 0,
    max: 1,
    about: "where in the step the second evaluation lies: 1 Heun, 1/2 midpoint, 2/3 Ralston",
  },
} as const satisfies OptionTable;

export type HeunOptions = Given<typeof heunOptions> & ChurnHanded;

/**
 * Karras et al. (2022), Algorithm 2, which without `sChurn` is their Algorithm 1; `alpha` generalises it (Algorithm 3).
 * Second order, two evaluations a step and one in the step to 0. Needs `noise` if `sChurn` is above 0.
 */
export async function* heun(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: HeunOptions = {},
): AsyncGenerator<Step> {
  checkStart("heun", x, sigmas);
  const { alpha, ...churn } = resolve("heun", heunOptions, given);
  yield* churned("heun", secondOrder(alpha), denoise, x, sigmas, churn, { noise, round });
}

/** x + h ((1 − 1/2α) d + 1/2α d'), where d = (x − D)/σ and d' is the slope after an Euler step of α h. */
function secondOrder(alpha: number): OdeStep {
  return async (denoise, x, denoised, from, to) => {
    if (to === 0) return eulerStep(x, denoised, from, to);
    const inner = (1 - alpha) * from + alpha * to;
    const probe = eulerStep(x, denoised, from, inner);
    const second = await denoise(probe, inner);
    const h = to - from;
    const a = (h * (1 - 1 / (2 * alpha))) / from;
    const b = h / (2 * alpha * inner);
    return combine(new Float64Array(x.length), [1 + a, x], [-a, denoised], [b, probe], [-b, second]);
  };
}
