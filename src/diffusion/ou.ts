/** The Ornstein–Uhlenbeck process and its discretisation, in closed form. */
import { ConfigError } from "../errors/index.ts";
import { normalKl } from "./bound-gaussian.ts";
import { normalCdf } from "./normal.ts";

/** x_{k+1} = (1 − γ) x_k + √(2γ) z: after k steps x_k ~ N(alpha(k) x_0, variance(k)). */
export interface DiscreteOu {
  readonly alpha: (k: number) => number;
  /** (1 − (1 − γ)^{2k})/(1 − γ/2) */
  readonly variance: (k: number) => number;
  /** 1/(1 − γ/2): not 1, however many steps are taken. */
  readonly stationaryVariance: number;
}

/** The Euler–Maruyama chain of dx = −x dt + √2 dw with steps of length `gamma`, between 0 and 1. */
export function discreteOu(gamma: number): DiscreteOu {
  if (!(gamma > 0 && gamma < 1))
    throw new ConfigError(`discreteOu: gamma must be between 0 and 1, both excluded; got ${gamma}.`);
  const rate = Math.log1p(-gamma);
  const stationaryVariance = 1 / (1 - gamma / 2);
  return {
    alpha: (k) => Math.exp(k * rate),
    variance: (k) => -Math.expm1(2 * k * rate) * stationaryVariance,
    stationaryVariance,
  };
}

/** How far the process is from N(0, 1) at a time, and what theory promises. */
export interface OuMixing {
  /** The Wasserstein distance W₂, and its bound e^{−t} W₂(0). */
  readonly w2: number;
  readonly w2Bound: number;
  /** KL(p_t ‖ N(0, 1)) in nats, and its bound e^{−2t} KL(0). */
  readonly kl: number;
  readonly klBound: number;
  /** Pinsker's bound √(KL/2) of the total variation ½‖p_t − N(0, 1)‖₁. */
  readonly tvBound: number;
}

/** Mixing of dx = −x dt + √2 dw from N(mean, std²), one dimension: the law at t is N(mean e^{−t}, 1 + (std² − 1) e^{−2t}). */
export function ouMixing(mean: number, std: number, t: number): OuMixing {
  if (!(std > 0 && t >= 0))
    throw new ConfigError(`ouMixing: std must be above 0 and t at least 0; got ${std} and ${t}.`);
  const at = (time: number) => {
    const [m, variance] = [mean * Math.exp(-time), 1 + (std ** 2 - 1) * Math.exp(-2 * time)];
    return { w2: Math.hypot(m, Math.sqrt(variance) - 1), kl: normalKl(m, Math.log(variance), 0, 0) };
  };
  const [now, start] = [at(t), at(0)];
  return {
    ...now,
    w2Bound: Math.exp(-t) * start.w2,
    klBound: Math.exp(-2 * t) * start.kl,
    tvBound: Math.sqrt(now.kl / 2),
  };
}

/** What starting from N(0, 1), not from the law at T, does to samples of N(mean, 1). */
export interface StartError {
  /** Errors of the mean, which are the W₂ distances. */
  readonly deterministic: number;
  readonly stochastic: number;
  /** The total variations ½‖p − q‖₁ = 2 Φ(error/2) − 1. */
  readonly deterministicTv: number;
  readonly stochasticTv: number;
}

/**
 * The two ways back from time `horizon` with the exact score: the probability-flow ODE moves every start by mean (1 − e^{−T}),
 * so the start's error mean e^{−T} stays; the reverse SDE forgets its start at the rate e^{−T}, which leaves mean e^{−2T}.
 */
export function ouStartError(mean: number, horizon: number): StartError {
  const [deterministic, stochastic] = [1, 2].map((rate) => Math.abs(mean) * Math.exp(-rate * horizon));
  const tv = (error: number) => 1 - 2 * normalCdf(-error / 2);
  return { deterministic, stochastic, deterministicTv: tv(deterministic), stochasticTv: tv(stochastic) };
}
