/** The noise levels a solver visits: decreasing lists of σ̃, by name. All levels are of the variance-exploding frame. */
import {
  betasFromSigmas,
  type DiscreteSchedule,
  type DiscreteSpec,
  discreteSchedule,
  type IddpmOptions,
  iddpmSigmas,
  type NoiseSchedule,
  type NoiseScheduleSpec,
  noiseSchedule,
  roundHalfEven,
  type Spacing,
  timestepSpacing,
  vpSigma,
} from "../diffusion/index.ts";
import { ConfigError, unknownName } from "../errors/index.ts";
import type { Sigmas } from "./denoise.ts";

/** A list of noise levels by name; `steps` is the number of solver steps, and of levels before the final 0. */
export type SigmaGridSpec = {
  readonly [K in keyof GridOptions]: { readonly type: K; readonly steps: number } & GridOptions[K];
}[keyof GridOptions];

interface SigmaRange {
  /** The last level before 0; 0.002 by default. */
  readonly sigmaMin?: number;
  /** The first level; 80 by default. */
  readonly sigmaMax?: number;
}

interface GridOptions {
  /** σ̃^{1/ρ} equally spaced (Karras et al. 2022, Eq. 5). ρ = 1 is uniform in σ̃; 7, the default, crowds towards σ_min. */
  karras: SigmaRange & { readonly rho?: number };
  /** ln σ̃ equally spaced: uniform in log-SNR, and the discretisation of Song's VE. */
  exponential: SigmaRange;
  /** ln σ̃ a power of equal spacing: ρ > 1 crowds towards σ_min, 1 is exponential. */
  polyexponential: SigmaRange & { readonly rho?: number };
  /** t of Song's VP equally spaced from 1 to epsilonS. betaD is betaMax − betaMin. */
  vp: { readonly betaD?: number; readonly betaMin?: number; readonly epsilonS?: number };
  /** As vp, with the β for which the levels run from sigmaMax to sigmaMin exactly. */
  "vp-range": SigmaRange & { readonly epsilonS?: number };
  /** Equally spaced entries of iDDPM's table that lie in the range. */
  iddpm: SigmaRange & IddpmOptions;
  /** t of a continuous schedule equally spaced from 1 to 0. Both ends must have a finite noise level: truncate it. */
  schedule: { readonly schedule: NoiseScheduleSpec | NoiseSchedule };
  /** Timesteps of a discrete process. Only `leading` uses `offset`. */
  timesteps: {
    readonly schedule: DiscreteSpec | DiscreteSchedule;
    readonly spacing: Spacing;
    readonly offset?: number;
  };
}

type Type = SigmaGridSpec["type"];
type Spec<T extends Type> = Extract<SigmaGridSpec, { readonly type: T }>;

const grids: { readonly [T in Type]: (spec: Spec<T>) => number[] } = {
  karras: ({ steps, rho = 7, ...range }) => {
    const [from, to] = ends(range).map((sigma) => sigma ** (1 / rho));
    return ramp(steps).map((i) => (from + i * (to - from)) ** rho);
  },
  exponential: (spec) => grids.polyexponential({ ...spec, type: "polyexponential" }),
  polyexponential: ({ steps, rho = 1, ...range }) => {
    const [from, to] = ends(range).map(Math.log);
    return ramp(steps).map((i) => Math.exp(to + (1 - i) ** rho * (from - to)));
  },
  vp: ({ steps, betaD = 19.9, betaMin = 0.1, epsilonS = 1e-3 }) => {
    const { sigma } = vpSigma({ betaMin, betaMax: betaMin + betaD });
    return ramp(steps).map((i) => sigma(1 + i * (epsilonS - 1)));
  },
  "vp-range": ({ steps, epsilonS = 1e-3, ...range }) => {
    const [sigmaMax, sigmaMin] = ends(range);
    const { sigma } = vpSigma(betasFromSigmas(sigmaMin, sigmaMax, epsilonS));
    return ramp(steps).map((i) => sigma(1 + i * (epsilonS - 1)));
  },
  iddpm: ({ steps, ...options }) => {
    const [high, low] = ends(options);
    const entries = iddpmSigmas(options).filter((u) => u >= low && u <= high);
    if (entries.length < steps)
      throw new ConfigError(
        `sigma grid iddpm: only ${entries.length} entries of the table lie in [${low}, ${high}] (${steps} steps were asked for).`,
      );
    return ramp(steps, entries.length - 1).map((i) => entries[roundHalfEven(i)]);
  },
  schedule: ({ steps, schedule }) => {
    const { logSnr } = noiseSchedule(schedule);
    return ramp(steps).map((i) => Math.exp(-logSnr(1 - i, i) / 2));
  },
  timesteps: ({ steps, schedule, spacing, offset = 0 }) => {
    const { sigmas } = discreteSchedule(schedule);
    return timestepSpacing({ steps: sigmas.length, count: steps, spacing, offset }).map((t) => sigmas[t]);
  },
};

/** The names of the lists of noise levels. */
export const sigmaGridNames = Object.keys(grids) as readonly Type[];

/**
 * The `steps` noise levels of a spec, decreasing, without a final 0. Only timesteps may begin at ∞, at zero terminal SNR;
 * not every sampler can.
 */
export function sigmaSteps(spec: SigmaGridSpec): Sigmas {
  const sigmas = gridOf(spec.type, spec);
  const highest = spec.type === "timesteps" ? Number.POSITIVE_INFINITY : Number.MAX_VALUE;
  const bad = sigmas.findIndex((sigma, i) => !(sigma > 0 && (i === 0 ? sigma <= highest : sigma < sigmas[i - 1])));
  if (bad < 0) return sigmas;
  throw new ConfigError(
    `sigma grid ${spec.type}: levels must be finite, above 0 and decreasing; level ${bad} is ${sigmas[bad]}` +
      `${bad > 0 ? ` after ${sigmas[bad - 1]}` : ""}.`,
  );
}

/** The noise levels of a spec, decreasing, and the final 0: what samplers take. */
export function sigmaGrid(spec: SigmaGridSpec): Sigmas {
  return [...sigmaSteps(spec), 0];
}

/** `sigmaGrid` of type karras: the default of most samplers. */
export function karrasSigmas(spec: Omit<Spec<"karras">, "type">): Sigmas {
  return sigmaGrid({ type: "karras", ...spec });
}

function gridOf<T extends Type>(type: T, spec: Spec<T>): number[] {
  if (!Object.hasOwn(grids, type)) throw unknownName("sigma grid: type", type, sigmaGridNames);
  if (!(Number.isSafeInteger(spec.steps) && spec.steps >= 1))
    throw new ConfigError(`sigma grid: steps must be a whole number of at least 1; got ${spec.steps}.`);
  return grids[type](spec);
}

/** σ_max and σ_min. */
function ends({ sigmaMin = 0.002, sigmaMax = 80 }: SigmaRange): [number, number] {
  if (sigmaMin > 0 && sigmaMin < sigmaMax && Number.isFinite(sigmaMax)) return [sigmaMax, sigmaMin];
  throw new ConfigError(`sigma grid: needs 0 < sigmaMin < sigmaMax; got ${sigmaMin} and ${sigmaMax}.`);
}

/** `steps` equally spaced numbers from 0 to `end`; one step is the 0. */
function ramp(steps: number, end = 1): number[] {
  return Array.from({ length: steps }, (_, i) => (steps === 1 ? 0 : (end / (steps - 1)) * i));
}
