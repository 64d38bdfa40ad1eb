/**
 * Steps found by gradient through the sampler (Watson et al. 2022, "Learning fast samplers"): the levels of DDIM, and a factor
 * on each of its moves, that bring samples closest to data. What happens inside a step is computed again on the way back.
 */
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";

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

/** A number for samples, to be made small, and its gradient. */
export type SampleLoss = (x: Float64Array) => { readonly loss: number; readonly gradient: Float64Array };

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
  const end = lossOf(states[count]);
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

/**
 * The energy distance 2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖ to examples, without bias: the squared MMD of the kernel −‖x − y‖
 * (Székely & Rizzo 2013; Sejdinovic et al. 2013). 0 between equal distributions; nothing to tune.
 */
export function energyDistance(examples: Float64Array, dims: number): SampleLoss {
  const n = examples.length / dims;
  if (!Number.isInteger(n) || n < 2)
    throw new ConfigError(`energy distance: ${examples.length} numbers (two examples or more of ${dims}).`);
  let own = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) own += distance(examples, i, examples, j, dims);
  own *= 2 / (n * (n - 1));
  return (x) => {
    const m = x.length / dims;
    const gradient = new Float64Array(x.length);
    let [between, within] = [0, 0];
    const add = (i: number, to: Float64Array, j: number, weight: number) => {
      const d = distance(x, i, to, j, dims);
      if (d > 0)
        for (let k = 0; k < dims; k++) gradient[i * dims + k] += (weight * (x[i * dims + k] - to[j * dims + k])) / d;
      return d;
    };
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) between += add(i, examples, j, 2 / (m * n));
      for (let j = 0; j < m; j++) if (j !== i) within += add(i, x, j, -2 / (m * (m - 1)));
    }
    return { loss: (2 * between) / (m * n) - within / (m * (m - 1)) - own, gradient };
  };
}

function distance(a: Float64Array, i: number, b: Float64Array, j: number, dims: number): number {
  let sum = 0;
  for (let k = 0; k < dims; k++) sum += (a[i * dims + k] - b[j * dims + k]) ** 2;
  return Math.sqrt(sum);
}
