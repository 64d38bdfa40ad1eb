/** Euler's method on the probability-flow ODE dx/dσ = (x − D(x; σ)) / σ (Karras et al. 2022, eq. 3), with churn. */
import { type ChurnHanded, churn, churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Given, resolve } from "./options.ts";

export const eulerOptions = churnOptions;

export type EulerOptions = Given<typeof eulerOptions> & ChurnHanded;

/** Euler's method: first order, one evaluation a step. Needs `noise` if `sChurn` is above 0. */
export async function* euler(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: EulerOptions = {},
): AsyncGenerator<Step> {
  checkStart("euler", x, sigmas);
  const steps = sigmas.length - 1;
  const raise = churn("euler", steps, resolve("euler", eulerOptions, given), { noise, round });
  for (let index = 0; index < steps; index++) {
    const { x: start, sigma } = raise(x, sigmas[index]);
    const denoised = await denoise(start, sigma);
    x = eulerStep(start, denoised, sigma, sigmas[index + 1]);
    yield { index, sigma: sigmas[index], x, denoised };
  }
}

/** x + (to − from)(x − D)/from, written so that a step to 0 gives D exactly. */
export function eulerStep(x: Float64Array, denoised: Float64Array, from: number, to: number): Float64Array {
  const ratio = to / from;
  return combine(new Float64Array(x.length), [ratio, x], [1 - ratio, denoised]);
}
