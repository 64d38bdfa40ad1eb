/**
 * Time as a discriminator for guidance sees it (Kim et al. 2023): its inputs are diffused by the VP process with a linear
 * β(t), whatever process the generator has.
 */
import { fraction, positive } from "./admissible.ts";
import { type BetaRange, linearBeta, vpSigma } from "./beta.ts";
import { logExpm1, softplus } from "./special.ts";
import { supported, type TimestepLaw } from "./timestep-law.ts";

/** The constants of the process, and where its time begins. */
export interface DiscriminatorTimeOptions extends BetaRange {
  /** The earliest time drawn; default 1e-5, since the density goes to infinity at 0. */
  readonly tMin?: number;
}

/** The law of the times to train on, and what belongs to a time. */
export interface DiscriminatorTime {
  /** p(t) ∝ β(t)/σ²(t) on [tMin, 1]: the likelihood weighting, as an importance law. */
  readonly law: TimestepLaw;
  /** A(t) = ln(e^{B(t)} − 1), which is −λ(t), the antiderivative of β/σ². */
  antiderivative(t: number): number;
  /** A(1) − A(tMin). */
  readonly normalizer: number;
  /** α(t) = e^{−B/2}. */
  alpha(t: number): number;
  /** σ(t) = √(1 − e^{−B}). */
  std(t: number): number;
  /** The time at which σ/α is `sigma`. */
  timeOfSigma(sigma: number): number;
  /** The time of the cosine schedule with offset s at which its α is that of `t` here. */
  cosineTime(t: number, s?: number): number;
}

/** Discriminator time for a linear β(t), by default Song's from 0.1 to 20. */
export function discriminatorTime({
  betaMin = 0.1,
  betaMax = 20,
  tMin = 1e-5,
}: DiscriminatorTimeOptions = {}): DiscriminatorTime {
  positive("timestep discriminator: betaMin", betaMin);
  positive("timestep discriminator: betaMax", betaMax);
  fraction("timestep discriminator: tMin", tMin);
  const { integral, beta, time } = linearBeta({ betaMin, betaMax });
  const antiderivative = (t: number) => logExpm1(integral(t));
  const start = antiderivative(tMin);
  const normalizer = antiderivative(1) - start;
  const alpha = (t: number) => Math.exp(-integral(t) / 2);
  return {
    law: supported(tMin, 1, {
      of: "time",
      draw: (u) => time(softplus(normalizer * u + start)),
      density: (t) => beta(t) / (-Math.expm1(-integral(t)) * normalizer),
      uniform: (t) => (antiderivative(t) - start) / normalizer,
    }),
    antiderivative,
    normalizer,
    alpha,
    std: (t) => Math.sqrt(-Math.expm1(-integral(t))),
    timeOfSigma: vpSigma({ betaMin, betaMax }).time,
    cosineTime: (t, s = 0.008) => {
      const first = Math.cos(((s / (1 + s)) * Math.PI) / 2);
      return (((1 + s) * 2) / Math.PI) * Math.acos(first * alpha(t)) - s;
    },
  };
}
