/**
 * A training objective: which noise levels training looks at, what the network is asked there, and what counts. Every
 * combination is one formula, m(λ)·‖ε − ε̂‖² averaged over λ ~ p, seen as a weighted error of the network's own output.
 */
import { ConfigError } from "../errors/index.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { type NoiseScheduleSpec, noiseSchedule } from "./log-snr.ts";
import { type Multiplier, type MultiplierSpec, multiplier } from "./multiplier.ts";
import { type Precondition, type PreconditioningSpec, precondition } from "./preconditioning.ts";
import type { NoiseSchedule } from "./schedule.ts";
import { type TimestepSpec, timestepSampler } from "./timestep.ts";
import type { TimestepLaw, TimestepSampler } from "./timestep-law.ts";
import { type Weighting, type WeightingSpec, weighting } from "./weighting.ts";

/** An objective by the names of its factors. */
export interface ObjectiveSpec {
  /** What the network emits, on which path. */
  readonly prediction: PreconditioningSpec;
  /** Turns times and timesteps into noise levels; not needed by laws that draw σ̃ or λ directly. */
  readonly schedule?: ScheduleSpec;
  /** Where training looks. */
  readonly timesteps: TimestepSpec;
  /** What counts: a multiplier of the ε-error as papers publish them, or w(λ) itself. */
  readonly loss: { readonly multiplier: MultiplierSpec } | { readonly weighting: WeightingSpec };
  /**
   * Whether the loss is divided by how much more often than the schedule alone the timestep law visits a noise level, so
   * that the law changes the variance and not the objective.
   */
  readonly importance?: boolean;
}

/** A discrete process or a continuous schedule. */
export type ScheduleSpec =
  | { readonly kind: "discrete"; readonly table: DiscreteSpec }
  | { readonly kind: "continuous"; readonly schedule: NoiseScheduleSpec };

/** One sample's noise level. */
export interface Draw {
  /** What the law drew: a time, a timestep, σ̃ or λ. */
  readonly value: number;
  readonly sigma: number;
  readonly logSnr: number;
  /** The multiplier of ‖ε − ε̂‖² there. */
  readonly multiplier: number;
  /** The part of the multiplier that makes up for how often the law looks there. A law learns from losses without it. */
  readonly correction: number;
}

/** The numbers of one sample in the training step (see `training`): all that a network and its loss need to know. */
export interface Coefficients {
  /** c_in, and c_in·σ̃: the network's input is inX·x + inNoise·ε. */
  readonly inX: number;
  readonly inNoise: number;
  readonly cNoise: number;
  /** The network's target is targetX·x + targetNoise·ε. */
  readonly targetX: number;
  readonly targetNoise: number;
  /** The multiplier of the squared error of the network's output. */
  readonly weight: number;
}

export interface Objective {
  readonly precondition: Precondition;
  readonly sampler: TimestepSampler;
  /** The noise level that belongs to one uniform number, under a law of the sampler. */
  draw(law: TimestepLaw, u: number): Draw;
  /** Density of λ under a law; for a discrete process the probability of a timestep over the width of its λ-cell. */
  density(law: TimestepLaw, logSnr: number): number;
  /** The multiplier of ‖ε − ε̂‖² at λ under a law. */
  multiplier(law: TimestepLaw, logSnr: number): number;
  coefficients(draw: Draw): Coefficients;
}

/** The way from what a law draws to λ, and the density that the schedule alone would give. */
interface Axis {
  logSnrOf(value: number): number;
  valueOf(logSnr: number): number;
  /** |d value / dλ|: turns the density of a value into the density of λ. */
  slope(logSnr: number): number;
  /** Density of the values when nothing but the schedule decides; undefined where the law itself is all there is. */
  readonly uniform: number | undefined;
}

/** λ is kept in this range, so that products of weights stay finite. */
const limit = 700;

