/**
 * Multipliers of a sample's mean squared error, as discrete-time papers publish them: time is uniform over the steps and
 * nothing corrects for it, so the multiplier and the schedule together decide what counts. Each is given once, as the
 * multiplier of the error in ε; the forms for x, v and the other predictions follow from the identities between errors.
 */
import { unknownName } from "../errors/index.ts";
import { notNegative, positive } from "./admissible.ts";
import { alphaOf, type PathType } from "./kernel.ts";
import { errorFactor, type Prediction } from "./prediction.ts";
import { sigmoid } from "./special.ts";

/** Multiplies a sample's mean squared error in ε; a function of the full log-SNR λ = ln(α²/σ²). */
export type Multiplier = (logSnr: number) => number;

type None = Record<never, never>;
type Gamma = { readonly gamma?: number };
type SigmaData = { readonly sigmaData?: number };

/** The constants of every multiplier. */
export interface MultiplierOptions {
  simple: None;
  p2: Gamma & { readonly k?: number };
  "min-snr": Gamma;
  "max-snr": Gamma;
  "trunc-snr": None;
  "snr-plus-one": None;
  debias: None;
  "inverse-snr": None;
  "uniform-x": None;
  "uniform-o": None;
  edm: SigmaData;
  "soft-min-snr": SigmaData;
}

/** A multiplier by name and constants. */
export type MultiplierSpec = {
  [T in keyof MultiplierOptions]: { readonly type: T } & MultiplierOptions[T];
}[keyof MultiplierOptions];

type Spec<T> = Extract<MultiplierSpec, { type: T }>;

const multipliers: { readonly [T in MultiplierSpec["type"]]: (spec: Spec<T>) => Multiplier } = {
  /** Ho et al. (2020), L_simple; SNR on x, which other papers call "snr" or 1/σ². */
  simple: () => () => 1,
  /** Choi et al. (2022): 1/(k + SNR)^γ. They publish k = 1 with γ = ½ and γ = 1. */
  p2: ({ gamma = 1, k = 1 }) => {
    notNegative("multiplier p2: gamma", gamma);
    notNegative("multiplier p2: k", k);
    return (logSnr) => (k + Math.exp(logSnr)) ** -gamma;
  },
  /** Hang et al. (2023): min(SNR, γ) on x. */
  "min-snr": ({ gamma = 5 }) => {
    positive("multiplier min-snr: gamma", gamma);
    return (logSnr) => Math.min(1, gamma * Math.exp(-logSnr));
  },
  /** Hang et al. (2023), their comparison: max(SNR, γ) on x. */
  "max-snr": ({ gamma = 5 }) => {
    positive("multiplier max-snr: gamma", gamma);
    return (logSnr) => Math.max(1, gamma * Math.exp(-logSnr));
  },
  /** Salimans and Ho (2022): max(SNR, 1) on x. */
  "trunc-snr": () => (logSnr) => Math.max(1, Math.exp(-logSnr)),
  /** Salimans and Ho (2022): SNR + 1 on x, which is 1 on v. */
  "snr-plus-one": () => (logSnr) => 1 + Math.exp(-logSnr),
  /** Yu et al. (2024): 1/√SNR; unbounded at high noise, about 2e4 at the last step of a cosine schedule. */
  debias: () => (logSnr) => Math.exp(-logSnr / 2),
  /** Hang et al. (2023), their comparison: 1/SNR on x. */
  "inverse-snr": () => (logSnr) => Math.exp(-2 * logSnr),
  /** 1 on x. */
  "uniform-x": () => (logSnr) => Math.exp(-logSnr),
  /** Lipman et al. (2023): 1 on o, the velocity of the straight path; (1 + 1/√SNR)² on ε whatever the path is. */
  "uniform-o": () => (logSnr) => (1 + Math.exp(-logSnr / 2)) ** 2,
  /** Karras et al. (2022), Table 1: (σ̃² + σ_d²)/(σ̃ σ_d)² = SNR + 1/σ_d² on x, which is 1 on their network's output. */
  edm: ({ sigmaData = 0.5 }) => {
    const c = positive("multiplier edm: sigmaData", sigmaData) ** -2;
    return (logSnr) => 1 + c * Math.exp(-logSnr);
  },
  /** Crowson et al. (2024): 1/(σ̃² + σ_d²) on x, a smooth minimum of SNR and 1/σ_d². */
  "soft-min-snr": ({ sigmaData = 0.5 }) => {
    const d = positive("multiplier soft-min-snr: sigmaData", sigmaData) ** 2;
    return (logSnr) => sigmoid(-logSnr - Math.log(d));
  },
};

/** The names of all multipliers. */
export const multiplierNames = Object.keys(multipliers) as readonly MultiplierSpec["type"][];

/** The multiplier of the squared error in ε that a spec names; a function stands for itself. Throws ConfigError. */
export function multiplier(spec: MultiplierSpec | Multiplier): Multiplier {
  if (typeof spec === "function") return spec;
  if (!Object.hasOwn(multipliers, spec.type)) throw unknownName("multiplier", spec.type, multiplierNames);
  return build(spec.type, spec);
}

function build<T extends MultiplierSpec["type"]>(type: T, spec: Spec<T>): Multiplier {
  return multipliers[type](spec);
}

/** Beyond this |λ| a float64 holds no useful product of weights. */
const limit = 700;

/** The path and the standard deviation of the data that some predictions depend on. */
export interface ErrorOptions {
  /** Default "vp". */
  readonly path?: PathType;
  /** σ_data, for F; default 0.5. */
  readonly sigmaData?: number;
}

/**
 * The same objective as a multiplier of the squared error of another prediction: times SNR for x, times SNR/(SNR + 1) for
 * v on a VP path, and so on. An SNR of exactly 0 (λ = −∞, the last step of a zero-terminal-SNR schedule) counts as
 * e^−700, so that a form with a finite limit there, such as max-SNR on v, has that limit. Throws ConfigError.
 */
export function multiplierOn(
  prediction: Prediction,
  spec: MultiplierSpec | Multiplier,
  { path = "vp", sigmaData = 0.5 }: ErrorOptions = {},
): Multiplier {
  const onEps = multiplier(spec);
  const ratio = (logSnr: number) => {
    const noise = Math.exp(-logSnr / 2);
    const alpha = alphaOf(path, noise);
    return errorFactor(prediction, "eps", { alpha, sigma: noise * alpha, sigmaData });
  };
  ratio(0); // unknown names are found here, not in training
  return (logSnr) => {
    const at = Math.min(Math.max(logSnr, -limit), limit);
    return onEps(at) * ratio(at);
  };
}
