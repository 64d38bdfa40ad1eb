/**
 * What an objective really optimises: the one function w_eff(λ) = multiplier × density of λ, in which the schedule, the
 * timestep law, the weights and the prediction all end (Kingma & Gao 2023). If it never rises, the objective is an ELBO
 * under augmentation with Gaussian noise (their Theorem 1), and the noise has a distribution that can be told.
 */
import { type LogSnrRange, type NoiseScheduleSpec, noiseSchedule, type Objective } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";

/** An objective on a grid of log-SNRs, rising; for a discrete process at its timesteps. */
export interface ObjectiveProfile {
  readonly logSnr: Float64Array;
  /** t in [0, 1], 0 clean. */
  readonly time: Float64Array;
  /** p(λ), where training looks. */
  readonly density: Float64Array;
  /** The multiplier of ‖ε − ε̂‖². */
  readonly multiplier: Float64Array;
  /** w_eff(λ), scaled so that its maximum is 1. */
  readonly effective: Float64Array;
  /** The λ at which w_eff first rises; absent if it never does, and then `mixture` is there. */
  readonly rise?: number;
  readonly mixture?: Mixture;
}

/** p_w(t): how much noise the augmentation of Theorem 1 adds. */
export interface Mixture {
  /** The probability of no noise at all: w(λ_max)/w(λ_min). */
  readonly massAtZero: number;
  /** The probability of noise up to time t, at the times of the profile. */
  readonly cumulative: Float64Array;
}

export interface ProfileOptions {
  /** The state of a timestep law that learns; that before training by default. */
  readonly state?: Float64Array;
  /** Where to look; default [−20, 20], or as much of it as the objective reaches. */
  readonly range?: LogSnrRange;
  /** Points of the grid, where λ is continuous; default 801. */
  readonly points?: number;
}

/** The profile of an objective. Throws ConfigError if it does not reach the range. */
export function profileOf(objective: Objective, options: ProfileOptions = {}): ObjectiveProfile {
  const law = objective.sampler.law(options.state ?? objective.sampler.init());
  const logSnr = gridOf(objective, options);
  const { axis } = objective;
  const along = (value: (at: number) => number) => logSnr.map(value);
  const weight = along(objective.effectiveWeighting(law));
  const most = weight.reduce((a, b) => Math.max(a, b), 0);
  const effective = weight.map((w) => w / most);
  const time = along((at) => axis.time(law, at));
  const rise = riseOf(logSnr, effective, axis.levels ? 1 : 0);
  return {
    logSnr,
    time,
    density: along((at) => axis.density(law, at)),
    multiplier: along((at) => objective.multiplier(law, at)),
    effective,
    ...(rise === undefined ? { mixture: mixtureOf(effective) } : { rise }),
  };
}

/** The grid's λ, rising: equally spaced, or the timesteps' own. */
function gridOf({ axis, sampler }: Objective, { state, range = { min: -20, max: 20 }, points = 801 }: ProfileOptions) {
  const law = sampler.law(state ?? sampler.init());
  const own = axis.range(law);
  const [min, max] = [Math.max(range.min, own.min), Math.min(range.max, own.max)];
  const levels = axis.levels?.filter((level) => level >= min && level <= max).reverse();
  if (!(min < max) || levels?.length === 0)
    throw new ConfigError(
      `explain: log-SNR [${range.min}, ${range.max}] holds nothing of the objective's [${own.min}, ${own.max}].`,
    );
  return levels ?? Float64Array.from({ length: points }, (_, i) => min + ((max - min) * i) / (points - 1));
}

/** Where w rises above a value it had before; `skip` points at both ends are left out, where a table's cells are cut. */
function riseOf(logSnr: Float64Array, w: Float64Array, skip: number): number | undefined {
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = skip; i < w.length - skip; i++) {
    if (!(w[i] <= lowest * (1 + 1e-9))) return logSnr[i];
    lowest = Math.min(lowest, w[i]);
  }
  return undefined;
}

function mixtureOf(w: Float64Array): Mixture {
  const total = w[0];
  return { massAtZero: w[w.length - 1] / total, cumulative: w.map((value) => value / total) };
}

