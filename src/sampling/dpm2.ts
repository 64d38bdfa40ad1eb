/** Second-order steps whose second evaluation lies halfway in ln σ: DPM-Solver-2 and DPM-Solver++(2S). */
import { ancestralNoiseOptions, withAncestralNoise } from "./ancestral-noise.ts";
import { type ChurnHanded, churned, churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { eulerStep } from "./euler.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, resolve } from "./options.ts";
import type { OdeStep } from "./sampler.ts";

export type Dpm2Options = Given<typeof churnOptions> & ChurnHanded;
export type Dpm2AncestralOptions = Given<typeof ancestralNoiseOptions> & Handed;
export type Dpmpp2sAncestralOptions = Given<typeof ancestralNoiseOptions> & Handed;

/** A full step with the slope at the middle: x + (to − from)(u − D(u; μ))/μ, μ = √(from · to), u by an Euler step. */
const midpoint: OdeStep = async (denoise, x, denoised, from, to) => {
  if (to === 0) return eulerStep(x, denoised, from, to);
  const mid = Math.sqrt(from * to);
  const probe = eulerStep(x, denoised, from, mid);
  const second = await denoise(probe, mid);
  const a = (to - from) / mid;
  return combine(new Float64Array(x.length), [1, x], [a, probe], [-a, second]);
};

/** The exponential step with the clean estimate of the middle (Lu et al. 2022b, Algorithm 1 with r = 1/2). */
const exponentialMidpoint: OdeStep = async (denoise, x, denoised, from, to) => {
  if (to === 0) return eulerStep(x, denoised, from, to);
  const mid = Math.sqrt(from * to);
  const second = await denoise(eulerStep(x, denoised, from, mid), mid);
  return eulerStep(x, second, from, to);
};

/** DPM-Solver-2 in σ (Lu et al. 2022a; Karras et al. 2022), with churn. Second order, two evaluations a step. */
export async function* dpm2(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: Dpm2Options = {},
): AsyncGenerator<Step> {
  checkStart("dpm2", x, sigmas);
  yield* churned("dpm2", midpoint, denoise, x, sigmas, resolve("dpm2", churnOptions, given), { noise, round });
}

/** `dpm2` with ancestral noise instead of churn; needs `noise` unless `eta` is 0. */
export async function* dpm2Ancestral(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: Dpm2AncestralOptions = {},
): AsyncGenerator<Step> {
  const where = "dpm2-ancestral";
  checkStart(where, x, sigmas);
  yield* withAncestralNoise(where, midpoint, denoise, x, sigmas, resolve(where, ancestralNoiseOptions, given), {
    noise,
  });
}

/** DPM-Solver++(2S) with ancestral noise; needs `noise` unless `eta` is 0. */
export async function* dpmpp2sAncestral(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: Dpmpp2sAncestralOptions = {},
): AsyncGenerator<Step> {
  const where = "dpm++2s-ancestral";
  checkStart(where, x, sigmas);
  yield* withAncestralNoise(
    where,
    exponentialMidpoint,
    denoise,
    x,
    sigmas,
    resolve(where, ancestralNoiseOptions, given),
    { noise },
  );
}
