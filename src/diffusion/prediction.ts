/**
 * What a network can be asked to predict, and how to turn one answer into another (Kingma & Gao 2023, Appendix B).
 * Every prediction is a combination P = p_x x + p_ε ε. Together with z = α x + σ ε that is a linear system in x and ε of
 * determinant Δ = α p_ε − σ p_x, and everything else follows: x = (p_ε z − σ P)/Δ, ε = (α P − p_x z)/Δ, and an error in P
 * is Δ times the same error in any other prediction, in its own units. In no prediction here does Δ cancel.
 */
import { ConfigError, unknownName } from "../errors/index.ts";

/**
 * x: the clean data; eps: the noise ε; v = α ε − σ x; o = x − ε, minus the velocity of flow matching;
 * score = −ε/σ, the gradient of the log density of z given x; energy = ε/σ, the gradient ∇E of an energy, minus the score
 * (Kingma & Gao 2023, Eq. 108); F: the raw output of an EDM network.
 */
export type Prediction = "x" | "eps" | "v" | "o" | "score" | "energy" | "F";

/** One noise level of a path: z = α x + σ ε. */
export interface Level {
  readonly alpha: number;
  readonly sigma: number;
  /** σ_data, the standard deviation of the data; used by F. */
  readonly sigmaData?: number;
}

/** a·x + b·ε */
export interface Combination {
  readonly x: number;
  readonly eps: number;
}

const combinations: { readonly [P in Prediction]: (level: Level) => Combination } = {
  x: () => ({ x: 1, eps: 0 }),
  eps: () => ({ x: 0, eps: 1 }),
  v: ({ alpha, sigma }) => ({ x: -sigma, eps: alpha }),
  o: () => ({ x: 1, eps: -1 }),
  score: ({ sigma }) => ({ x: 0, eps: -1 / sigma }),
  energy: ({ sigma }) => ({ x: 0, eps: 1 / sigma }),
  F: ({ alpha, sigma, sigmaData = 0.5 }) => {
    const level = sigma / alpha;
    const total = Math.hypot(level, sigmaData);
    return { x: level / (sigmaData * total), eps: -sigmaData / total };
  },
};

/** The names of the predictions. */
export const predictionNames = Object.keys(combinations) as readonly Prediction[];

/** The prediction as a combination of x and ε: a network's target at this level. */
export function targetOf(prediction: Prediction, level: Level): Combination {
  if (!Object.hasOwn(combinations, prediction)) throw unknownName("prediction", prediction, predictionNames);
  return combinations[prediction](level);
}

/** Δ = α p_ε − σ p_x */
function determinant({ x, eps }: Combination, { alpha, sigma }: Level): number {
  return alpha * eps - sigma * x;
}

/** The factors a and b of `to` = a·z + b·`from`. */
export function conversion(
  from: Prediction,
  to: Prediction,
  level: Level,
): { readonly z: number; readonly from: number } {
  const [p, q] = [targetOf(from, level), targetOf(to, level)];
  if (from === to) return { z: 0, from: 1 };
  const d = determinant(p, level);
  if (d === 0)
    throw new ConfigError(
      `prediction: ${to} does not follow from ${from} at alpha ${level.alpha}, sigma ${level.sigma}: z holds nothing new.`,
    );
  return { z: (q.x * p.eps - q.eps * p.x) / d, from: determinant(q, level) / d };
}

/** `prediction`, an answer of type `from` to `z`, as an answer of type `to`; any number of elements, one noise level. */
export function convert(
  from: Prediction,
  to: Prediction,
  level: Level,
  z: Float64Array,
  prediction: Float64Array,
): Float64Array {
  const factor = conversion(from, to, level);
  const out = new Float64Array(z.length);
  for (let i = 0; i < z.length; i++) out[i] = factor.z * z[i] + factor.from * prediction[i];
  return out;
}

/** What the squared error of `from` is multiplied by to give that of `to` (Kingma & Gao 2023, Eq. 122–126). */
export function errorFactor(from: Prediction, to: Prediction, level: Level): number {
  return conversion(from, to, level).from ** 2;
}
