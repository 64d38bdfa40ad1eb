/**
 * The named noise schedules (Kingma & Gao 2023, Table 4, with its errata; Karras et al. 2022; Song et al. 2021; Kingma et al.
 * 2021), each with its inverse and its density in closed form.
 */
import { unknownName } from "../errors/index.ts";
import { interval, positive } from "./admissible.ts";
import { type Beta, type BetaRange, risingBeta } from "./beta.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
import { confined, type Formulas, type NoiseSchedule, shift, throughNodes, truncate } from "./schedule.ts";
import { logExpm1, sech, sigmoid, softplus } from "./special.ts";
import type { LogSnrRange } from "./weighting.ts";

/** What can be done to any schedule; the shift comes first. */
export interface ScheduleAdjustments {
  /** s: moves λ by 2s, which divides every noise level by e^s. For images of side d, s = ln(64/d) (Hoogeboom et al. 2023). */
  readonly shift?: number;
  /** Keeps only this range of λ, at unchanged relative density. Usual: ±20 up to 64 pixels, ±15 + s from 128 on. */
  readonly truncate?: LogSnrRange;
}

/** A schedule by name and constants: what a recipe holds. */
export type NoiseScheduleSpec = {
  readonly [K in keyof ScheduleOptions]: { readonly type: K } & ScheduleOptions[K] & ScheduleAdjustments;
}[keyof ScheduleOptions];

interface ScheduleOptions {
  /** λ = −2 ln tan(πt/2) (Nichol & Dhariwal 2021). Shifted for resolution with `shift`. */
  cosine: unknown;
  /** ln σ̃ ~ N(pMean, pStd²): where EDM trains. */
  "edm-training": { readonly pMean?: number; readonly pStd?: number };
  /** σ̃^{1/ρ} linear in t: where EDM samples. */
  "edm-sampling": { readonly sigmaMin?: number; readonly sigmaMax?: number; readonly rho?: number };
  /** α = 1 − t, σ = t (flow matching with the optimal-transport path). */
  flow: unknown;
  /** Song's continuous linear β(t): λ = −ln(e^B − 1), B = ∫β. */
  linear: BetaRange;
  /** λ = −ln(e^{c0 + c1 t²} − 1), the approximation of the DDPM schedule in Kingma et al. (2021). */
  "vdm-linear": { readonly c0?: number; readonly c1?: number };
  /** λ = −γ with γ linear from `gammaMin` to `gammaMax` (Kingma et al. 2021): uniform in λ. */
  vdm: { readonly gammaMin?: number; readonly gammaMax?: number };
  /** σ̃ geometric from `sigmaMin` to `sigmaMax` (Song's VE): also uniform in λ. */
  ve: { readonly sigmaMin?: number; readonly sigmaMax?: number };
  /** Song's sub-VP: as linear, with σ = 1 − e^{−B}. */
  "sub-vp": BetaRange;
  /** The Ornstein–Uhlenbeck process dz = −z dt + √2 dw up to time `horizon`, which is t = 1. */
  ou: { readonly horizon?: number };
  /** λ ~ Laplace(mean, scale) (Hang et al. 2024). */
  laplace: { readonly mean?: number; readonly scale?: number };
  /** λ linear in t between the timesteps of a discrete process; timestep i is at t = i/(T − 1). */
  discrete: { readonly table: DiscreteSpec | DiscreteSchedule };
}

type Type = NoiseScheduleSpec["type"];
type Spec<T extends Type> = Extract<NoiseScheduleSpec, { readonly type: T }>;

