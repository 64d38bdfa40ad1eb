/**
 * The one interface between samplers and models: a denoiser in the variance-exploding frame
 * (Karras et al. 2022). Adapters convert models of any other path and prediction at the edge.
 */

/**
 * D(x; σ̃): the expected clean sample given x = x₀ + σ̃ ε, for a whole batch at one noise level.
 * `x` is the batch laid flat, `[batch × dims]`; the result has the same length.
 * Samplers integrate in float64; networks behind it run in float32.
 *
 * `x` belongs to the sampler: read it, don't write to it or keep it. The result is a new array that nobody writes to
 * again: multistep samplers and whoever watches the steps keep it.
 */
export type Denoise = (x: Float64Array, sigma: number) => Promise<Float64Array> | Float64Array;

/** One step of a sampler, as seen by whoever is watching. */
export interface Step {
  readonly index: number;
  /** The noise level the step started from. */
  readonly sigma: number;
  /** The samples after this step, at the next noise level. A new array, never written to again: it may be kept. */
  readonly x: Float64Array;
  /** The denoiser's estimate of the clean samples during this step. */
  readonly denoised: Float64Array;
}

/** Noise levels to visit, decreasing; usually ends with 0. */
export type Sigmas = readonly number[];

/**
 * Draws unit Gaussian noise for the whole batch, `[batch × dims]`; every call is a new draw. Each image's part comes
 * from that image's own stream, so a sample does not depend on its batch. The array is read before the next call.
 */
export type Noise = () => Float64Array;

/** Runs a sampler to its end and returns the last samples. */
export async function finish(steps: AsyncIterable<Step>): Promise<Float64Array> {
  let last: Step | undefined;
  for await (const step of steps) last = step;
  if (!last) throw new RangeError("finish: the sampler took no step (it needs at least two noise levels).");
  return last.x;
}
