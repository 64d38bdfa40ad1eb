/**
 * Conditional paths of flow matching between two samples (Lipman et al. 2023; Tong et al. 2024). Mind the time: here, as in
 * those papers, t = 0 is the source (noise) and t = 1 the data, the reverse of everywhere else.
 */
import { unknownName } from "../errors/index.ts";

/**
 * A path by name. `sigma` is its width: of the whole path (independent, variance-preserving), at the data end (target; at
 * the source end it is 1), or of the bridge, which is widest at t = ½ (schrodinger-bridge).
 */
export interface ConditionalPathSpec {
  readonly type: "independent" | "target" | "schrodinger-bridge" | "variance-preserving";
  /** 0 by default; the bridge is only a bridge above 0. */
  readonly sigma?: number;
}

/** x_t = a x_0 + b x_1 + s ε; the last three are the derivatives with respect to t. */
export interface ConditionalPath {
  readonly a: number;
  readonly b: number;
  readonly s: number;
  readonly da: number;
  readonly db: number;
  readonly ds: number;
}

type Type = ConditionalPathSpec["type"];

const paths: { readonly [T in Type]: (t: number, sigma: number) => ConditionalPath } = {
  independent: (t, sigma) => ({ a: 1 - t, b: t, s: sigma, da: -1, db: 1, ds: 0 }),
  target: (t, sigma) => ({ a: 0, b: t, s: 1 - (1 - sigma) * t, da: 0, db: 1, ds: sigma - 1 }),
  "schrodinger-bridge": (t, sigma) => {
    const width = Math.sqrt(t * (1 - t));
    // The width has no derivative where it is 0, but no noise is there either.
    return { a: 1 - t, b: t, s: sigma * width, da: -1, db: 1, ds: width > 0 ? (sigma * (1 - 2 * t)) / (2 * width) : 0 };
  },
  "variance-preserving": (t, sigma) => {
    const [rate, sin, cos] = [Math.PI / 2, Math.sin((Math.PI * t) / 2), Math.cos((Math.PI * t) / 2)];
    return { a: cos, b: sin, s: sigma, da: -rate * sin, db: rate * cos, ds: 0 };
  },
};

/** The names of the conditional paths. */
export const conditionalPathNames = Object.keys(paths) as readonly Type[];

/** The coefficients of a conditional path at time t. */
export function conditionalPath({ type, sigma = 0 }: ConditionalPathSpec, t: number): ConditionalPath {
  if (!Object.hasOwn(paths, type)) throw unknownName("conditional path: type", type, conditionalPathNames);
  return paths[type](t, sigma);
}

/** A point of a conditional path: its mean, itself, and the velocity a flow-matching network is trained on. */
export interface FlowSample {
  readonly mu: Float64Array;
  readonly xt: Float64Array;
  /** dx_t/dt = dμ/dt + (ds/dt) ε */
  readonly flow: Float64Array;
}

/** The point between `x0` (source) and `x1` (data) for one draw of noise. */
export function flowSample(
  { a, b, s, da, db, ds }: ConditionalPath,
  x0: Float64Array,
  x1: Float64Array,
  noise: Float64Array,
): FlowSample {
  const mu = x0.map((v, i) => a * v + b * x1[i]);
  return {
    mu,
    xt: mu.map((v, i) => v + s * noise[i]),
    flow: x0.map((v, i) => da * v + db * x1[i] + ds * noise[i]),
  };
}
