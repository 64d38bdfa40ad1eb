/** Euler's method on the probability-flow ODE dx/dσ = (x − D(x; σ)) / σ (Karras et al. 2022, eq. 3). */
import { ancestralNoiseOptions, withAncestralNoise } from "./ancestral-noise.ts";
import { type ChurnHanded, churned, churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, resolve } from "./options.ts";
import type { OdeStep } from "./sampler.ts";

export type EulerOptions = Given<typeof churnOptions> & ChurnHanded;
export type EulerAncestralOptions = Given<typeof ancestralNoiseOptions> & Handed;

/** x + (to − from)(x − D)/from, written so that a step to 0 gives D exactly. */
export function eulerStep(x: Float64Array, denoised: Float64Array, from: number, to: number): Float64Array {
  const ratio = to / from;
  return combine(new Float64Array(x.length), [ratio, x], [1 - ratio, denoised]);
}

const step: OdeStep = (_, x, denoised, from, to) => eulerStep(x, denoised, from, to);

/** Euler's method: first order, one evaluation a step. Needs `noise` if `sChurn` is above 0. */
export async function* euler(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: EulerOptions = {},
): AsyncGenerator<Step> {
  checkStart("euler", x, sigmas);
  yield* churned("euler", step, denoise, x, sigmas, resolve("euler", churnOptions, given), { noise, round });
}

/** Euler steps with ancestral noise; needs `noise` unless `eta` is 0. */
export async function* eulerAncestral(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: EulerAncestralOptions = {},
): AsyncGenerator<Step> {
  const where = "euler-ancestral";
  checkStart(where, x, sigmas);
  yield* withAncestralNoise(where, step, denoise, x, sigmas, resolve(where, ancestralNoiseOptions, given), { noise });
}
