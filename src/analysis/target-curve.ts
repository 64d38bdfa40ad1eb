/**
 * Targets by noise level (Xu, Tong & Jaakkola 2023, Figures 2 and 3): how much those of plain training scatter, how much
 * stable ones of n references do, and the phases in between which it matters. On any data that can be sampled and denoised
 * in closed form; a finite data set is `mixture({ means: data, dims })`.
 */
import { type ClosedForm, stableTargets } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Stream } from "../random/index.ts";
import { scaled, type TargetVariance } from "./target-variance.ts";

export interface TargetCurveOptions {
  readonly data: ClosedForm;
  /** Noise level, in the variance-exploding frame. */
  readonly sigma: number;
  /** Numbers of references n to look at, the sample itself included. */
  readonly references: readonly number[];
  /** Noisy samples to average over; the error falls with their square root. */
  readonly trials: number;
  readonly stream: Stream;
}

/** Targets at one noise level. */
export interface TargetPoint {
  readonly sigma: number;
  /** V_DSM, exact for each noisy sample. */
  readonly dsm: TargetVariance;
  /** How far x is from its best guess, per dimension: √(E Tr Cov(x|z)/dims). */
  readonly spread: number;
  /** V_STF for each number of references. */
  readonly stable: readonly StablePoint[];
}

export interface StablePoint extends TargetVariance {
  readonly references: number;
  /** Of `value`. */
  readonly standardError: number;
  /** Mean 1/Σ w². */
  readonly effectiveSampleSize: number;
}

/**
 * Variances of targets at a noise level. A stable target is the expectation of a sample's own, given all references and z
 * but not which of them is its own; so its mean is the exact one for every n, and its variance its distance from that.
 */
export function targetPoint({ data, sigma, references, trials, stream }: TargetCurveOptions): TargetPoint {
  if (!(references.every((n) => Number.isInteger(n) && n >= 1) && Number.isInteger(trials) && trials >= 2))
    throw new ConfigError(
      `target curve: needs numbers of references from 1 and 2 trials or more; got [${references}], ${trials}.`,
    );
  const { dims } = data;
  const most = Math.max(1, ...references);
  const sums = references.map(() => ({ error: 0, squared: 0, size: 0 }));
  let divergence = 0;
  for (let trial = 0; trial < trials; trial++) {
    const x = data.sample(1, stream);
    const noise = stream.fillNormal(new Float64Array(dims));
    const z = x.map((value, d) => value + sigma * noise[d]);
    const [mean, others] = [data.denoise(z, sigma), data.sample(most - 1, stream)];
    divergence += data.divergence(z, sigma)[0];
    for (const [i, n] of references.entries()) {
      const batch = { dims, x, noise, sigma: [sigma], references: others.subarray(0, (n - 1) * dims) };
      const { target, effectiveSampleSize } = stableTargets(batch);
      const error = target.reduce((sum, value, d) => sum + (value - mean[d]) ** 2, 0);
      sums[i].error += error / trials;
      sums[i].squared += error ** 2 / trials;
      sums[i].size += effectiveSampleSize[0] / trials;
    }
  }
  const slope = divergence / trials; // Tr Cov(x|z)/σ²
  return {
    sigma,
    dsm: scaled(slope / sigma ** 2, sigma),
    spread: sigma * Math.sqrt(slope / dims),
    stable: references.map((n, i) => {
      const { error, squared, size } = sums[i];
      const standardError = Math.sqrt(Math.max(0, squared - error ** 2) / (trials - 1)) / sigma ** 4;
      return { references: n, ...scaled(error / sigma ** 4, sigma), standardError, effectiveSampleSize: size };
    }),
  };
}

/** The noise levels between which targets scatter most. */
export interface Phases {
  /** Below it one mode is all there is (phase 1). */
  readonly from: number;
  readonly peak: number;
  /** Above it all modes say the same (phase 3). */
  readonly to: number;
}

/**
 * The middle phase of a curve over rising noise levels: where it is above `share` of its largest value, one half by default,
 * without a gap around it. The paper draws the phases but does not define them.
 */
export function phases(sigmas: ArrayLike<number>, variances: ArrayLike<number>, share = 0.5): Phases {
  let peak = 0;
  for (let i = 1; i < sigmas.length; i++) if (variances[i] > variances[peak]) peak = i;
  let [first, last] = [peak, peak];
  while (first > 0 && variances[first - 1] >= share * variances[peak]) first--;
  while (last < sigmas.length - 1 && variances[last + 1] >= share * variances[peak]) last++;
  return { from: sigmas[first], peak: sigmas[peak], to: sigmas[last] };
}
