/**
 * From what a timestep law draws to noise levels: times run along a schedule, timesteps through a table, and laws of σ̃ or
 * λ need neither. Any law goes with any schedule: times fall on the timesteps of a table, and timesteps of a continuous
 * schedule are the middles of as many equal parts of its time.
 */
import { ConfigError } from "../errors/index.ts";
import { type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { type NoiseScheduleSpec, noiseSchedule } from "./log-snr.ts";
import type { NoiseSchedule } from "./schedule.ts";
import type { TimestepLaw, TimestepVariable } from "./timestep-law.ts";
import type { LogSnrRange } from "./weighting.ts";

/** A discrete process or a continuous schedule. */
export type ScheduleSpec =
  | { readonly kind: "discrete"; readonly table: DiscreteSpec }
  | { readonly kind: "continuous"; readonly schedule: NoiseScheduleSpec };

export interface NoiseAxis {
  /** The log-SNR of a draw, and the timestep it falls on where there are timesteps. */
  visit(value: number): { readonly logSnr: number; readonly step?: number };
  /** Density of λ under a law; for timesteps the probability of the nearest over the width of its λ-cell. */
  density(law: TimestepLaw, logSnr: number): number;
  /** Density of λ if nothing but the schedule decided; absent where there is no schedule. */
  readonly scheduled?: (logSnr: number) => number;
  /** `density` over `scheduled`, exactly, also where both are 0; absent with it. */
  readonly relative?: (law: TimestepLaw, logSnr: number) => number;
  /** The time of λ in [0, 1], 0 clean: along the schedule or, where there is none, the law's own quantile. */
  time(law: TimestepLaw, logSnr: number): number;
  /** λ of every timestep, where only those are visited; decreasing. */
  readonly levels?: Float64Array;
  /** The log-SNRs that the schedule or the law can reach; may be infinite. */
  range(law: TimestepLaw): LogSnrRange;
}

/** The axis for laws of a variable, which for timesteps are `steps` many. Throws ConfigError where the two don't fit. */
export function noiseAxis(of: TimestepVariable, schedule: ScheduleSpec | undefined, steps?: number): NoiseAxis {
  if (of === "sigma" || of === "logSnr") return levelAxis(of, schedule && continuous(schedule));
  if (!schedule)
    throw new ConfigError(`objective: a law of ${of}s needs a schedule. Give "schedule", or a law of noise levels.`);
  if (schedule.kind === "discrete") {
    const table = discreteSchedule(schedule.table);
    if (of === "step" && steps !== table.steps)
      throw new ConfigError(
        `objective: the law has ${steps} timesteps and the schedule ${table.steps}. Give both the same number, or a law of times.`,
      );
    return stepAxis(table.logSnr, of);
  }
  const along = noiseSchedule(schedule.schedule);
  if (of === "time") return timeAxis(along);
  if (steps === undefined) throw new ConfigError("objective: a law of timesteps must say how many there are: steps.");
  const middles = Float64Array.from({ length: steps }, (_, i) => along.logSnr((i + 0.5) / steps));
  return stepAxis(middles, of);
}

const continuous = (spec: ScheduleSpec): NoiseSchedule =>
  noiseSchedule(spec.kind === "continuous" ? spec.schedule : { type: "discrete", table: spec.table });

function timeAxis(schedule: NoiseSchedule): NoiseAxis {
  return {
    visit: (t) => ({ logSnr: schedule.logSnr(t) }),
    density: (law, logSnr) => law.density(schedule.time(logSnr)) * schedule.density(logSnr),
    scheduled: schedule.density,
    relative: (law, logSnr) => law.density(schedule.time(logSnr)),
    time: (_, logSnr) => schedule.time(logSnr),
    range: () => ({ min: schedule.min, max: schedule.max }),
  };
}

/** Laws of σ̃ or λ; a schedule is only something to compare them with. */
function levelAxis(of: "sigma" | "logSnr", schedule: NoiseSchedule | undefined): NoiseAxis {
  const isSigma = of === "sigma";
  const levelOf = (logSnr: number) => (isSigma ? Math.exp(-logSnr / 2) : logSnr);
  const logSnrOf = (value: number) => (isSigma ? -2 * Math.log(value) : value);
  const density = (law: TimestepLaw, logSnr: number) =>
    law.density(levelOf(logSnr)) * (isSigma ? levelOf(logSnr) / 2 : 1);
  const quantile = (law: TimestepLaw, logSnr: number) => {
    const u = law.uniform(levelOf(logSnr));
    return logSnrOf(law.draw(0.25)) > logSnrOf(law.draw(0.75)) ? u : 1 - u;
  };
  return {
    visit: (value) => ({ logSnr: logSnrOf(value) }),
    density,
    ...(schedule && {
      scheduled: schedule.density,
      relative: (law, logSnr) => density(law, logSnr) / schedule.density(logSnr),
    }),
    time: schedule ? (_, logSnr) => schedule.time(logSnr) : quantile,
    range(law) {
      const ends = [logSnrOf(law.draw(0)), logSnrOf(law.draw(1 - 2 ** -53))];
      return { min: Math.min(...ends), max: Math.max(...ends) };
    },
  };
}

/** A table of log-SNRs, decreasing, each standing for the λ nearest to it. */
function stepAxis(levels: Float64Array, of: "time" | "step"): NoiseAxis {
  const steps = levels.length;
  const mass = (law: TimestepLaw, step: number) =>
    of === "step"
      ? law.density(step)
      : Math.abs(law.uniform(Math.min((step + 1) / steps, 1)) - law.uniform(step / steps));
  // At zero terminal SNR the last level is −∞: its cell is taken to be as wide as the one before.
  const finite = (step: number) =>
    levels[step] > -Infinity ? levels[step] : 2 * levels[step - 1] - (levels[step - 2] ?? levels[step - 1] + 1);
  const width = (step: number) => {
    const [left, right] = [Math.max(step - 1, 0), Math.min(step + 1, steps - 1)];
    return right === left ? 1 : (finite(left) - finite(right)) / (right - left);
  };
  const nearest = (logSnr: number) => {
    let [low, high] = [0, steps - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (levels[middle] >= logSnr) low = middle;
      else high = middle;
    }
    return Math.abs(levels[low] - logSnr) <= Math.abs(levels[high] - logSnr) ? low : high;
  };
  return {
    visit(value) {
      const step = of === "step" ? value : Math.min(Math.floor(value * steps), steps - 1);
      return { logSnr: levels[step], step };
    },
    density(law, logSnr) {
      const step = nearest(logSnr);
      return mass(law, step) / width(step);
    },
    scheduled: (logSnr) => 1 / (steps * width(nearest(logSnr))),
    relative: (law, logSnr) => steps * mass(law, nearest(logSnr)),
    time: (_, logSnr) => (nearest(logSnr) + 0.5) / steps,
    levels,
    range: () => ({ min: levels[steps - 1], max: levels[0] }),
  };
}
