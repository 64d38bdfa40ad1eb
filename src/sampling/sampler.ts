/** The signature that all samplers on a ladder of noise levels share. */
import type { Denoise, Sigmas, Step } from "./denoise.ts";

/**
 * Takes samples from noise level `sigmas[0]` to the last one, one `Step` at a time. `x` is the batch at the first
 * level (unit noise times `sigmas[0]`, as a rule), and is only read. Whoever iterates may stop at any step.
 */
export type Sampler<Options> = (
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  options?: Options,
) => AsyncGenerator<Step>;

/**
 * One deterministic step of the probability-flow ODE dx/dσ = (x − D(x; σ))/σ, given D(x; from). Returns a new array.
 * A step to 0, where the slope is undefined, is Euler's in every method.
 */
export type OdeStep = (
  denoise: Denoise,
  x: Float64Array,
  denoised: Float64Array,
  from: number,
  to: number,
) => Promise<Float64Array> | Float64Array;

/** A step of a solver that chooses its own steps. */
export interface AdaptiveStep extends Step {
  /** The noise level of `x`. */
  readonly next: number;
  /** Attempts thrown away just before this step. */
  readonly rejected: number;
}
