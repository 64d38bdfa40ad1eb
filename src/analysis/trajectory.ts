/**
 * How straight a model's ODE trajectories are, and what one step from any of their points would give (Kim et al. 2024,
 * Figures 2, 6 and 7). In the variance-exploding frame dx/dσ = (x − D)/σ, so x'' = −(dD/dσ)/σ: a trajectory is straight
 * where the denoised image D stands still, and the single Euler step from σ to 0 lands on D itself.
 */
import { ConfigError } from "../errors/index.ts";
import { type Denoise, type Sigmas, solve } from "../sampling/index.ts";

/** A noise level of a bundle of trajectories; distances are root mean squares over dimensions, so in units of a pixel. */
export interface TrajectoryLevel {
  readonly sigma: number;
  /** ‖dD/d ln σ‖ from here to the next level, the mean over trajectories: their curvature. */
  readonly curvature: number;
  /** ‖D − x₀‖, the mean over trajectories: how far a single step from here ends from where the trajectory does. */
  readonly singleStepError: number;
}

/** Trajectories from noise to samples. */
export interface Trajectories {
  readonly levels: readonly TrajectoryLevel[];
  /** ∫ ‖dD/d ln σ‖ d ln σ of each trajectory: the way that its denoised image goes from first to last. 0 if straight. */
  readonly lengths: Float64Array;
  /** D at every level, each `[count × dims]`. */
  readonly guesses: readonly Float64Array[];
  /** Where the trajectories end, `[count × dims]`. */
  readonly samples: Float64Array;
}

/**
 * Follows the probability-flow ODE from `start` `[count × dims]` by Heun's method. `sigmas` falls to 0; forty levels or
 * more show the curvature of the trajectories and not that of the steps.
 */
export async function trajectories(
  denoise: Denoise,
  start: Float64Array,
  dims: number,
  sigmas: Sigmas,
): Promise<Trajectories> {
  const count = start.length / dims;
  if (!Number.isInteger(count) || count < 1)
    throw new ConfigError(`trajectories: start: ${start.length} numbers (expected a multiple of dims = ${dims}).`);
  const guesses: Float64Array[] = [];
  let samples = start;
  for await (const { x, denoised } of solve({ type: "heun" }, denoise, start, sigmas)) {
    guesses.push(denoised);
    samples = x;
  }
  const lengths = new Float64Array(count);
  const levels = guesses.map((guess, i) => {
    const next = guesses[i + 1] ?? samples;
    const moved = rowDistances(guess, next, dims);
    for (let k = 0; k < count; k++) lengths[k] += moved[k];
    const time = i + 1 < guesses.length ? Math.log(sigmas[i] / sigmas[i + 1]) : Number.NaN;
    return {
      sigma: sigmas[i],
      curvature: mean(moved) / time,
      singleStepError: mean(rowDistances(guess, samples, dims)),
    };
  });
  return { levels, lengths, guesses, samples };
}

/** Root mean square difference of each pair of rows. */
export function rowDistances(a: Float64Array, b: ArrayLike<number>, dims: number): Float64Array {
  return Float64Array.from({ length: a.length / dims }, (_, row) => {
    let sum = 0;
    for (let k = row * dims; k < (row + 1) * dims; k++) sum += (a[k] - b[k]) ** 2;
    return Math.sqrt(sum / dims);
  });
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
