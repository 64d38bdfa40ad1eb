/**
 * Every network as a denoiser in the variance-exploding frame (Karras et al. 2022, Eq. 7), where a noisy sample is
 * x̃ = z/α = x + σ̃ ε: the one type through which training and sampling see all predictions on all paths.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import { positive } from "./admissible.ts";
import { vpSigma } from "./beta.ts";
import { type IddpmOptions, iddpmSigmas, nearestIndex } from "./iddpm.ts";
import { alphaOf, type PathType } from "./kernel.ts";
import { type NoiseLabel, type NoiseLabelSpec, noiseLabel } from "./label.ts";
import { type Combination, conversion, type Prediction, targetOf } from "./prediction.ts";

/** D(x̃; σ̃) = cSkip·x̃ + cOut·F(cIn·x̃; cNoise), at one noise level. */
export interface Preconditioning {
  readonly cSkip: number;
  readonly cOut: number;
  readonly cIn: number;
  /** What the network is told about the noise level. */
  readonly cNoise: number;
  /**
   * The network's target is F* = targetX·x + targetNoise·ε: (1 − cSkip)/cOut and −cSkip·σ̃/cOut, without the
   * cancellation of those. Where cOut is 0 the network has no say, and both are 0.
   */
  readonly targetX: number;
  readonly targetNoise: number;
}

/**
 * The preconditioning at noise level σ̃ > 0. At σ̃ = ∞ (zero terminal SNR, α = 0) x̃ stands for the unit noise itself; only a
 * plain prediction that holds x there has one, not ε.
 */
export type Precondition = (sigma: number) => Preconditioning;

/** A preconditioning by name and constants. */
export type PreconditioningSpec = BasePreconditioningSpec | ConsistencyPreconditioningSpec;

/** A preconditioning of a network that predicts the data or the noise. */
export type BasePreconditioningSpec =
  /** Karras et al. (2022): inputs and targets of unit variance for data of standard deviation `sigmaData`. */
  | { readonly type: "edm"; readonly sigmaData?: number }
  /** Song's VP as Karras et al. tabulate it: ε-prediction with label (M − 1)·t(σ̃). betaD is betaMax − betaMin. */
  | { readonly type: "vp"; readonly betaD?: number; readonly betaMin?: number; readonly M?: number }
  /** Song's VE: the network predicts −ε, with label ln(σ̃/2). */
  | { readonly type: "ve" }
  /**
   * iDDPM: ε-prediction with label M − 1 − j, u_j being the entry nearest to σ̃ of its table of noise levels. `nearestIsZero`
   * also counts u_M = 0 as an entry, as the reference does: small σ̃ then get the label −1, which no network was trained on.
   */
  | ({ readonly type: "iddpm"; readonly nearestIsZero?: boolean } & IddpmOptions)
  | PredictionSpec<Prediction>;

/**
 * Song et al. (2023): EDM's, bent so that D(x̃; sigmaMin) = x̃ whatever the network says. The label is 250 ln σ̃ unless one is given;
 * a network that has been trained with EDM's knows ¼ ln σ̃. With a `base`, what bends is that, whatever it predicts: a DDIM step of
 * it to sigmaMin, x̃ + (1 − sigmaMin/σ̃)(D − x̃), which for a trained network is a fair beginning; sigmaData and label are then the base's.
 */
export interface ConsistencyPreconditioningSpec {
  readonly type: "consistency";
  readonly sigmaData?: number;
  readonly sigmaMin?: number;
  readonly label?: NoiseLabelSpec | NoiseLabel;
  readonly base?: BasePreconditioningSpec;
}

/**
 * A plain prediction: the network sees z of the `path` (vp by default), unscaled, and a label (¼ ln σ̃ by default). Of `energy`
 * the network is asked for σ∇E, which is ε and of unit size at every noise level, as the gradient of a scalar.
 */
export type PredictionSpec<P extends Prediction> = P extends Prediction
  ? {
      readonly type: P;
      readonly path?: PathType;
      readonly label?: NoiseLabelSpec | NoiseLabel;
      /** σ_data, used by F only. */
      readonly sigmaData?: number;
    }
  : never;

type Type = PreconditioningSpec["type"];
type Spec<T extends Type> = Extract<PreconditioningSpec, { readonly type: T }>;

