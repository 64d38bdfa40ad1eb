/** Loss-second-moment sampling of timesteps (Nichol & Dhariwal 2021, section 3.3): where the loss is large, look often. */
import { ConfigError } from "../errors/index.ts";
import { count, fraction } from "./admissible.ts";
import { categorical } from "./categorical.ts";
import type { TimestepSampler } from "./timestep-law.ts";

/** The constants of loss-second-moment sampling. */
export interface SecondMomentOptions {
  /** T, the number of timesteps. */
  readonly steps: number;
  /** How many of its last losses each timestep remembers; default 10. */
  readonly history?: number;
  /** The part of the probability that is uniform, so that no timestep is forgotten; default 0.001. */
  readonly uniformProbability?: number;
}

/**
 * p_t ∝ √(mean of the last losses²), once every timestep has a full history; uniform before. The paper divides the loss
 * by T p_t, see `importanceWeight`. The state holds for each timestep the number of losses and then the losses, oldest
 * first: [steps × (1 + history)]. Give `observe` the losses of the global batch, in the same order on every worker.
 */
export function lossSecondMoment({
  steps,
  history = 10,
  uniformProbability = 1e-3,
}: SecondMomentOptions): TimestepSampler {
  count("timestep loss-second-moment: steps", steps);
  count("timestep loss-second-moment: history", history);
  if (uniformProbability !== 0 && uniformProbability !== 1)
    fraction("timestep loss-second-moment: uniformProbability", uniformProbability);
  const row = 1 + history;

  const probabilities = (state: Float64Array): Float64Array => {
    if (state.length !== steps * row)
      throw new ConfigError(
        `timestep loss-second-moment: state of wrong length: ${state.length} (expected ${steps} × ${row}). Was it saved with other steps or history?`,
      );
    for (let t = 0; t < steps; t++) if (state[t * row] < history) return new Float64Array(steps).fill(1 / steps);
    const rms = Float64Array.from({ length: steps }, (_, t) =>
      rootMeanSquare(state.subarray(t * row + 1, (t + 1) * row)),
    );
    const total = rms.reduce((sum, value) => sum + value, 0);
    if (!(total > 0)) return rms.fill(1 / steps);
    return rms.map((value) => ((1 - uniformProbability) * value) / total + uniformProbability / steps);
  };

  return {
    of: "step",
    init: () => new Float64Array(steps * row),
    law: (state) => categorical(probabilities(state)),
    observe: (state, values, losses) => {
      for (let i = 0; i < values.length; i++) {
        count("timestep loss-second-moment: observed timestep", values[i], 0, steps - 1);
        if (!Number.isFinite(losses[i])) continue;
        const start = values[i] * row;
        const full = state[start] === history;
        if (full) state.copyWithin(start + 1, start + 2, start + row);
        else state[start]++;
        state[start + state[start]] = losses[i];
      }
    },
  };
}

function rootMeanSquare(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / values.length);
}
