/** Laws of the noise level σ̃ = σ/α (Karras et al. 2022; Song et al. 2021; Crowson et al. 2024). */
import { ConfigError } from "../errors/index.ts";
import { finite, interval, positive } from "./admissible.ts";
import { type BetaRange, vpSigma } from "./beta.ts";
import { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
import { inside, supported, type TimestepLaw } from "./timestep-law.ts";

/** ln σ̃ ~ N(pMean, pStd²): EDM, default N(−1.2, 1.2²). */
export interface LogNormalOptions {
  readonly pMean?: number;
  readonly pStd?: number;
}

/** The log-normal law. */
export function logNormal(options: LogNormalOptions = {}): TimestepLaw {
  const { pMean = -1.2, pStd = 1.2 } = options;
  finite("timestep log-normal: pMean", pMean);
  positive("timestep log-normal: pStd", pStd);
  return supported(Number.MIN_VALUE, Number.MAX_VALUE, {
    of: "sigma",
    draw: (u) => logNormalSigma(normalQuantile(inside(u)), options),
    density: (sigma) => normalPdf(Math.log(sigma), pMean, pStd) / sigma,
    uniform: (sigma) => normalCdf((Math.log(sigma) - pMean) / pStd),
  });
}

/** The noise level of the log-normal law for a standard normal number. */
export function logNormalSigma(normal: number, { pMean = -1.2, pStd = 1.2 }: LogNormalOptions = {}): number {
  return Math.exp(pMean + pStd * normal);
}

/** A range of noise levels, and the standard deviation of the data where a law needs it. */
export interface SigmaRange {
  readonly sigmaMin?: number;
  readonly sigmaMax?: number;
}

/** ln σ̃ uniform, by default on [ln 0.02, ln 100]: the VE loss with uniform time. */
export function logUniform({ sigmaMin = 0.02, sigmaMax = 100 }: SigmaRange = {}): TimestepLaw {
  positive("timestep log-uniform: sigmaMin", sigmaMin);
  interval("timestep log-uniform: [sigmaMin, sigmaMax]", sigmaMin, sigmaMax);
  const width = Math.log(sigmaMax / sigmaMin);
  return supported(sigmaMin, sigmaMax, {
    of: "sigma",
    draw: (u) => sigmaMin * Math.exp(u * width),
    density: (sigma) => 1 / (sigma * width),
    uniform: (sigma) => Math.log(sigma / sigmaMin) / width,
  });
}

/** The constants of the law of the VP loss. */
export interface VpUniformOptions extends BetaRange {
  /** The earliest time; default 1e-5. */
  readonly epsilonT?: number;
}

/** σ̃(t) of the VP process with t uniform on [epsilonT, 1], drawn as t = 1 + u(epsilonT − 1): noisy first. */
export function vpUniform({ betaMin = 0.1, betaMax = 20, epsilonT = 1e-5 }: VpUniformOptions = {}): TimestepLaw {
  positive("timestep vp-uniform: betaMin", betaMin);
  positive("timestep vp-uniform: betaMax", betaMax);
  interval("timestep vp-uniform: [epsilonT, 1]", positive("timestep vp-uniform: epsilonT", epsilonT), 1);
  const { sigma, slope, time } = vpSigma({ betaMin, betaMax });
  const [sigmaMin, sigmaMax] = [sigma(epsilonT), sigma(1)];
  return supported(sigmaMin, sigmaMax, {
    of: "sigma",
    draw: (u) => sigma(1 + u * (epsilonT - 1)),
    density: (level) => 1 / (slope(time(level)) * (1 - epsilonT)),
    uniform: (level) => (1 - time(level)) / (1 - epsilonT),
  });
}

/** The constants of the log-logistic law. */
export interface LogLogisticOptions extends SigmaRange {
  /** Mean of ln σ̃ before truncation; default 0. */
  readonly loc?: number;
  /** Scale of the logistic distribution of ln σ̃; default 1. */
  readonly scale?: number;
}

/** ln σ̃ logistic, truncated to [sigmaMin, sigmaMax], by default not at all. */
export function logLogistic({
  loc = 0,
  scale = 1,
  sigmaMin = 0,
  sigmaMax = Number.POSITIVE_INFINITY,
}: LogLogisticOptions = {}): TimestepLaw {
  finite("timestep log-logistic: loc", loc);
  positive("timestep log-logistic: scale", scale);
  truncation("timestep log-logistic", sigmaMin, sigmaMax);
  // (σ̃/e^loc)^{1/scale} is the odds of its quantile, before truncation.
  const odds = (sigma: number) => Math.exp((Math.log(sigma) - loc) / scale);
  const cdf = (sigma: number) => 1 / (1 + 1 / odds(sigma));
  const [low, high] = [cdf(sigmaMin), cdf(sigmaMax)];
  // 1 − cdf without cancellation, for the upper tail.
  const [restLow, restHigh] = [1 / (1 + odds(sigmaMin)), 1 / (1 + odds(sigmaMax))];
  return supported(Math.max(sigmaMin, Number.MIN_VALUE), Math.min(sigmaMax, Number.MAX_VALUE), {
    of: "sigma",
    draw: (u) => {
      const at = inside(u);
      const [below, above] = [low + at * (high - low), restLow + at * (restHigh - restLow)];
      return Math.exp(loc + scale * (Math.log(below) - Math.log(above)));
    },
    density: (sigma) => {
      const quantile = cdf(sigma);
      return (quantile * (1 - quantile)) / (scale * sigma * (high - low));
    },
    uniform: (sigma) => (cdf(sigma) - low) / (high - low),
  });
}

/** The constants of the laws that scale with the standard deviation of the data. */
export interface VDiffusionOptions extends SigmaRange {
  /** Standard deviation of the data; default 1. */
  readonly sigmaData?: number;
}

/** σ̃ = σ_d tan(πt/2) with t uniform: v-diffusion's cosine schedule, truncated; default to [1e-3, 1e3]. */
export function vDiffusion({ sigmaData = 1, sigmaMin = 1e-3, sigmaMax = 1e3 }: VDiffusionOptions = {}): TimestepLaw {
  positive("timestep v-diffusion: sigmaData", sigmaData);
  truncation("timestep v-diffusion", sigmaMin, sigmaMax);
  const angle = (sigma: number) => Math.atan(sigma / sigmaData);
  const low = angle(sigmaMin);
  const width = angle(sigmaMax) - low;
  return supported(sigmaMin, sigmaMax, {
    of: "sigma",
    draw: (u) => sigmaData * Math.tan(low + u * width),
    density: (sigma) => sigmaData / (width * (sigmaData ** 2 + sigma ** 2)),
    uniform: (sigma) => (angle(sigma) - low) / width,
  });
}

/** The constants of the interpolated cosine law. */
export interface CosineInterpolatedOptions extends VDiffusionOptions {
  /** Side of the image in pixels. */
  readonly imageSize: number;
  /** Side of the image whose cosine schedule is followed at low noise. Not above `noiseHigh`. */
  readonly noiseLow: number;
  /** Side of the image whose cosine schedule is followed at high noise. */
  readonly noiseHigh: number;
}

/**
 * A blend of two truncated cosine schedules, each shifted by 2 ln(noise size/image size) (Hoogeboom et al. 2023): u = 0
 * is σ_max and u is the weight of the second.
 */
export function cosineInterpolated({
  imageSize,
  noiseLow,
  noiseHigh,
  sigmaData = 1,
  sigmaMin = 1e-3,
  sigmaMax = 1e3,
}: CosineInterpolatedOptions): TimestepLaw {
  positive("timestep cosine-interpolated: imageSize", imageSize);
  positive("timestep cosine-interpolated: noiseLow", noiseLow);
  positive("timestep cosine-interpolated: noiseHigh", noiseHigh);
  positive("timestep cosine-interpolated: sigmaData", sigmaData);
  truncation("timestep cosine-interpolated", sigmaMin, sigmaMax);
  const cosine = (noise: number) => {
    const ratio = noise / imageSize;
    const angle = (sigma: number) => Math.atan((sigma / sigmaData) * ratio);
    const start = angle(sigmaMax);
    const width = angle(sigmaMin) - start;
    return {
      logSigma: (u: number) => Math.log(Math.tan(start + u * width) / ratio),
      slope: (u: number) => (2 * width) / Math.sin(2 * (start + u * width)),
    };
  };
  const [low, high] = [cosine(noiseLow), cosine(noiseHigh)];
  const logSigma = (u: number) => (1 - u) * low.logSigma(u) + u * high.logSigma(u);
  const uniform = (sigma: number) => {
    const target = Math.log(sigma / sigmaData);
    let [from, to] = [0, 1];
    for (let i = 0; i < 60; i++) {
      const middle = (from + to) / 2;
      if (logSigma(middle) > target) from = middle;
      else to = middle;
    }
    return (from + to) / 2;
  };
  return supported(sigmaMin, sigmaMax, {
    of: "sigma",
    draw: (u) => sigmaData * Math.exp(logSigma(u)),
    density: (sigma) => {
      const u = uniform(sigma);
      const slope = high.logSigma(u) - low.logSigma(u) + (1 - u) * low.slope(u) + u * high.slope(u);
      return -1 / (sigma * slope);
    },
    uniform,
  });
}

/** The constants of the split log-normal law. */
export interface SplitLogNormalOptions {
  /** The mode of ln σ̃. */
  readonly loc: number;
  /** Scale of ln σ̃ below the mode. */
  readonly scaleLeft: number;
  /** Scale of ln σ̃ above the mode. */
  readonly scaleRight: number;
}

/** ln σ̃ normal with one scale below its mode and another above it; the density is continuous there. */
export function splitLogNormal(options: SplitLogNormalOptions): TimestepLaw {
  const { loc, scaleLeft, scaleRight } = options;
  finite("timestep split-log-normal: loc", loc);
  positive("timestep split-log-normal: scaleLeft", scaleLeft);
  positive("timestep split-log-normal: scaleRight", scaleRight);
  const left = scaleLeft / (scaleLeft + scaleRight);
  const scaled = (sigma: number) => {
    const distance = Math.log(sigma) - loc;
    return distance / (distance < 0 ? scaleLeft : scaleRight);
  };
  return supported(Number.MIN_VALUE, Number.MAX_VALUE, {
    of: "sigma",
    draw: (u) => {
      const at = inside(u);
      const quantile = at < left ? at / (2 * left) : 0.5 + (at - left) / (2 * (1 - left));
      return splitLogNormalSigma(normalQuantile(quantile), at, options);
    },
    density: (sigma) => (2 * normalPdf(scaled(sigma))) / (sigma * (scaleLeft + scaleRight)),
    uniform: (sigma) => {
      const z = scaled(sigma);
      return z < 0 ? 2 * left * normalCdf(z) : left + (1 - left) * (2 * normalCdf(z) - 1);
    },
  });
}

/** The noise level of the split log-normal law: the size of a standard normal number, on the side that `u` chooses. */
export function splitLogNormalSigma(
  normal: number,
  u: number,
  { loc, scaleLeft, scaleRight }: SplitLogNormalOptions,
): number {
  const onLeft = u < scaleLeft / (scaleLeft + scaleRight);
  return Math.exp(loc + Math.abs(normal) * (onLeft ? -scaleLeft : scaleRight));
}

function truncation(where: string, min: number, max: number): void {
  if (!(min >= 0 && min < max))
    throw new ConfigError(
      `${where}: not a range of noise levels: [${min}, ${max}] (expected 0 ≤ sigmaMin < sigmaMax).`,
    );
}