const preconditionings: { readonly [T in Type]: (spec: Spec<T>) => Precondition } = {
  edm: ({ sigmaData = 0.5 }) => {
    positive("preconditioning edm: sigmaData", sigmaData);
    return (sigma) => {
      const total = Math.hypot(sigma, sigmaData);
      return predicting(targetOf("F", { alpha: 1, sigma, sigmaData }), sigma, 1 / total, Math.log(sigma) / 4);
    };
  },
  vp: ({ betaD = 19.9, betaMin = 0.1, M = 1000 }) => {
    const { time } = vpSigma({ betaMin, betaMax: betaMin + betaD });
    return (sigma) => predicting({ x: 0, eps: 1 }, sigma, alphaOf("vp", sigma), (M - 1) * time(sigma));
  },
  ve: () => (sigma) => predicting({ x: 0, eps: -1 }, sigma, 1, Math.log(sigma / 2)),
  iddpm: ({ nearestIsZero = false, ...options }) => {
    const u = iddpmSigmas(options);
    const last = u.length - 2; // M − 1
    const table = nearestIsZero ? u : u.subarray(0, last + 1);
    return (sigma) => predicting({ x: 0, eps: 1 }, sigma, alphaOf("vp", sigma), last - nearestIndex(table, sigma));
  },
  consistency: ({ sigmaData = 0.5, sigmaMin = 0.002, label, base }) => {
    if (base) return steppedDown(preconditionOf(base.type, base), sigmaMin);
    positive("preconditioning consistency: sigmaData", sigmaData);
    const labelOf = label === undefined ? (sigma: number) => 250 * Math.log(sigma + 1e-44) : noiseLabel(label);
    return (sigma) => {
      const above = sigma - sigmaMin;
      const total = Math.hypot(sigma, sigmaData);
      const bent = above ** 2 + sigmaData ** 2;
      return {
        cSkip: sigmaData ** 2 / bent,
        cOut: (above * sigmaData) / total,
        cIn: 1 / total,
        cNoise: labelOf(sigma),
        targetX: (above * total) / (sigmaData * bent),
        targetNoise: above === 0 ? 0 : (-sigmaData * sigma * total) / (above * bent),
      };
    };
  },
  x: plain,
  eps: plain,
  v: plain,
  o: plain,
  score: plain,
  energy: plain,
  F: plain,
};

/** The names of the preconditionings. */
export const preconditioningNames = Object.keys(preconditionings) as readonly Type[];

/** The preconditioning of a spec, or any function of σ̃. */
export function precondition(spec: PreconditioningSpec | Precondition): Precondition {
  return typeof spec === "function" ? spec : preconditionOf(spec.type, spec);
}

function preconditionOf<T extends Type>(type: T, spec: Spec<T>): Precondition {
  if (!Object.hasOwn(preconditionings, type)) throw unknownName("preconditioning: type", type, preconditioningNames);
  const at = preconditionings[type](spec);
  return (sigma) => {
    const found = at(sigma);
    if (sigma === Number.POSITIVE_INFINITY && !(Number.isFinite(found.cSkip) && Number.isFinite(found.cOut)))
      throw new ConfigError(
        `preconditioning ${type}: the noise level is infinite (zero terminal SNR): only x, v and o predictions work there.`,
      );
    return found;
  };
}

/** A DDIM step of `base` to sigmaMin, where it is the identity. */
const steppedDown =
  (base: Precondition, sigmaMin: number): Precondition =>
  (sigma) => {
    const { cSkip, cOut, cIn, cNoise, targetX, targetNoise } = base(sigma);
    const share = (sigma - sigmaMin) / sigma;
    const out = share === 0 ? 0 : share * cOut;
    return {
      cSkip: sigmaMin / sigma + share * cSkip,
      cOut: out,
      cIn,
      cNoise,
      targetX: out === 0 ? 0 : targetX,
      targetNoise: out === 0 ? 0 : targetNoise - sigmaMin / out,
    };
  };

/** A network that sees z = α x̃ and makes one of the predictions. */
function plain(spec: PredictionSpec<Prediction>): Precondition {
  const { type, path = "vp", label = { type: "log-sigma" }, sigmaData = 0.5 } = spec;
  positive(`preconditioning ${type}: sigmaData`, sigmaData);
  alphaOf(path, 1); // fails here, not at the first step, if there is no such path
  const labelOf = noiseLabel(label);
  const emitted = type === "energy" ? "eps" : type;
  return (sigma) => {
    const alpha = alphaOf(path, sigma);
    if (alpha === 0) {
      const pure = { alpha, sigma: 1, sigmaData };
      const target = targetOf(emitted, pure);
      const { z, from } = conversion(emitted, "x", pure);
      return { cSkip: z, cOut: from, cIn: 1, cNoise: labelOf(sigma), targetX: target.x, targetNoise: target.eps };
    }
    return predicting(targetOf(emitted, { alpha, sigma: alpha * sigma, sigmaData }), sigma, alpha, labelOf(sigma));
  };
}

/**
 * The preconditioning of a network whose target is a combination of x and ε: with x̃ = x + σ̃ ε, D is the x that solves both
 * (see prediction.ts). A target without ε is x itself, in some unit.
 */
function predicting(target: Combination, sigma: number, cIn: number, cNoise: number): Preconditioning {
  const determinant = target.eps - sigma * target.x;
  return {
    cSkip: target.eps === 0 ? 0 : target.eps / determinant,
    cOut: target.eps === 0 ? 1 / target.x : -sigma / determinant,
    cIn,
    cNoise,
    targetX: target.x,
    targetNoise: target.eps,
  };
}