/** How two objectives compare. */
export interface Comparison {
  /** Where both can be compared. */
  readonly range: LogSnrRange;
  /** The constant factor between them, in the mean of the logarithm. */
  readonly factor: number;
  /** The largest departure from that factor, as |ln|. */
  readonly deviation: number;
  /** Whether that is rounding alone, so that they are one objective but for what `differences` says. */
  readonly same: boolean;
  /** What the weighting does not show, a few words each. */
  readonly differences: readonly string[];
}

/** Compares the effective weightings of two objectives on the log-SNRs that both reach, within [−20, 20]. */
export function compareObjectives(a: Objective, b: Objective): Comparison {
  const reached = [a, b].map((one) => one.axis.range(one.sampler.law(one.sampler.init())));
  const range = {
    min: Math.max(-20, ...reached.map(({ min }) => min)),
    max: Math.min(20, ...reached.map(({ max }) => max)),
  };
  if (!(range.min < range.max)) throw new ConfigError("explain: the two recipes have no noise level in common.");
  // Where one has timesteps both are compared there; the outermost have cells that are cut off.
  const grid = gridOf(a.axis.levels ? a : b, { range });
  const inner = a.axis.levels || b.axis.levels ? grid.subarray(1, -1) : grid;
  const [wa, wb] = [a, b].map((one) => one.effectiveWeighting(one.sampler.law(one.sampler.init())));
  const logs = Array.from(inner, (at) => Math.log(wa(at) / wb(at)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const deviation = logs.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
  return { range, factor: Math.exp(mean), deviation, same: deviation < 1e-6, differences: differencesOf(a, b) };
}

function differencesOf(a: Objective, b: Objective): string[] {
  const variance = ({ spec }: Objective) => spec.variance?.type ?? "none";
  return [
    ...(["perturbation", "offset"] as const).flatMap((kind) =>
      a.noise[kind] === b.noise[kind] ? [] : [`noise.${kind}: ${a.noise[kind]} and ${b.noise[kind]}`],
    ),
    ...(variance(a) === variance(b) ? [] : [`learned variance: ${variance(a)} and ${variance(b)}`]),
  ];
}

/** One schedule's estimate of the same loss. */
export interface ScheduleEstimate {
  readonly schedule: string;
  /** The loss, up to the constant of w_eff. */
  readonly value: number;
  /** Standard deviation of one draw's contribution, over `value`. */
  readonly spread: number;
}

/**
 * Kingma & Gao (2023), section 3.2, checked: the loss ½ ∫ w_eff(λ) E‖ε − ε̂‖² dλ of the ideal denoiser of Gaussian data of
 * standard deviation `std`, estimated by λ from several schedules between the same ends. Values agree, spreads need not.
 */
export function scheduleInvariance(objective: Objective, { std = 0.5, draws = 20_000 } = {}): ScheduleEstimate[] {
  const law = objective.sampler.law(objective.sampler.init());
  const own = objective.axis.range(law);
  const range = { min: Math.max(-15, own.min), max: Math.min(15, own.max) };
  const w = objective.effectiveWeighting(law);
  const error = (logSnr: number) => 1 / (1 + Math.exp(-logSnr) / std ** 2);
  const schedules: readonly NoiseScheduleSpec[] = [
    { type: "cosine" },
    { type: "flow" },
    { type: "edm-training", pMean: -1.2, pStd: 2.4 },
    { type: "vdm", gammaMin: -20, gammaMax: 20 },
  ];
  return schedules.map((spec) => {
    const schedule = noiseSchedule({ ...spec, truncate: range });
    let [sum, squares] = [0, 0];
    for (let i = 0; i < draws; i++) {
      const logSnr = schedule.logSnr((i + 0.5) / draws);
      const term = (0.5 * w(logSnr) * error(logSnr)) / schedule.density(logSnr);
      sum += term;
      squares += term ** 2;
    }
    const value = sum / draws;
    const name = spec.type === "vdm" ? "uniform in λ" : spec.type;
    return { schedule: name, value, spread: Math.sqrt(Math.max(0, squares / draws / value ** 2 - 1)) };
  });
}
