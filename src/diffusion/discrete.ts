/**
 * Discrete diffusion processes q(z_t | z_{t−1}) = N(√(1−β_t) z_{t−1}, β_t I) as tables (Ho et al. 2020; Nichol & Dhariwal
 * 2021). Timesteps count from 0: `alphasCumprod[0]` is 1 − β_0, and ᾱ before the first step is 1.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import { count } from "./admissible.ts";
import { sigmoid } from "./special.ts";

/** A discrete process by name and constants. */
export type DiscreteSpec = {
  readonly [K in keyof DiscreteOptions]: { readonly type: K } & DiscreteOptions[K] & {
      /** Rescales β so that the last timestep is pure noise: see `zeroTerminalSnr`. */
      readonly zeroTerminalSnr?: boolean;
    };
}[keyof DiscreteOptions];

interface Steps {
  /** T, the number of timesteps; 1000 by default. */
  readonly steps?: number;
}

interface DiscreteOptions {
  /** β equally spaced from `betaStart` to `betaEnd`, both included. The ends do not follow T: meant for T near 1000. */
  linear: Steps & BetaEnds;
  /** As linear, with both ends multiplied by 1000/T, so that every T ends in nearly pure noise. Needs T ≥ 21. */
  "linear-scaled": Steps & BetaEnds;
  /** √β equally spaced (latent diffusion). */
  "scaled-linear": Steps & BetaEnds;
  /** ᾱ(u) ∝ cos²((u + s)/(1 + s) · π/2) (Nichol & Dhariwal 2021, Eq. 17); `maxBeta` keeps the last β below 1. */
  cosine: Steps & { readonly s?: number; readonly maxBeta?: number };
  /** ᾱ(u) a piece of a logistic curve from `start` to `end`, scaled to run from 1 to 0 (Jabri et al. 2022). */
  sigmoid: Steps & {
    readonly start?: number;
    readonly end?: number;
    readonly tau?: number;
    readonly maxBeta?: number;
  };
  /** Any list of β, each in (0, 1]; only the last may be 1. */
  betas: { readonly betas: readonly number[] | Float64Array };
  /** Any list of noise levels σ̃ = √(1/ᾱ − 1), rising: the process that visits exactly those. */
  levels: { readonly sigmas: readonly number[] | Float64Array };
}

interface BetaEnds {
  /** β at the first timestep: 0.0001, or 0.00085 for scaled-linear. */
  readonly betaStart?: number;
  /** β at the last timestep: 0.02, or 0.012 for scaled-linear. */
  readonly betaEnd?: number;
}

type Type = DiscreteSpec["type"];
type Spec<T extends Type> = Extract<DiscreteSpec, { readonly type: T }>;

const betaTables: { readonly [T in Type]: (spec: Spec<T>) => Float64Array } = {
  linear: ({ steps = 1000, betaStart = 1e-4, betaEnd = 0.02 }) => linspace(betaStart, betaEnd, steps),
  "linear-scaled": ({ steps = 1000, betaStart = 1e-4, betaEnd = 0.02 }) =>
    linspace((betaStart * 1000) / steps, (betaEnd * 1000) / steps, steps),
  "scaled-linear": ({ steps = 1000, betaStart = 0.00085, betaEnd = 0.012 }) =>
    linspace(Math.sqrt(betaStart), Math.sqrt(betaEnd), steps).map((root) => root * root),
  cosine: ({ steps = 1000, s = 0.008, maxBeta = 0.999 }) =>
    betasOf((u) => Math.cos((((u + s) / (1 + s)) * Math.PI) / 2) ** 2, steps, maxBeta),
  sigmoid: ({ steps = 1000, start = -3, end = 3, tau = 1, maxBeta = 0.999 }) =>
    betasOf((u) => sigmoid(end / tau) - sigmoid((u * (end - start) + start) / tau), steps, maxBeta),
  betas: ({ betas }) => Float64Array.from(betas),
  levels: ({ sigmas }) => {
    rising(sigmas);
    // 1 − ᾱ_t/ᾱ_{t−1} for ᾱ = 1/(1 + σ̃²), without the cancellation.
    const before = (t: number) => (t === 0 ? 0 : sigmas[t - 1]);
    return Float64Array.from(sigmas, (sigma, t) => (sigma ** 2 - before(t) ** 2) / (1 + sigma ** 2));
  },
};

/** The names of the discrete processes. */
export const discreteNames = Object.keys(betaTables) as readonly Type[];

/** The tables of a discrete process, one entry a timestep. They are made once and not to be written to. */
export interface DiscreteSchedule {
  /** T, the number of timesteps. */
  readonly steps: number;
  readonly betas: Float64Array;
  /** ᾱ_t, the product of 1 − β up to and including t: α² of the path. */
  readonly alphasCumprod: Float64Array;
  /** ᾱ_{t−1}, beginning with 1. */
  readonly alphasCumprodPrev: Float64Array;
  /** ln(ᾱ_t / (1 − ᾱ_t)), the full log-SNR. */
  readonly logSnr: Float64Array;
  /** σ̃_t = √((1 − ᾱ_t)/ᾱ_t), the noise level in the variance-exploding frame; ∞ where ᾱ_t is 0. */
  readonly sigmas: Float64Array;
  /** β̃_t = β_t (1 − ᾱ_{t−1})/(1 − ᾱ_t), the variance of q(z_{t−1} | z_t, x); 0 at t = 0. */
  readonly posteriorVariance: Float64Array;
  /** ln β̃_t with entry 0, which would be −∞, replaced by entry 1. */
  readonly posteriorLogVarianceClipped: Float64Array;
  /** The factor of x in the mean of q(z_{t−1} | z_t, x). */
  readonly posteriorMeanCoefX0: Float64Array;
  /** The factor of z_t in the mean of q(z_{t−1} | z_t, x). */
  readonly posteriorMeanCoefXt: Float64Array;
  /** What a network trained on the full process calls each timestep: t itself, unless the process is respaced. */
  readonly timesteps: Float64Array;
}