/** The objective that a spec names. Throws ConfigError. */
export function objective(spec: ObjectiveSpec): Objective {
  const { importance = "weighting" in spec.loss } = spec;
  const sampler = timestepSampler(spec.timesteps);
  const axis = axisOf(sampler, spec.schedule);
  const conditioned = precondition(spec.prediction);
  const published: Multiplier | undefined = "multiplier" in spec.loss ? multiplier(spec.loss.multiplier) : undefined;
  const weigh: Weighting | undefined = "weighting" in spec.loss ? weighting(spec.loss.weighting) : undefined;

  if (importance && published && axis.uniform === undefined)
    throw new ConfigError(
      `objective: importance has nothing to compare a law of ${sampler.of} with. Give a weighting in place of the multiplier, or leave importance out.`,
    );
  const density = (law: TimestepLaw, logSnr: number) => law.density(axis.valueOf(logSnr)) * axis.slope(logSnr);
  /** The multiplier of the ε-error as if λ came from the schedule alone (or, where there is none, evenly). */
  const uncorrected = (logSnr: number) =>
    published
      ? published(logSnr)
      : (weigh?.(logSnr) ?? 0) / ((axis.uniform ?? 1) * (axis.uniform ? axis.slope(logSnr) : 1));
  const correction = (law: TimestepLaw, logSnr: number) => {
    if (!importance) return 1;
    return axis.uniform === undefined ? 1 / density(law, logSnr) : axis.uniform / law.density(axis.valueOf(logSnr));
  };
  return {
    precondition: conditioned,
    sampler,
    density,
    multiplier: (law, logSnr) => uncorrected(logSnr) * correction(law, logSnr),
    draw(law, u) {
      const value = law.draw(u);
      const logSnr = Math.min(Math.max(axis.logSnrOf(value), -limit), limit);
      const corrected = correction(law, logSnr);
      return {
        value,
        sigma: Math.exp(-logSnr / 2),
        logSnr,
        multiplier: uncorrected(logSnr) * corrected,
        correction: corrected,
      };
    },
    coefficients({ sigma, multiplier: m }) {
      const { cIn, cOut, cNoise, targetX, targetNoise } = conditioned(sigma);
      const inNoise = cIn * sigma;
      return { inX: cIn, inNoise, cNoise, targetX, targetNoise, weight: m * (cOut / sigma) ** 2 };
    },
  };
}

function axisOf(sampler: TimestepSampler, schedule: ScheduleSpec | undefined): Axis {
  if (sampler.of === "logSnr") return { logSnrOf: (v) => v, valueOf: (v) => v, slope: () => 1, uniform: undefined };
  if (sampler.of === "sigma")
    return {
      logSnrOf: (sigma) => -2 * Math.log(sigma),
      valueOf: (logSnr) => Math.exp(-logSnr / 2),
      slope: (logSnr) => Math.exp(-logSnr / 2) / 2,
      uniform: undefined,
    };
  if (!schedule)
    throw new ConfigError(
      `objective: a law of ${sampler.of}s needs a schedule. Give "schedule", or a law of noise levels.`,
    );
  if (sampler.of === "step") {
    if (schedule.kind !== "discrete")
      throw new ConfigError(
        "objective: a law of timesteps needs a discrete schedule. Use a law of times, or a discrete table.",
      );
    return stepAxis(discreteSchedule(schedule.table));
  }
  if (schedule.kind !== "continuous")
    throw new ConfigError(
      "objective: a law of times needs a continuous schedule. Use a law of timesteps, or a continuous one.",
    );
  return timeAxis(noiseSchedule(schedule.schedule));
}

const timeAxis = (schedule: NoiseSchedule): Axis => ({
  logSnrOf: (t) => schedule.logSnr(t),
  valueOf: (logSnr) => schedule.time(logSnr),
  slope: (logSnr) => schedule.density(logSnr),
  uniform: 1,
});

/** Timesteps, each standing for the λ nearest to its own. */
function stepAxis({ steps, logSnr }: DiscreteSchedule): Axis {
  const nearest = (at: number) => {
    let [low, high] = [0, steps - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (logSnr[middle] >= at) low = middle;
      else high = middle;
    }
    return Math.abs(logSnr[low] - at) <= Math.abs(logSnr[high] - at) ? low : high;
  };
  const width = (t: number) => {
    const [left, right] = [logSnr[Math.max(t - 1, 0)], logSnr[Math.min(t + 1, steps - 1)]];
    return Math.abs(left - right) / (t === 0 || t === steps - 1 ? 1 : 2);
  };
  return {
    logSnrOf: (step) => logSnr[step],
    valueOf: nearest,
    slope: (at) => 1 / width(nearest(at)),
    uniform: 1 / steps,
  };
}
