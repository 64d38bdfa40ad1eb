/** The discretised Ornstein–Uhlenbeck process, in closed form. */
import { ConfigError } from "../errors/index.ts";

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
