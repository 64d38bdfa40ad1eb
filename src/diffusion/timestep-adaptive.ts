/**
 * The adaptive noise schedule (Kingma & Gao 2023, appendix F): λ is drawn in proportion to a running mean of the weighted
 * loss at λ, which makes the loss, and so the variance of its gradient, nearly constant over time.
 */
import { ConfigError } from "../errors/index.ts";
import { count, interval } from "./admissible.ts";
import { binOf, normalized } from "./categorical.ts";
import { supported, type TimestepLaw, type TimestepSampler } from "./timestep-law.ts";

/** The constants of the adaptive schedule. */
export interface AdaptiveOptions {
  /** The range of λ that is drawn; default [−20, 20], the paper's for 64 × 64 pixels. */
  readonly logSnrMin?: number;
  readonly logSnrMax?: number;
  /** The number of equal bins; default 100. */
  readonly bins?: number;
  /** Of the running mean, for one update; default 0.999. */
  readonly decay?: number;
  /** No bin counts less than this part of the mean bin, so that none starves; default 0.001. */
  readonly floor?: number;
}

/**
 * The adaptive schedule as a sampler of λ. The state holds the running mean of each bin, from low to high λ, all 1 at
 * first. `observe` takes w(λ)·‖ε − ε̂‖² as a *mean* over dimensions (a sum would make the initial 1 negligible and starve
 * bins not visited yet), once an iteration and for the global batch: a bin that samples fell into moves towards their
 * mean, the others stay. Divide the loss by the density of the law it was drawn from, not of the updated one.
 */
export function adaptive({
  logSnrMin = -20,
  logSnrMax = 20,
  bins = 100,
  decay = 0.999,
  floor = 1e-3,
}: AdaptiveOptions = {}): TimestepSampler {
  interval("timestep adaptive: [logSnrMin, logSnrMax]", logSnrMin, logSnrMax);
  count("timestep adaptive: bins", bins);
  for (const [name, value] of Object.entries({ decay, floor }))
    if (!(value >= 0 && value < 1))
      throw new ConfigError(`timestep adaptive: ${name}: out of range: ${value} (expected at least 0, below 1).`);

  return {
    of: "logSnr",
    init: () => new Float64Array(bins).fill(1),
    law: (state) => {
      if (state.length !== bins)
        throw new ConfigError(`timestep adaptive: state of wrong length: ${state.length} (expected ${bins} bins).`);
      return piecewise(withFloor(state, floor), { min: logSnrMin, max: logSnrMax });
    },
    observe: (state, values, losses) => {
      const sums = new Float64Array(bins);
      const counts = new Float64Array(bins);
      for (let i = 0; i < values.length; i++) {
        if (!Number.isFinite(losses[i])) continue;
        const at = Math.floor(((values[i] - logSnrMin) / (logSnrMax - logSnrMin)) * bins);
        const bin = Math.min(Math.max(at, 0), bins - 1);
        sums[bin] += losses[i];
        counts[bin]++;
      }
      for (let bin = 0; bin < bins; bin++)
        if (counts[bin] > 0) state[bin] = decay * state[bin] + ((1 - decay) * sums[bin]) / counts[bin];
    },
  };
}

function withFloor(weights: Float64Array, floor: number): Float64Array {
  const least = (floor * weights.reduce((sum, value) => sum + value, 0)) / weights.length;
  return weights.map((value) => Math.max(value, least));
}

/**
 * A law of λ with a density that is constant in each of equal bins, from low to high λ, in proportion to `weights`.
 * u counts from clean to noisy, as time does: draw(u) = F⁻¹(1 − u).
 */
export function piecewise(
  weights: ArrayLike<number>,
  { min, max }: { readonly min: number; readonly max: number },
): TimestepLaw {
  const { cumulative, masses } = normalized(weights);
  const bins = weights.length;
  const width = (max - min) / bins;
  const at = (logSnr: number) => Math.min(Math.max(Math.floor((logSnr - min) / width), 0), bins - 1);
  return supported(min, max, {
    of: "logSnr",
    draw: (u) => {
      const target = 1 - u;
      const bin = binOf(cumulative, target);
      return min + width * (bin + (masses[bin] > 0 ? (target - cumulative[bin]) / masses[bin] : 0));
    },
    density: (logSnr) => masses[at(logSnr)] / width,
    uniform: (logSnr) => {
      const bin = at(logSnr);
      return 1 - (cumulative[bin] + ((logSnr - min) / width - bin) * masses[bin]);
    },
  });
}
