/**
 * Steps found by gradient through the sampler (Watson et al. 2022, "Learning fast samplers"): the levels of DDIM, and a factor
 * on each of its moves, that bring samples closest to data. What happens inside a step is computed again on the way back.
 */
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import type { SampleLoss } from "./sample-loss.ts";

/** x ← r x + c (1 − r) D(x; σ) with r = σ′/σ, for a step from σ to σ′; c = 1 is DDIM. */
export interface SearchedSteps {
  /** Falling; the last step goes to 0. */
  readonly sigmas: readonly number[];
  /** c of each step. */
  readonly factors: readonly number[];
}

/** D and vᵀ ∂D/∂x at once. */
export type DenoiseProduct = (
  x: Float64Array,
  sigma: number,
  v: Float64Array,
) => Promise<{ readonly denoised: Float64Array; readonly product: Float64Array }>;

export interface StepGradient {
  readonly loss: number;
  /** dL/d ln σ of each level, the first, where sampling starts, left alone (0). */
  readonly levels: Float64Array;
  /** dL/dc of each step. */
  readonly factors: Float64Array;
}

/** Runs the steps from `x`, at the first level. Returns the state before each step, and the samples last. */
export async function runSteps(denoise: Denoise, x: Float64Array, steps: SearchedSteps): Promise<Float64Array[]> {
  const states = [x];
  for (const [i, sigma] of steps.sigmas.entries()) {
    const r = ratio(steps, i);
    const before = states[i];
    const denoised = await denoise(before, sigma);
    states.push(combine(new Float64Array(x.length), [r, before], [steps.factors[i] * (1 - r), denoised]));
  }
  return states;
}

const ratio = ({ sigmas }: SearchedSteps, i: number) => (i + 1 < sigmas.length ? sigmas[i + 1] / sigmas[i] : 0);

/** How far apart, in ln σ, the two calls are that a slope of D in ln σ is taken from. */
const apart = 0.02;

/** The loss of the samples and its gradient with respect to the steps; only the states between steps are kept. */
export async function stepGradient(
  denoise: Denoise,
  product: DenoiseProduct,
  x: Float64Array,
  steps: SearchedSteps,
  lossOf: SampleLoss,
): Promise<StepGradient> {
  const states = await runSteps(denoise, x, steps);
  const count = steps.sigmas.length;
  const levels = new Float64Array(count);
  const factors = new Float64Array(count);
  const end = await lossOf(states[count]);
  let adjoint = end.gradient;
  for (let i = count - 1; i >= 0; i--) {
    const [before, sigma, factor, r] = [states[i], steps.sigmas[i], steps.factors[i], ratio(steps, i)];
    const pull = factor * (1 - r);
    const { denoised, product: back } = await product(before, sigma, adjoint);
    const ofRatio = dot(adjoint, before) - factor * dot(adjoint, denoised);
    factors[i] = (1 - r) * dot(adjoint, denoised);
    levels[i] -= r * ofRatio;
    if (i + 1 < count) levels[i + 1] += r * ofRatio;
    if (i > 0) {
      const [up, down] = [
        await denoise(before, sigma * Math.exp(apart / 2)),
        await denoise(before, sigma * Math.exp(-apart / 2)),
      ];
      levels[i] += (pull * (dot(adjoint, up) - dot(adjoint, down))) / apart;
    }
    adjoint = combine(new Float64Array(x.length), [r, adjoint], [pull, back]);
  }
  levels[0] = 0;
  return { loss: end.loss, levels, factors };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
