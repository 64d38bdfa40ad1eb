/** Noise levels spaced in the time of a continuous schedule, and those between that single-step solvers evaluate at. */
import { type NoiseSchedule, type NoiseScheduleSpec, noiseSchedule } from "../diffusion/index.ts";
import { ConfigError, unknownName } from "../errors/index.ts";
import type { Sigmas } from "./denoise.ts";
import { singlestepOrders } from "./dpm-solver.ts";

/**
 * What is spaced equally: t^(1/power), σ̃^(1/power), or the log-SNR. DPM-Solver's "time uniform" and "time quadratic" are
 * `time` with power 1 and 2; DEIS uses `time` with power 2 or `sigma` with power 7.
 */
export type Spacing =
  | { readonly type: "time"; readonly power?: number }
  | { readonly type: "sigma"; readonly power?: number }
  | { readonly type: "log-snr" };

type Type = Spacing["type"];

/** A function that spacing is equal in, and its inverse; both in terms of the noise level. */
interface Scale {
  readonly of: (sigma: number) => number;
  readonly sigma: (value: number) => number;
}

const scales: { readonly [T in Type]: (spec: Extract<Spacing, { type: T }>, schedule: NoiseSchedule) => Scale } = {
  time: ({ power = 1 }, schedule) => ({
    of: (sigma) => schedule.time(-2 * Math.log(sigma)) ** (1 / power),
    sigma: (value) => sigmaAt(schedule, value ** power),
  }),
  sigma: ({ power = 7 }) => ({ of: (sigma) => sigma ** (1 / power), sigma: (value) => value ** power }),
  "log-snr": () => ({ of: (sigma) => Math.log(sigma), sigma: Math.exp }),
};

/** The names of the spacings. */
export const solverSpacingNames = Object.keys(scales) as readonly Type[];

/** σ̃(t) of a schedule. */
export const sigmaAt = (schedule: NoiseSchedule, t: number): number => Math.exp(-schedule.logSnr(t) / 2);

export interface SolverGrid {
  readonly schedule: NoiseScheduleSpec | NoiseSchedule;
  /** Evaluations, which is also the number of intervals. */
  readonly steps: number;
  /** Default: DPM-Solver's "time uniform". */
  readonly spacing?: Spacing;
  /** First and last time, 1 and 0.001 by default: 0 itself has no finite log-SNR. */
  readonly tStart?: number;
  readonly tEnd?: number;
  /** A single-step solver of this order: steps are spaced by the spacing, and the levels inside each step again. */
  readonly singlestep?: { readonly order: number; readonly fixed?: boolean };
}

/**
 * Levels from σ̃(tStart) to σ̃(tEnd), without a final 0: what `dpmSolver`, `unipc` and `deis` take. There are `steps` + 1 of
 * them; with `singlestep.fixed` only a multiple of the order is used.
 * @throws ConfigError for times outside 0 < tEnd < tStart ≤ 1 or a level that isn't finite.
 */
export function solverSigmas({
  schedule: spec,
  steps,
  spacing = { type: "time" },
  tStart = 1,
  tEnd = 1e-3,
  singlestep,
}: SolverGrid): Sigmas {
  if (!(Number.isSafeInteger(steps) && steps >= 1))
    throw new ConfigError(`solver grid: steps must be a whole number of at least 1; got ${steps}.`);
  if (!(tEnd > 0 && tEnd < tStart && tStart <= 1))
    throw new ConfigError(`solver grid: times must be 0 < tEnd < tStart ≤ 1; got tEnd ${tEnd} and tStart ${tStart}.`);
  const schedule = noiseSchedule(spec);
  const [from, to] = [sigmaAt(schedule, tStart), sigmaAt(schedule, tEnd)];
  if (!Number.isFinite(from))
    throw new ConfigError(
      `solver grid: the noise level at t ${tStart} is infinite. Lower tStart or truncate the schedule.`,
    );
  const scale = scaleOf(spacing, schedule);
  if (!singlestep) return between(scale, from, to, steps);

  const { order, fixed = false } = singlestep;
  const orders = fixed ? new Array<number>(Math.floor(steps / order)).fill(order) : singlestepOrders(steps, order);
  if (orders.length === 0)
    throw new ConfigError(`solver grid: too few steps for order ${order}: ${steps} (at least ${order}).`);
  const outer = outerLevels(scale, from, to, orders, fixed || spacing.type === "log-snr");
  return [...orders.flatMap((n, i) => between(scale, outer[i], outer[i + 1], n).slice(0, -1)), to];
}

/** Where single-step steps begin and end: equal steps, or every order-th level of the whole grid. */
function outerLevels(scale: Scale, from: number, to: number, orders: readonly number[], equal: boolean): Sigmas {
  if (equal) return between(scale, from, to, orders.length);
  const total = orders.reduce((sum, order) => sum + order, 0);
  const fine = between(scale, from, to, total);
  let position = 0;
  return [from, ...orders.map((order) => fine[(position += order)])];
}

/** Both ends, and levels between them equally spaced in `scale`. */
function between({ of, sigma }: Scale, from: number, to: number, intervals: number): number[] {
  const [a, b] = [of(from), of(to)];
  return Array.from({ length: intervals + 1 }, (_, i) =>
    i === 0 ? from : i === intervals ? to : sigma(a + (i / intervals) * (b - a)),
  );
}

function scaleOf(spacing: Spacing, schedule: NoiseSchedule): Scale {
  if (!Object.hasOwn(scales, spacing.type)) throw unknownName("solver grid: spacing", spacing.type, solverSpacingNames);
  const power = "power" in spacing ? spacing.power : undefined;
  if (power !== undefined && !(power > 0 && Number.isFinite(power)))
    throw new ConfigError(`solver grid: power must be above 0; got ${power}.`);
  return scaleFor(spacing.type, spacing, schedule);
}

const scaleFor = <T extends Type>(type: T, spec: Extract<Spacing, { type: T }>, schedule: NoiseSchedule): Scale =>
  scales[type](spec, schedule);
