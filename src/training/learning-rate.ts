/** Learning rates: a peak, times a warm-up, times a decay. */
import { unknownName } from "../errors/index.ts";

/** Where training stands before an update. */
export interface Progress {
  /** Updates made so far. */
  readonly step: number;
  /** Examples seen so far. */
  readonly images: number;
  /** Examples in one update. */
  readonly batch: number;
}

type None = Record<never, never>;

/** How the rate rises at the start. */
export interface WarmupOptions {
  none: None;
  /** In proportion to the images seen (EDM: 10 million). The very first update then has rate 0. */
  images: { readonly images: number };
  /** In proportion to the updates made. */
  steps: { readonly steps: number };
  /** 1 − rateˢᵗᵉᵖ⁺¹ (k-diffusion). */
  exponential: { readonly rate: number };
}

/** How the rate falls afterwards. */
export interface DecayOptions {
  none: None;
  /** Straight down to 0 between two points of training, counted in updates or images. */
  linear: { readonly over: "steps" | "images"; readonly from?: number; readonly to: number };
  /** Half a cosine, from 1 to 0, between two points of training, counted in updates or images. */
  cosine: { readonly over: "steps" | "images"; readonly from?: number; readonly to: number };
  /** (1 + step/gamma)^−power, not below `min`. */
  inverse: { readonly gamma: number; readonly power: number; readonly min?: number };
  /** rate^(step/steps), not below `min`. */
  exponential: { readonly steps: number; readonly rate: number; readonly min?: number };
  /** 1/√(images/(batches · batch)) once that is below 1 (EDM2). */
  "inverse-sqrt": { readonly batches: number };
}

type Union<T> = { [K in keyof T]: { readonly type: K } & T[K] }[keyof T];
export type WarmupSpec = Union<WarmupOptions>;
export type DecaySpec = Union<DecayOptions>;

export interface LearningRateSpec {
  readonly peak: number;
  readonly warmup?: WarmupSpec;
  readonly decay?: DecaySpec;
}

export type LearningRate = (progress: Progress) => number;

type Warmup<T> = Extract<WarmupSpec, { type: T }>;
type Decay<T> = Extract<DecaySpec, { type: T }>;

const warmups: { readonly [T in WarmupSpec["type"]]: (spec: Warmup<T>, at: Progress) => number } = {
  none: () => 1,
  images: (spec, { images }) => Math.min(images / spec.images, 1),
  steps: (spec, { step }) => Math.min(step / spec.steps, 1),
  exponential: ({ rate }, { step }) => 1 - rate ** (step + 1),
};

const decays: { readonly [T in DecaySpec["type"]]: (spec: Decay<T>, at: Progress, peak: number) => number } = {
  none: () => 1,
  linear: (spec, at) => 1 - fractionDone(spec, at),
  cosine: (spec, at) => (1 + Math.cos(Math.PI * fractionDone(spec, at))) / 2,
  inverse: ({ gamma, power, min = 0 }, { step }, peak) => Math.max(min / peak, (1 + step / gamma) ** -power),
  exponential: ({ steps, rate, min = 0 }, { step }, peak) => Math.max(min / peak, rate ** (step / steps)),
  "inverse-sqrt": ({ batches }, { images, batch }) => 1 / Math.sqrt(Math.max(images / (batches * batch), 1)),
};

export const warmupNames = Object.keys(warmups) as readonly WarmupSpec["type"][];
export const decayNames = Object.keys(decays) as readonly DecaySpec["type"][];

function fractionDone({ over, from = 0, to }: DecayOptions["linear"], at: Progress): number {
  const now = over === "steps" ? at.step : at.images;
  return Math.min(Math.max((now - from) / (to - from), 0), 1);
}

/** The rate of every update, as a function of where training stands before it. */
export function learningRate({
  peak,
  warmup = { type: "none" },
  decay = { type: "none" },
}: LearningRateSpec): LearningRate {
  if (!Object.hasOwn(warmups, warmup.type)) throw unknownName("learningRate.warmup", warmup.type, warmupNames);
  if (!Object.hasOwn(decays, decay.type)) throw unknownName("learningRate.decay", decay.type, decayNames);
  return (at) => peak * rise(warmup.type, warmup, at) * fall(decay.type, decay, at, peak);
}

function rise<T extends WarmupSpec["type"]>(type: T, spec: Warmup<T>, at: Progress): number {
  return warmups[type](spec, at);
}

function fall<T extends DecaySpec["type"]>(type: T, spec: Decay<T>, at: Progress, peak: number): number {
  return decays[type](spec, at, peak);
}
