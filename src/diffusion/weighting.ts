/**
 * w(λ): what counts, in the ELBO-normalised weighted loss ½ E_t[w(λ)·(−dλ/dt)·‖ε − ε̂‖²] (Kingma & Gao 2023, eq. 5).
 * The value of that loss does not depend on the schedule between its ends, so w is all there is to compare.
 */
import { unknownName } from "../errors/index.ts";
import { finite, interval, positive } from "./admissible.ts";
import { type Multiplier, type MultiplierOptions, type MultiplierSpec, multiplier } from "./multiplier.ts";
import { normalCdf, normalPdf } from "./normal.ts";
import { sech, sigmoid } from "./special.ts";

/** w as a function of the full log-SNR λ = ln(α²/σ²). Constant factors carry no meaning. */
export type Weighting = (logSnr: number) => number;

type None = Record<never, never>;

/** The constants of EDM's loss: ln σ̃ ~ N(pMean, pStd²), and the standard deviation of the data. */
export interface EdmConstants {
  /** Mean of ln σ̃; default −1.2. */
  readonly pMean?: number;
  /** Standard deviation of ln σ̃; default 1.2. */
  readonly pStd?: number;
  /** Standard deviation of the data; default 0.5. */
  readonly sigmaData?: number;
}

/** The constants of every weighting. */
export interface WeightingOptions extends Omit<MultiplierOptions, "simple" | "edm" | "uniform-o"> {
  elbo: None;
  "iddpm-cosine": None;
  edm: EdmConstants;
  "edm-monotonic": EdmConstants;
  "v-cosine": None;
  "flow-ot": None;
  indi: None;
  sigmoid: { readonly k?: number };
  "low-bit": { readonly bits?: number; readonly slope?: number; readonly center?: number };
}

/**
 * A weighting by name and constants. With `shift` s it is evaluated at λ − 2s: s = ln(64/d) is the published choice for
 * images of d × d pixels.
 */
export type WeightingSpec = {
  [T in keyof WeightingOptions]: { readonly type: T; readonly shift?: number } & WeightingOptions[T];
}[keyof WeightingOptions];

type Spec<T> = Extract<WeightingSpec, { type: T }>;

/** Rows of Kingma & Gao (2023), Table 1, unless another source is named. */
const weightings: { readonly [T in WeightingSpec["type"]]: (spec: Spec<T>) => Weighting } = {
  elbo: () => () => 1,
  /** The unweighted error in ε under the cosine schedule. */
  "iddpm-cosine": () => (logSnr) => sech(logSnr / 2),
  edm: edmWeighting,
  /** EDM's, with everything left of its peak raised to the peak: without its rising side it is an ELBO. */
  "edm-monotonic": (spec) => {
    const rising = edmWeighting(spec);
    const peak = edmPeak({ ...spec, shift: 0 }); // `weighting` shifts the whole
    return (logSnr) => (logSnr < peak.logSnr ? peak.value : rising(logSnr));
  },
  /** The unweighted error in v under the cosine schedule. */
  "v-cosine": () => (logSnr) => Math.exp(-logSnr / 2),
  /** Flow matching on the optimal-transport path. */
  "flow-ot": () => (logSnr) => Math.exp(-logSnr / 2),
  indi: () => (logSnr) => Math.exp(-logSnr) * sech(logSnr / 4) ** 2,
  /** Their own proposal; k = 2 did best. */
  sigmoid: ({ k = 2 }) => {
    finite("weighting sigmoid: k", k);
    return (logSnr) => sigmoid(k - logSnr);
  },
  /** Counts what data of 5 bits holds and no more; each further bit halves the spacing and moves the step by about 2 ln 2. */
  "low-bit": ({ bits = 5, slope = 2, center = 8.4 + 2 * Math.log((2 ** bits - 1) / 31) }) => {
    positive("weighting low-bit: bits", bits);
    positive("weighting low-bit: slope", slope);
    finite("weighting low-bit: center", center);
    return (logSnr) => normalCdf(-slope * (logSnr - center));
  },
  p2: underCosine,
  "min-snr": underCosine,
  "max-snr": underCosine,
  "trunc-snr": underCosine,
  "snr-plus-one": underCosine,
  debias: underCosine,
  "inverse-snr": underCosine,
  "uniform-x": underCosine,
  "soft-min-snr": underCosine,
};

/** The names of all weightings. */
export const weightingNames = Object.keys(weightings) as readonly WeightingSpec["type"][];

