/**
 * Ancestral sampling (Ho et al. 2020; Nichol and Dhariwal 2021; Kingma et al. 2021): at each step a draw from
 * q(x' | x, x₀ = D). In the variance-exploding frame q has mean D + (σ'²/σ²)(x − D) and variance σ'²(1 − σ'²/σ²) on
 * every path, so DDPM and VDM are one sampler, with σ² = 1/ᾱ − 1 = e^γ.
 */
import { isLearned, type ReverseVariance } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

/** Two levels of a step, and the one before them. */
export interface Leap {
  readonly sigma: number;
  readonly next: number;
  /** The level the step before started from, if there was one: a step into 0 borrows its variance. */
  readonly before?: number | undefined;
}

/** Variance of q(x' | x, x₀): β̃ of DDPM over ᾱ'. It is 0 into σ' = 0, and σ'² from σ = ∞. */
export const posteriorVariance = (sigma: number, next: number): number => next ** 2 * (1 - (next / sigma) ** 2);

/** β = 1 − ᾱ/ᾱ' of a variance-preserving step, over ᾱ'. */
const stepVariance = ({ sigma, next }: Leap) =>
  sigma === Number.POSITIVE_INFINITY ? 1 + next ** 2 : ((sigma ** 2 - next ** 2) * (1 + next ** 2)) / (1 + sigma ** 2);

/** β̃ of the step before, or β without one: what DDPM takes in place of the vanishing β̃ of the last step. */
const borrowedVariance = (leap: Leap) =>
  leap.before === undefined ? stepVariance(leap) : posteriorVariance(leap.before, leap.sigma) / (1 + leap.sigma ** 2);

/**
 * Σ of one step, over ᾱ', for each type; `output` is the network's, for the learned ones. A step into 0 draws no noise: there Σ
 * matters to `gradient` alone, and all types but "fixed-small" take β̃ from the step before.
 */
export const reverseVariances: { readonly [K in ReverseVariance]: (leap: Leap, output: number) => number } = {
  "fixed-small": ({ sigma, next }) => posteriorVariance(sigma, next),
  "fixed-large": (leap) => (leap.next > 0 ? stepVariance(leap) : borrowedVariance(leap)),
  /** ln Σ = frac·ln β + (1 − frac)·ln β̃, frac = (v + 1)/2 (Nichol and Dhariwal 2021, eq. 15). */
  "learned-range": (leap, output) => {
    const small = leap.next > 0 ? posteriorVariance(leap.sigma, leap.next) : borrowedVariance(leap);
    return small * (stepVariance(leap) / small) ** ((output + 1) / 2);
  },
  learned: ({ next }, output) => Math.exp(output) * (1 + next ** 2),
};

export const ancestralOptions = {
  variance: {
    type: "choice",
    default: "fixed-small",
    choices: ["fixed-small", "fixed-large", "learned-range", "learned"],
    about: "posterior variance, the step's beta, or learned; all but the first are those of a VP path",
  },
} as const satisfies OptionTable;

/** What ancestral sampling is handed: `noise` always, one draw for every step that ends above 0. */
export interface AncestralHanded extends Handed {
  /**
   * The network's output for learned variances, v in [−1, 1] or ln Σ: one number or one per element. Asked right after the
   * denoiser with the same arguments, so a network with two outputs answers from the run it has just made.
   */
  readonly varianceOutput?: (x: Float64Array, sigma: number) => Promise<Float64Array | number> | Float64Array | number;
  /**
   * Scale times ∇ₓ ln p(y | x) at (x, σ): moves the mean by Σ∇ (Dhariwal and Nichol 2021, algorithm 1, with the
   * gradient at the step's start, as in their code). For a VP path. `classifierGuided` is the form for all samplers.
   */
  readonly gradient?: (x: Float64Array, sigma: number) => Promise<Float64Array> | Float64Array;
}

export type AncestralOptions = Given<typeof ancestralOptions> & AncestralHanded;

/** A step of `ancestral`, with the two moments of the law it was drawn from. */
export interface AncestralStep extends Step {
  readonly mean: Float64Array;
  /** Per element, or one number for all; 0 into σ = 0. */
  readonly std: Float64Array | number;
}

/**
 * Ancestral sampling: x' = D + (σ'²/σ²)(x − D) + √Σ·noise. With `sigmas` √(1/ᾱ − 1) it is DDPM, respaced or not; with
 * e^{γ/2} it is VDM. `sigmas[0]` may be ∞, as at zero terminal SNR: x is then the unit noise itself.
 * @throws ConfigError for noise levels that don't fall, without `noise`, or a learned variance without `varianceOutput`.
 */
export async function* ancestral(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, varianceOutput, gradient, ...given }: AncestralOptions = {},
): AsyncGenerator<AncestralStep> {
  checkStart("ancestral", x, sigmas, { infinite: !gradient });
  const { variance } = resolve("ancestral", ancestralOptions, given);
  needNoise("ancestral", noise, "every step");
  if (isLearned(variance) && !varianceOutput)
    throw new ConfigError(`ancestral: variance "${variance}" needs the network's output: pass varianceOutput.`);

  for (let index = 0; index + 1 < sigmas.length; index++) {
    const leap = { sigma: sigmas[index], next: sigmas[index + 1], before: sigmas[index - 1] };
    const { sigma, next } = leap;
    const denoised = await denoise(x, sigma);
    const output = isLearned(variance) && varianceOutput ? await varianceOutput(x, sigma) : 0;
    const { mean, std } = ancestralLaw(leap, x, denoised, {
      variance: each(output, (v) => reverseVariances[variance](leap, v)),
      ...(gradient && { gradient: await gradient(x, sigma) }),
    });
    x = next > 0 ? addProduct(mean.slice(), std, noise()) : mean;
    yield { index, sigma, x, denoised, mean, std };
  }
}

/** The law of x' given x: mean D + (σ'²/σ²)(x − D), moved by the gradient if there is one, and standard deviation √Σ. */
export function ancestralLaw(
  { sigma, next }: Leap,
  x: Float64Array,
  denoised: Float64Array,
  { variance, gradient }: { readonly variance: Float64Array | number; readonly gradient?: Float64Array },
): Pick<AncestralStep, "mean" | "std"> {
  const keep = (next / sigma) ** 2;
  const mean = combine(new Float64Array(x.length), [keep, x], [1 - keep, denoised]);
  if (gradient) {
    // Σ∇ is meant in the VP frame; the gradient here is with respect to x = z/α, which leaves a factor α'/α.
    const factor = Math.sqrt((1 + sigma ** 2) / (1 + next ** 2));
    addProduct(
      mean,
      each(variance, (v) => factor * v),
      gradient,
    );
  }
  return { mean, std: next > 0 ? each(variance, Math.sqrt) : 0 };
}

const each = (value: Float64Array | number, f: (v: number) => number): Float64Array | number =>
  typeof value === "number" ? f(value) : value.map(f);

/** sum += weight·value, elementwise; returns sum. */
function addProduct(sum: Float64Array, weight: Float64Array | number, value: Float64Array): Float64Array {
  if (typeof weight === "number") return combine(sum, [1, sum], [weight, value]);
  if (weight.length !== sum.length)
    throw new ConfigError(`ancestral: varianceOutput gave ${weight.length} values (one, or ${sum.length} as in x).`);
  for (let i = 0; i < sum.length; i++) sum[i] += weight[i] * value[i];
  return sum;
}
