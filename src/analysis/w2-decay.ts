/**
 * How fast the forward process makes two distributions alike in W₂ (the justification of Bernoulli timestep sampling): in
 * closed form for Gaussians, estimated for sets of images, and the time t_δ by which a share δ is left.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import {
  distances,
  exactTransport,
  type Gaussian,
  gaussianW2Squared,
  sinkhornDivergence,
  slicedW2,
} from "../transport/index.ts";
import { countOf, type Points } from "./posterior.ts";

/** A forward process: z_t = α(t) x + σ(t) ε. A `Path` is one. */
export interface ForwardProcess {
  readonly alpha: (t: number) => number;
  readonly sigma: (t: number) => number;
}

/** The law of α x + σ ε for Gaussian x. */
export function noisedGaussian(x: Gaussian, alpha: number, sigma: number): Gaussian {
  const mean = Float64Array.from(x.mean, (m) => alpha * m);
  if ("std" in x) return { mean, std: Float64Array.from(x.std, (s) => Math.hypot(alpha * s, sigma)) };
  const n = mean.length;
  return {
    mean,
    covariance: Float64Array.from(x.covariance, (c, k) => alpha * alpha * c + (k % (n + 1) === 0 ? sigma * sigma : 0)),
  };
}

export interface GaussianDecay {
  readonly atZero: number;
  readonly atTime: number;
  /** α(t) · W₂ at time 0: no pair of distributions is further apart than this. */
  readonly bound: number;
}

/** W₂ between two Gaussians before and after the forward process has run until t. */
export function gaussianDecay(p: Gaussian, q: Gaussian, { alpha, sigma }: ForwardProcess, t: number): GaussianDecay {
  const [a, s] = [alpha(t), sigma(t)];
  const atZero = Math.sqrt(gaussianW2Squared(p, q));
  return {
    atZero,
    atTime: Math.sqrt(gaussianW2Squared(noisedGaussian(p, a, s), noisedGaussian(q, a, s))),
    bound: a * atZero,
  };
}

/**
 * An estimator of W₂ between samples. `"sinkhorn"`: √(2 S_ε) of the debiased divergence, blur as a share of the largest
 * distance (0.01 to 0.05 is sensible; default 0.05). `"exact"`: the optimal assignment. `"sliced"`: along given unit
 * directions `[slices × dims]`, a different and smaller distance.
 */
export type W2Estimator =
  | { readonly type: "sinkhorn"; readonly blur?: number }
  | { readonly type: "exact" }
  | { readonly type: "sliced"; readonly directions: Points };

type Spec<T> = Extract<W2Estimator, { type: T }>;

const estimators: {
  readonly [T in W2Estimator["type"]]: (spec: Spec<T>, x: Points, y: Points, dims: number) => number;
} = {
  sinkhorn: ({ blur = 0.05 }, x, y, dims) => {
    let largest = 0;
    for (const d of distances(x, y, dims).data) if (d > largest) largest = d;
    return largest === 0 ? 0 : sinkhornDivergence(x, y, dims, { blur: blur * largest, tolerance: 1e-6 }).w2;
  },
  exact: (_, x, y, dims) => Math.sqrt(exactTransport(distances(x, y, dims, { metric: "squared-euclidean" }))),
  sliced: ({ directions }, x, y, dims) => slicedW2(x, y, dims, directions),
};

/** Estimates W₂ between two samples of one size. */
export function estimateW2<T extends W2Estimator["type"]>(spec: Spec<T>, x: Points, y: Points, dims: number): number {
  if (!Object.hasOwn(estimators, spec.type)) throw unknownName("W2 estimator", spec.type, Object.keys(estimators));
  return estimators[spec.type as T](spec, x, y, dims);
}

export interface DecayOptions {
  /** Samples of the two distributions, and a second sample of the first, all `[count × dims]` and of one size. */
  readonly x: Points;
  readonly y: Points;
  readonly again: Points;
  readonly dims: number;
  readonly process: ForwardProcess;
  /** Increasing times; the first is what later ones are compared with. */
  readonly times: readonly number[];
  /** Draws that many unit normal numbers, new ones at every call: each set has noise of its own at each time. */
  readonly noise: (count: number) => Points;
  /** Default `{ type: "sinkhorn" }`. */
  readonly estimator?: W2Estimator;
}

export interface DecayPoint {
  readonly t: number;
  /** Estimated distance of x and y at time t. */
  readonly w2: number;
  /** The same between the two samples of x: what the estimator sees where there is nothing to see. Large in many dimensions. */
  readonly baseline: number;
  /** √(w2² − baseline²), 0 if that is negative: what decays. */
  readonly excess: number;
}

/** The decay of W₂ along the forward process, point by point. */
export async function* w2Decay({
  x,
  y,
  again,
  dims,
  process,
  times,
  noise,
  estimator = { type: "sinkhorn" },
}: DecayOptions): AsyncGenerator<DecayPoint> {
  const count = countOf("w2Decay: x", x, dims);
  for (const [name, set] of Object.entries({ y, again }))
    if (set.length !== x.length)
      throw new ConfigError(`w2Decay: ${name}: ${set.length / dims} points (expected ${count}, as many as x).`);
  for (const t of times) {
    const [a, s] = [process.alpha(t), process.sigma(t)];
    const [noisyX, noisyY, noisyAgain] = [x, y, again].map((set) => {
      const eps = noise(set.length);
      return Float64Array.from(set, (value, k) => a * value + s * eps[k]);
    });
    const w2 = estimateW2(estimator, noisyX, noisyY, dims);
    const baseline = estimateW2(estimator, noisyX, noisyAgain, dims);
    yield { t, w2, baseline, excess: Math.sqrt(Math.max(0, w2 * w2 - baseline * baseline)) };
  }
}

/**
 * t_δ: the first time at which the excess has fallen to δ of its first value, between points along a straight line of its
 * logarithm; undefined if it never does.
 */
export function significantTime(points: readonly DecayPoint[], delta: number): number | undefined {
  if (!(delta > 0 && delta < 1)) throw new ConfigError(`significantTime: delta: ${delta} (expected between 0 and 1).`);
  if (points.length === 0) return undefined;
  const goal = delta * points[0].excess;
  for (let k = 1; k < points.length; k++) {
    const [before, after] = [points[k - 1], points[k]];
    if (after.excess > goal) continue;
    if (after.excess === 0) return after.t;
    const share = Math.log(before.excess / goal) / Math.log(before.excess / after.excess);
    return before.t + share * (after.t - before.t);
  }
  return undefined;
}

/** t_δ of a process that contracts at rate K: e^(−K t) = δ. */
export function contractionTime(rate: number, delta: number): number {
  if (!(rate > 0)) throw new ConfigError(`contractionTime: rate: ${rate} (expected > 0).`);
  if (!(delta > 0 && delta < 1)) throw new ConfigError(`contractionTime: delta: ${delta} (expected between 0 and 1).`);
  return -Math.log(delta) / rate;
}