/** The weighting that a spec names; a function stands for itself. Throws ConfigError. */
export function weighting(spec: WeightingSpec | Weighting): Weighting {
  if (typeof spec === "function") return spec;
  if (!Object.hasOwn(weightings, spec.type)) throw unknownName("weighting", spec.type, weightingNames);
  const weight = build(spec.type, spec);
  const offset = 2 * finite(`weighting ${spec.type}: shift`, spec.shift ?? 0);
  return offset === 0 ? weight : (logSnr) => weight(logSnr - offset);
}

function build<T extends WeightingSpec["type"]>(type: T, spec: Spec<T>): Weighting {
  return weightings[type](spec);
}

/** A multiplier m of the ε-error with uniform time is w = m·p; under the cosine schedule p(λ) ∝ sech(λ/2). */
function underCosine(spec: MultiplierSpec): Weighting {
  const onEps = multiplier(spec);
  return (logSnr) => sech(logSnr / 2) * onEps(logSnr);
}

/**
 * The multiplier w/p of a sample's squared error in ε that makes λ ~ p an unbiased estimator of the weighted loss (less
 * its factor ½). `density` is the exact density of the λ that were drawn: the truncated one if the schedule is truncated.
 */
export function unbiasedMultiplier(weight: Weighting, density: (logSnr: number) => number): Multiplier {
  return (logSnr) => weight(logSnr) / density(logSnr);
}

/** The weighting w = m·p that a multiplier of the ε-error amounts to when λ ~ p is not corrected for. */
export function effectiveWeighting(onEps: Multiplier, density: (logSnr: number) => number): Weighting {
  return (logSnr) => onEps(logSnr) * density(logSnr);
}

/** N(λ; −2 pMean, (2 pStd)²)·(e^−λ + σ_d²): Karras et al. (2022), λ = −2 ln σ̃. */
function edmWeighting(spec: EdmConstants): Weighting {
  const { mean, std, variance } = edmConstants(spec);
  return (logSnr) => normalPdf(logSnr, mean, std) * (Math.exp(-logSnr) + variance);
}

function edmConstants({ pMean = -1.2, pStd = 1.2, sigmaData = 0.5 }: EdmConstants) {
  return {
    mean: -2 * finite("weighting edm: pMean", pMean),
    std: 2 * positive("weighting edm: pStd", pStd),
    variance: positive("weighting edm: sigmaData", sigmaData) ** 2,
  };
}

/** Where EDM's weighting is largest, and how large: λ ≈ −3.31, w ≈ 0.271 for the default constants. */
export function edmPeak(spec: EdmConstants & { readonly shift?: number } = {}): { logSnr: number; value: number } {
  const { mean, std, variance } = edmConstants(spec);
  const weight = edmWeighting(spec);
  // −(ln w)′ = (λ − mean)/std² + S(λ), S = sigmoid(−λ − ln σ_d²) in (0, 1): every stationary point is in [mean − std², mean].
  const descent = (logSnr: number) => (logSnr - mean) / std ** 2 + 1 / (1 + variance * Math.exp(logSnr));
  const cells = 1024;
  const grid = (i: number) => mean - std ** 2 * (1 - i / cells);
  let best = 0;
  for (let i = 1; i <= cells; i++) if (weight(grid(i)) > weight(grid(best))) best = i;
  let [low, high] = [grid(Math.max(best - 1, 0)), grid(Math.min(best + 1, cells))];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (descent(middle) < 0) low = middle;
    else high = middle;
  }
  return { logSnr: high + 2 * (spec.shift ?? 0), value: weight(high) };
}

/** An interval of log-SNR. */
export interface LogSnrRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Whether w never rises on the range. Exactly then the weighted loss is an ELBO under data augmentation with Gaussian
 * noise (Kingma & Gao 2023, Theorem 1). Probed on a grid of 4001 points, to a relative 1e-9.
 */
export function isMonotonic(weight: Weighting, range: LogSnrRange): boolean {
  return firstRise(weight, range) === undefined;
}

/** The smallest λ at which `isMonotonic` finds w risen above a value it had before, or is NaN. */
export function firstRise(weight: Weighting, { min, max }: LogSnrRange): number | undefined {
  interval("isMonotonic", min, max);
  const cells = 4000;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= cells; i++) {
    const logSnr = min + ((max - min) * i) / cells;
    const w = weight(logSnr);
    if (!(w <= lowest * (1 + 1e-9))) return logSnr;
    if (w < lowest) lowest = w;
  }
  return undefined;
}