const schedules: { readonly [T in Type]: (spec: Spec<T>) => Formulas } = {
  cosine: () => ({
    // tan(πt/2) = sin(πt/2)/sin(π(1 − t)/2), which is exact at both ends.
    logSnr: (t, rest) => 2 * (Math.log(Math.sin((Math.PI * rest) / 2)) - Math.log(Math.sin((Math.PI * t) / 2))),
    time: (logSnr) => (2 / Math.PI) * Math.atan(Math.exp(-logSnr / 2)),
    cdf: (logSnr) => (2 / Math.PI) * Math.atan(Math.exp(logSnr / 2)),
    density: (logSnr) => sech(logSnr / 2) / (2 * Math.PI),
    ...everywhere,
  }),
  "edm-training": ({ pMean = -1.2, pStd = 1.2 }) => {
    // λ = −2 ln σ̃ ~ N(−2 pMean, (2 pStd)²)
    const [mean, std] = [-2 * pMean, 2 * positive("schedule edm-training: pStd", pStd)];
    return {
      logSnr: (t, rest) => mean + std * (t > rest ? normalQuantile(rest) : -normalQuantile(t)),
      time: (logSnr) => normalCdf((mean - logSnr) / std),
      cdf: (logSnr) => normalCdf((logSnr - mean) / std),
      density: (logSnr) => normalPdf(logSnr, mean, std),
      ...everywhere,
    };
  },
  "edm-sampling": ({ sigmaMin = 0.002, sigmaMax = 80, rho = 7 }) => {
    positive("schedule edm-sampling: sigmaMin", sigmaMin);
    interval("schedule edm-sampling: sigmaMin, sigmaMax", sigmaMin, sigmaMax);
    positive("schedule edm-sampling: rho", rho);
    const [lo, hi] = [sigmaMin ** (1 / rho), sigmaMax ** (1 / rho)];
    const root = (logSnr: number) => Math.exp(-logSnr / (2 * rho)); // σ̃^{1/ρ}
    return {
      logSnr: (t, rest) => -2 * rho * Math.log(rest * lo + t * hi),
      time: (logSnr) => (root(logSnr) - lo) / (hi - lo),
      cdf: (logSnr) => (hi - root(logSnr)) / (hi - lo),
      density: (logSnr) => root(logSnr) / (2 * rho * (hi - lo)),
      min: -2 * Math.log(sigmaMax),
      max: -2 * Math.log(sigmaMin),
    };
  },
  flow: () => ({
    logSnr: (t, rest) => 2 * (Math.log(rest) - Math.log(t)),
    time: (logSnr) => sigmoid(-logSnr / 2),
    cdf: (logSnr) => sigmoid(logSnr / 2),
    density: (logSnr) => sech(logSnr / 4) ** 2 / 8,
    ...everywhere,
  }),
  linear: (spec) => varianceExponential(risingBeta("schedule linear", spec)),
  "vdm-linear": ({ c0 = 1e-4, c1 = 10 }) =>
    varianceExponential({
      integral: (t) => c0 + c1 * t * t,
      beta: (t) => 2 * c1 * t,
      time: (integral) => Math.sqrt(Math.max(0, integral - c0) / c1),
    }),
  vdm: ({ gammaMin = -13.3, gammaMax = 5 }) => {
    interval("schedule vdm: gammaMin, gammaMax", gammaMin, gammaMax);
    const width = gammaMax - gammaMin;
    return {
      logSnr: (t, rest) => -(rest * gammaMin + t * gammaMax),
      time: (logSnr) => (-logSnr - gammaMin) / width,
      cdf: (logSnr) => (gammaMax + logSnr) / width,
      density: () => 1 / width,
      min: -gammaMax,
      max: -gammaMin,
    };
  },
  ve: ({ sigmaMin = 0.02, sigmaMax = 100 }) => {
    positive("schedule ve: sigmaMin", sigmaMin);
    interval("schedule ve: sigmaMin, sigmaMax", sigmaMin, sigmaMax);
    return schedules.vdm({ type: "vdm", gammaMin: 2 * Math.log(sigmaMin), gammaMax: 2 * Math.log(sigmaMax) });
  },
  "sub-vp": (spec) => {
    const { integral, beta, time } = risingBeta("schedule sub-vp", spec);
    // σ̃ = (1 − e^{−B})/e^{−B/2} = 2 sinh(B/2)
    const logSnrOf = (b: number) => b - 2 * logExpm1(b);
    const integralOf = (logSnr: number) => 2 * Math.asinh(Math.exp(-logSnr / 2) / 2);
    return {
      logSnr: (t) => logSnrOf(integral(t)),
      time: (logSnr) => time(integralOf(logSnr)),
      cdf: (logSnr) => 1 - time(integralOf(logSnr)),
      density: (logSnr) => Math.tanh(integralOf(logSnr) / 2) / beta(time(integralOf(logSnr))),
      min: logSnrOf(integral(1)),
      max: Number.POSITIVE_INFINITY,
    };
  },
  ou: ({ horizon = 5 }) => {
    const rate = 2 * positive("schedule ou: horizon", horizon);
    return varianceExponential({ integral: (t) => rate * t, beta: () => rate, time: (integral) => integral / rate });
  },
  laplace: ({ mean = 0, scale = 0.5 }) => {
    positive("schedule laplace: scale", scale);
    const tail = (distance: number) => (distance > 0 ? 0.5 * Math.exp(-distance) : 1 - 0.5 * Math.exp(distance));
    return {
      logSnr: (t, rest) => mean + scale * (t > rest ? Math.log(2 * rest) : -Math.log(2 * t)),
      time: (logSnr) => tail((logSnr - mean) / scale),
      cdf: (logSnr) => tail((mean - logSnr) / scale),
      density: (logSnr) => Math.exp(-Math.abs(logSnr - mean) / scale) / (2 * scale),
      ...everywhere,
    };
  },
  discrete: ({ table }) => throughNodes(discreteSchedule(table).logSnr.filter((logSnr) => logSnr > -Infinity)),
};

const everywhere = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

/** The names of the schedules. */
export const noiseScheduleNames = Object.keys(schedules) as readonly Type[];

/** The schedule of a spec, or the schedule itself. */
export function noiseSchedule(spec: NoiseScheduleSpec | NoiseSchedule): NoiseSchedule {
  if (!("type" in spec)) return spec;
  const shifted = shift(confined(formulasOf(spec.type, spec)), spec.shift ?? 0);
  return spec.truncate ? truncate(shifted, spec.truncate) : shifted;
}

function formulasOf<T extends Type>(type: T, spec: Spec<T>): Formulas {
  if (!Object.hasOwn(schedules, type)) throw unknownName("schedule: type", type, noiseScheduleNames);
  return schedules[type](spec);
}

/** α² = e^{−B}, σ² = 1 − e^{−B}: λ = −ln(e^B − 1), so B = ln(1 + e^{−λ}) and −dλ/dt = β/σ². */
function varianceExponential({ integral, beta, time }: Beta): Formulas {
  const timeOf = (logSnr: number) => time(softplus(-logSnr));
  return {
    logSnr: (t) => -logExpm1(integral(t)),
    time: timeOf,
    cdf: (logSnr) => 1 - timeOf(logSnr),
    density: (logSnr) => sigmoid(-logSnr) / beta(timeOf(logSnr)),
    min: -logExpm1(integral(1)),
    max: -logExpm1(integral(0)),
  };
}