/** The tables of a process given by name, or by its tables. */
export function discreteSchedule(spec: DiscreteSpec | DiscreteSchedule): DiscreteSchedule {
  if (!("type" in spec)) return spec;
  const betas = betasOfSpec(spec.type, spec);
  return fromBetas(spec.zeroTerminalSnr ? zeroTerminalSnr(betas) : betas);
}

function betasOfSpec<T extends Type>(type: T, spec: Spec<T>): Float64Array {
  if (!Object.hasOwn(betaTables, type)) throw unknownName("discrete schedule: type", type, discreteNames);
  if ("steps" in spec) count("discrete schedule: steps", spec.steps as number);
  const betas = betaTables[type](spec);
  const last = betas[betas.length - 1];
  if (type !== "betas" && !(last < 1))
    throw new ConfigError(
      `discrete schedule ${type}: the last beta of ${betas.length} must be below 1; got ${last}. ` +
        "Take more steps (a linear-scaled schedule needs at least 21) or a smaller betaEnd.",
    );
  return betas;
}

function rising(sigmas: ArrayLike<number>): void {
  const bad = Array.from(sigmas).findIndex((sigma, t) => !(sigma > (t === 0 ? 0 : sigmas[t - 1]) && sigma < Infinity));
  if (bad < 0 && sigmas.length > 0) return;
  throw new ConfigError(
    `discrete schedule levels: sigmas must be finite and rise from above 0; ${bad < 0 ? "there is none" : `entry ${bad} is ${sigmas[bad]}`}.`,
  );
}

/** All tables that follow from β. `timesteps` are the labels of the entries for the network (0, 1, … by default). */
export function fromBetas(
  betas: Float64Array,
  timesteps: Float64Array = Float64Array.from(betas, (_, t) => t),
): DiscreteSchedule {
  const steps = betas.length;
  count("discrete schedule: number of betas", steps);
  const bad = betas.findIndex((beta, t) => !(beta > 0 && (beta < 1 || (beta === 1 && t === steps - 1 && t > 0))));
  if (bad >= 0)
    throw new ConfigError(
      `discrete schedule: beta[${bad}] of ${steps} must be above 0 and below 1 (the last may be 1); got ${betas[bad]}.`,
    );

  const alphasCumprod = new Float64Array(steps);
  const alphasCumprodPrev = new Float64Array(steps);
  const variance = new Float64Array(steps); // 1 − ᾱ_t, without cancellation where ᾱ_t is near 1
  let product = 1;
  let logProduct = 0;
  for (let t = 0; t < steps; t++) {
    alphasCumprodPrev[t] = product;
    alphasCumprod[t] = product *= 1 - betas[t];
    variance[t] = -Math.expm1((logProduct += Math.log1p(-betas[t])));
  }
  const variancePrev = (t: number) => (t === 0 ? 0 : variance[t - 1]);
  const table = (entry: (t: number) => number) => Float64Array.from(betas, (_, t) => entry(t));

  const posteriorVariance = table((t) => (betas[t] * variancePrev(t)) / variance[t]);
  return {
    steps,
    betas,
    alphasCumprod,
    alphasCumprodPrev,
    logSnr: table((t) => Math.log(alphasCumprod[t] / variance[t])),
    sigmas: table((t) => Math.sqrt(variance[t] / alphasCumprod[t])),
    posteriorVariance,
    posteriorLogVarianceClipped: table((t) => Math.log(steps === 1 ? betas[0] : posteriorVariance[Math.max(t, 1)])),
    posteriorMeanCoefX0: table((t) => (betas[t] * Math.sqrt(alphasCumprodPrev[t])) / variance[t]),
    posteriorMeanCoefXt: table((t) => (variancePrev(t) * Math.sqrt(1 - betas[t])) / variance[t]),
    timesteps,
  };
}

/**
 * β rescaled so that the last timestep is pure noise (Lin et al. 2023, Algorithm 1): √ᾱ is shifted to end in 0 and scaled
 * to begin unchanged. The noise level of the last timestep is then infinite: a network there can predict x or v, not ε.
 */
export function zeroTerminalSnr(betas: ArrayLike<number>): Float64Array {
  const rootOf = new Float64Array(betas.length);
  let product = 1;
  for (let t = 0; t < betas.length; t++) rootOf[t] = Math.sqrt((product *= 1 - betas[t]));
  const [first, last] = [rootOf[0], rootOf[betas.length - 1]];
  if (betas.length < 2) throw new ConfigError("zeroTerminalSnr: needs at least two timesteps; got one.");
  // The last shifted root is exactly 0, and so is ᾱ there, and β is exactly 1.
  const shifted = rootOf.map((root) => ((root - last) * first) / (first - last));
  return shifted.map((root, t) => (t === 0 ? 1 - root * root : 1 - (root / shifted[t - 1]) ** 2));
}

function linspace(from: number, to: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => (count === 1 ? from : from + ((to - from) * i) / (count - 1)));
}

/** β_t = 1 − ᾱ((t + 1)/T)/ᾱ(t/T), limited to [0, maxBeta]. */
function betasOf(alphaBar: (u: number) => number, steps: number, maxBeta: number): Float64Array {
  return Float64Array.from({ length: steps }, (_, t) =>
    Math.max(0, Math.min(1 - alphaBar((t + 1) / steps) / alphaBar(t / steps), maxBeta)),
  );
}
