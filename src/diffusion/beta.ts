/** Song's β(t), the rate of noise of the VP and sub-VP processes dz = −½β z dt + g dw, with its integral. */
import { ConfigError } from "../errors/index.ts";
import { interval, positive } from "./admissible.ts";

/** The ends of a linear β(t). */
export interface BetaRange {
  /** β at t = 0. */
  readonly betaMin?: number;
  /** β at t = 1. */
  readonly betaMax?: number;
}

/** β(t) with its integral B(t) and the inverse of that. */
export interface Beta {
  readonly integral: (t: number) => number;
  readonly beta: (t: number) => number;
  readonly time: (integral: number) => number;
}

/** `linearBeta` of a process: its ends must be 0 or more, so that noise only ever grows. */
export function risingBeta(where: string, { betaMin = 0.1, betaMax = 20 }: BetaRange): Beta {
  if (betaMin >= 0 && betaMax > 0 && Number.isFinite(betaMin + betaMax)) return linearBeta({ betaMin, betaMax });
  throw new ConfigError(`${where}: betaMin and betaMax must not be below 0; got ${betaMin} and ${betaMax}.`);
}

/** β(t) = betaMin + (betaMax − betaMin) t (Song et al. 2021). */
export function linearBeta({ betaMin = 0.1, betaMax = 20 }: BetaRange): Beta {
  const slope = betaMax - betaMin;
  return {
    integral: (t) => t * (betaMin + 0.5 * slope * t),
    beta: (t) => betaMin + slope * t,
    // The root of a quadratic, in whichever of its two forms adds rather than subtracts.
    time: (integral) => {
      const root = Math.sqrt(betaMin * betaMin + 2 * slope * integral);
      return betaMin < 0 ? (root - betaMin) / slope : (2 * integral) / (root + betaMin);
    },
  };
}

/** The noise levels of the VP process: σ̃(t) = √(e^B − 1), its slope, and its inverse; none of them is limited to a range. */
export interface VpSigma {
  readonly sigma: (t: number) => number;
  /** dσ̃/dt = ½ β (σ̃ + 1/σ̃) */
  readonly slope: (t: number) => number;
  readonly time: (sigma: number) => number;
}

/** σ̃(t) of the VP process with a linear β(t). */
export function vpSigma(range: BetaRange): VpSigma {
  const { integral, beta, time } = linearBeta(range);
  const sigma = (t: number) => Math.sqrt(Math.expm1(integral(t)));
  return {
    sigma,
    slope: (t) => (beta(t) * (sigma(t) + 1 / sigma(t))) / 2,
    time: (level) => time(Math.log1p(level * level)),
  };
}

/**
 * The linear β(t) whose noise level is σ_min at t = epsilonS and σ_max at t = 1 (Karras et al. 2022, Appendix C.1). Some
 * choices give a betaMin just below 0, which makes β negative near t = 0 but not from `epsilonS` on.
 */
export function betasFromSigmas(sigmaMin: number, sigmaMax: number, epsilonS: number): Required<BetaRange> {
  positive("betas from noise levels: sigmaMin", sigmaMin);
  interval("betas from noise levels: sigmaMin, sigmaMax", sigmaMin, sigmaMax);
  const [start, end] = [Math.log1p(sigmaMin ** 2), Math.log1p(sigmaMax ** 2)]; // B(epsilonS) and B(1)
  const slope = (2 * (start / epsilonS - end)) / (epsilonS - 1);
  const betaMin = end - slope / 2;
  return { betaMin, betaMax: betaMin + slope };
}
