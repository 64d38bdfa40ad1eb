/**
 * Noise schedules as λ(t), the full log-SNR ln(α²/σ²) over time: what every member offers, and what can be done to any.
 * A schedule says where training looks: if t is uniform, λ has the density p(λ) = −dt/dλ. It says nothing about α and σ
 * by themselves; a path does.
 */
import { ConfigError } from "../errors/index.ts";
import type { LogSnrRange } from "./weighting.ts";

/** λ(t), falling on t ∈ [0, 1]: t = 0 is clean, t = 1 is noise. All members agree with one another at both ends. */
export interface NoiseSchedule {
  /** λ(t). `rest` is 1 − t, for a caller who knows it more exactly: near t = 1 the digits of λ are in it. */
  logSnr(t: number, rest?: number): number;
  /** t(λ), in [0, 1] also for λ outside the schedule's range. */
  time(logSnr: number): number;
  /** 1 − t(λ) without cancellation: the probability of a log-SNR below this one when t is uniform. */
  cdf(logSnr: number): number;
  /** p(λ) = −dt/dλ; integrates to 1, and is 0 outside the range. */
  density(logSnr: number): number;
  /** λ(1), the log-SNR of the noisiest time; may be −∞. */
  readonly min: number;
  /** λ(0), the log-SNR of the cleanest time; may be +∞. */
  readonly max: number;
}

/** A schedule's formulas, to be used inside its range only; there `rest` is always given. */
export type Formulas = Omit<NoiseSchedule, "logSnr"> & { readonly logSnr: (t: number, rest: number) => number };

/** Gives formulas their behaviour outside the range. */
export function confined({ logSnr, time, cdf, density, min, max }: Formulas): NoiseSchedule {
  return {
    logSnr: (t, rest = 1 - t) => (t <= 0 ? max : rest <= 0 ? min : logSnr(t, rest)),
    time: (at) => (at >= max ? 0 : at <= min ? 1 : time(at)),
    cdf: (at) => (at >= max ? 1 : at <= min ? 0 : cdf(at)),
    density: (at) => (at > max || at < min ? 0 : density(at)),
    min,
    max,
  };
}

/** The schedule with λ moved by 2s: every noise level divided by e^s. */
export function shift(schedule: NoiseSchedule, s: number): NoiseSchedule {
  if (s === 0) return schedule;
  const by = 2 * s;
  return {
    logSnr: (t, rest) => schedule.logSnr(t, rest) + by,
    time: (logSnr) => schedule.time(logSnr - by),
    cdf: (logSnr) => schedule.cdf(logSnr - by),
    density: (logSnr) => schedule.density(logSnr - by),
    min: schedule.min + by,
    max: schedule.max + by,
  };
}

/**
 * The schedule run only between t(max) and t(min), stretched to [0, 1]: inside the range the density grows by the same
 * factor everywhere, outside it is 0. A range wider than the schedule's own changes nothing.
 */
export function truncate(schedule: NoiseSchedule, range: LogSnrRange): NoiseSchedule {
  const [min, max] = [Math.max(range.min, schedule.min), Math.min(range.max, schedule.max)];
  if (!(min < max))
    throw new ConfigError(
      `schedule: truncate [${range.min}, ${range.max}] keeps nothing of log-SNR in [${schedule.min}, ${schedule.max}].`,
    );
  // Times near 0 and near 1 are both kept to full relative precision: as t, and as 1 − t.
  const [t0, t1] = [schedule.time(max), schedule.time(min)];
  const [rest0, rest1] = [schedule.cdf(max), schedule.cdf(min)];
  const kept = t0 < 0.5 ? t1 - t0 : rest0 - rest1;
  return confined({
    logSnr: (t, rest) => {
      const logSnr = schedule.logSnr(t0 * rest + t1 * t, rest0 * rest + rest1 * t);
      return Math.min(Math.max(logSnr, min), max);
    },
    time: (logSnr) => difference(schedule.time(logSnr), t0, rest0, schedule.cdf(logSnr)) / kept,
    cdf: (logSnr) => difference(schedule.cdf(logSnr), rest1, t1, schedule.time(logSnr)) / kept,
    density: (logSnr) => schedule.density(logSnr) / kept,
    min,
    max,
  });
}

/** a − b, or what is the same, c − d, from the pair that is nearer to 0. */
function difference(a: number, b: number, c: number, d: number): number {
  return a < 0.5 ? a - b : c - d;
}

/** A schedule given by λ(t), falling, and its derivative; inverted numerically to full precision. */
export function numericSchedule(logSnr: (t: number) => number, slope: (t: number) => number): NoiseSchedule {
  const [max, min] = [logSnr(0), logSnr(1)];
  if (!(min < max))
    throw new ConfigError(`schedule: the log-SNR must fall from t = 0 to t = 1; got ${max} and ${min}.`);
  const time = (target: number) => {
    // Newton's method inside a bracket that every value of λ narrows.
    let [low, high, t] = [0, 1, 0.5];
    for (let i = 0; i < 100 && high - low > 0; i++) {
      const error = logSnr(t) - target;
      if (error > 0) low = t;
      else high = t;
      const newton = t - error / slope(t);
      const next = newton > low && newton < high ? newton : (low + high) / 2;
      if (next === t) break;
      t = next;
    }
    return t;
  };
  return confined({ logSnr, time, cdf: (at) => 1 - time(at), density: (at) => -1 / slope(time(at)), min, max });
}

/** λ linear in t between equally spaced nodes. */
export function throughNodes(nodes: Float64Array): Formulas {
  const last = nodes.length - 1;
  if (last < 1) throw new ConfigError("schedule discrete: needs at least two timesteps of finite noise level.");
  /** The i with nodes[i] ≥ λ > nodes[i + 1]. */
  const intervalOf = (logSnr: number) => {
    let [low, high] = [0, last];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (nodes[middle] >= logSnr) low = middle;
      else high = middle;
    }
    return low;
  };
  const time = (logSnr: number) => {
    const i = intervalOf(logSnr);
    return (i + (nodes[i] - logSnr) / (nodes[i] - nodes[i + 1])) / last;
  };
  return {
    logSnr: (t) => {
      const i = Math.min(Math.floor(t * last), last - 1);
      return nodes[i] + (t * last - i) * (nodes[i + 1] - nodes[i]);
    },
    time,
    cdf: (logSnr) => 1 - time(logSnr),
    density: (logSnr) => {
      const i = intervalOf(logSnr);
      return 1 / (last * (nodes[i] - nodes[i + 1]));
    },
    min: nodes[last],
    max: nodes[0],
  };
}
