/** Laws over finitely many outcomes. */
import type { TimestepLaw } from "./timestep-law.ts";

/** A law of the timesteps 0, 1, … with probabilities in proportion to `weights`. */
export function categorical(weights: ArrayLike<number>): TimestepLaw {
  const { cumulative, masses } = normalized(weights);
  return {
    of: "step",
    draw: (u) => binOf(cumulative, u),
    density: (step) => masses[step] ?? 0,
    uniform: (step) => cumulative[step],
  };
}

/** Weights as probabilities (all equal if none is above 0), and their sums 0, p₀, p₀ + p₁, …, 1. */
export function normalized(weights: ArrayLike<number>): { cumulative: Float64Array; masses: Float64Array } {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  const masses = Float64Array.from(weights, (weight) => (total > 0 ? weight / total : 1 / weights.length));
  const cumulative = new Float64Array(weights.length + 1);
  for (let i = 0; i < weights.length; i++) cumulative[i + 1] = cumulative[i] + masses[i];
  cumulative[weights.length] = 1;
  return { cumulative, masses };
}

/** The last bin of those with cumulative[bin] ≤ u, by bisection. */
export function binOf(cumulative: Float64Array, u: number): number {
  let [low, high] = [0, cumulative.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] <= u) low = middle;
    else high = middle;
  }
  return low;
}
