/** Discriminator guidance (Kim et al. 2023): a network that tells data from samples corrects the score. */
import { alphaOf, vpSigma } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { churnOptions } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

/** What a discriminator says of a batch at VP time τ: z = α x at that time. */
export interface Verdict {
  /** ln(d/(1 − d)) before clipping, one for each sample; positive means real. */
  readonly logit: Float64Array;
  /** ∇_z of each sample's logit, laid out as z. */
  readonly gradient: Float64Array;
}

/** d(z, τ): a discriminator trained on VP-noised samples, and its gradient with respect to them. */
export type Discriminator = (z: Float64Array, tau: number) => Promise<Verdict> | Verdict;

/** Where a discriminator is asked. */
export interface DiscriminatorRange {
  /** VP times outside [timeMin, timeMax] are left alone; 0.01 and 1 by default. */
  readonly timeMin?: number;
  readonly timeMax?: number;
  /** β(t) of the discriminator's VP process; 0.1 to 20 by default. */
  readonly betaMin?: number;
  readonly betaMax?: number;
}

export interface Correction {
  /** Whether some sample's time is in range; if not, nothing was asked and nothing is corrected. */
  readonly active: boolean;
  /** VP time and α of each sample. */
  readonly tau: Float64Array;
  readonly alphaTau: Float64Array;
  /** ln(d/(1 − d)) with d clipped to [1e-5, 1 − 1e-5]; +∞ where nothing was asked, which counts as real. */
  readonly logRatio: Float64Array;
  /** −σ²∇ₓ ln(d/(1 − d)): what to subtract from D, times the weight; 0 where d was clipped. */
  readonly correction: Float64Array;
}

/** ln((1 − 1e-5)/1e-5), the largest logit that is not clipped. */
const clip = Math.log((1 - 1e-5) / 1e-5);

/** The discriminator's correction of a batch whose samples are at the noise levels `sigmas`, one for each. */
export async function discriminatorCorrection(
  discriminator: Discriminator,
  x: Float64Array,
  sigmas: ArrayLike<number>,
  { timeMin = 0.01, timeMax = 1, betaMin = 0.1, betaMax = 20 }: DiscriminatorRange = {},
): Promise<Correction> {
  const batch = sigmas.length;
  const dims = x.length / batch;
  const { time } = vpSigma({ betaMin, betaMax });
  const tau = Float64Array.from(sigmas, time);
  const alphaTau = Float64Array.from(sigmas, (sigma) => alphaOf("vp", sigma));
  const earliest = Math.min(...tau);
  const active = timeMin <= earliest && earliest <= timeMax;
  const logRatio = new Float64Array(batch).fill(Number.POSITIVE_INFINITY);
  const correction = new Float64Array(x.length);
  if (!active) return { active, tau, alphaTau, logRatio, correction };

  for (const sigma of new Set(Array.from(sigmas))) {
    const alpha = alphaOf("vp", sigma);
    const verdict = await discriminator(combine(new Float64Array(x.length), [alpha, x]), time(sigma));
    if (verdict.logit.length !== batch || verdict.gradient.length !== x.length)
      throw new ConfigError(
        `discriminator: answered ${verdict.logit.length} logits and ${verdict.gradient.length} slopes (${batch} and ${x.length}).`,
      );
    for (let row = 0; row < batch; row++) {
      if (sigmas[row] !== sigma) continue;
      const logit = verdict.logit[row];
      logRatio[row] = Math.min(Math.max(logit, -clip), clip);
      if (Math.abs(logit) > clip) continue;
      for (let i = row * dims; i < (row + 1) * dims; i++) correction[i] = -(sigma ** 2) * alpha * verdict.gradient[i];
    }
  }
  return { active, tau, alphaTau, logRatio, correction };
}

export interface DiscriminatorGuidedOptions extends DiscriminatorRange {
  /** Weight of the correction; 1 by default, 2 in the paper's unconditional CIFAR-10 run. */
  readonly weight?: number;
  /** Samples in the batch; 1 by default. */
  readonly batch?: number;
}

/** A denoiser corrected by a discriminator at every evaluation, for any sampler: D + weight·σ²∇ₓ ln(d/(1 − d)). */
export function discriminatorGuided(
  denoise: Denoise,
  discriminator: Discriminator,
  { weight = 1, batch = 1, ...range }: DiscriminatorGuidedOptions = {},
): Denoise {
  return async (x, sigma) => {
    const denoised = await denoise(x, sigma);
    const { correction } = await discriminatorCorrection(discriminator, x, new Array(batch).fill(sigma), range);
    return combine(new Float64Array(x.length), [1, denoised], [-weight, correction]);
  };
}

export const discriminatorHeunOptions = {
  ...churnOptions,
  weightFirstOrder: { type: "number", default: 2, min: 0, about: "weight of the correction at a step's start" },
  weightSecondOrder: { type: "number", default: 0, min: 0, about: "weight of the correction at a step's end" },
  boosting: {
    type: "choice",
    default: "off",
    choices: ["off", "on"],
    about: "more noise and weight for doubtful samples",
  },
  boostPeriod: { type: "integer", default: 5, min: 1, about: "doubtful samples get noise at every so many-th step" },
  boostChurn: { type: "number", default: 4, min: 0, about: "sChurn of doubtful samples" },
  boostNoise: { type: "number", default: 1, min: 0, about: "sNoise of doubtful samples" },
  boostWeightPeriod: {
    type: "integer",
    default: 2,
    min: 1,
    about: "doubtful samples' weight doubles every so many-th step",
  },
} as const satisfies OptionTable;

export interface DiscriminatorHeunHanded extends Handed {
  readonly discriminator?: Discriminator;
  /** Samples in the batch; 1 by default. */
  readonly batch?: number;
  readonly range?: DiscriminatorRange;
}

export type DiscriminatorHeunOptions = Given<typeof discriminatorHeunOptions> & DiscriminatorHeunHanded;

/**
 * Heun's method with churn whose slopes a discriminator corrects (Kim et al. 2023, algorithm 1). With boosting, a sample is
 * doubtful while its log-ratio is below 0; it is then churned more, so the samples of a batch may be at two noise levels:
 * at such steps every network is evaluated once for each level, on the whole batch.
 * @throws ConfigError without `discriminator`, or without `noise` where churn or boosting needs it.
 */
export async function* discriminatorHeun(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, discriminator, batch = 1, range = {}, ...given }: DiscriminatorHeunOptions = {},
): AsyncGenerator<Step> {
  checkStart("discriminatorHeun", x, sigmas);
  const options = resolve("discriminatorHeun", discriminatorHeunOptions, given);
  if (!discriminator)
    throw new ConfigError("discriminatorHeun: discriminator is missing (z and τ to logit and gradient).");
  const dims = x.length / batch;
  if (!Number.isInteger(dims))
    throw new ConfigError(`discriminatorHeun: batch ${batch} does not divide the ${x.length} numbers of x.`);
  const boosting = options.boosting === "on";
  if (options.sChurn > 0) needNoise("discriminatorHeun", noise, `sChurn ${options.sChurn}`);
  if (boosting) needNoise("discriminatorHeun", noise, "boosting");

  const steps = sigmas.length - 1;
  const part = (v: Float64Array, row: number) => v.subarray(row * dims, (row + 1) * dims);
  let logRatio: Float64Array = new Float64Array(batch).fill(Number.POSITIVE_INFINITY);
  for (let index = 0; index < steps; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];

    // Churn, sample by sample.
    const boosted = boosting && index % options.boostPeriod === 0;
    const inWindow = options.sMin <= sigma && sigma <= options.sMax;
    const levels = new Float64Array(batch);
    const draw = noise?.();
    const start = x.slice();
    for (let row = 0; row < batch; row++) {
      const doubtful = boosted && logRatio[row] < 0;
      const churn = (doubtful ? options.boostChurn : options.sChurn) / steps;
      const gamma = inWindow ? Math.min(churn, Math.SQRT2 - 1) : 0;
      levels[row] = sigma * (1 + gamma);
      const amplitude = Math.sqrt(levels[row] ** 2 - sigma ** 2) * (doubtful ? options.boostNoise : options.sNoise);
      if (draw && amplitude > 0) combine(part(start, row), [1, part(start, row)], [amplitude, part(draw, row)]);
    }

    const doubled = boosting && index % options.boostWeightPeriod === 0;
    /** The weighted correction, its ratios kept for the next step; doubtful samples' counts twice where it shall. */
    const correct = async (at: Float64Array, where: ArrayLike<number>, weight: number) => {
      const found = await discriminatorCorrection(discriminator, at, where, range);
      logRatio = found.logRatio;
      for (let row = 0; row < batch; row++) {
        const correction = part(found.correction, row);
        combine(correction, [weight * (doubled && logRatio[row] < 0 ? 2 : 1), correction]);
      }
      return found.correction;
    };

    // Euler from each sample's own level.
    const denoised = await denoiseAt(denoise, start, levels);
    const first = await correct(start, levels, options.weightFirstOrder);
    const slope = new Float64Array(x.length);
    const euler = new Float64Array(x.length);
    for (let row = 0; row < batch; row++) {
      const [from, d] = [part(start, row), part(slope, row)];
      const rate = 1 / levels[row];
      combine(d, [rate, from], [-rate, part(denoised, row)], [rate, part(first, row)]);
      combine(part(euler, row), [1, from], [next - levels[row], d]);
    }
    x = euler;

    // Heun's correction.
    if (next > 0) {
      const second = await denoise(euler, next);
      const push =
        options.weightSecondOrder > 0
          ? await correct(euler, new Array<number>(batch).fill(next), options.weightSecondOrder)
          : new Float64Array(x.length);
      x = new Float64Array(x.length);
      for (let row = 0; row < batch; row++) {
        const half = (next - levels[row]) / 2;
        const rate = half / next;
        combine(
          part(x, row),
          [1, part(start, row)],
          [half, part(slope, row)],
          [rate, part(euler, row)],
          [-rate, part(second, row)],
          [rate, part(push, row)],
        );
      }
    }
    yield { index, sigma, x, denoised };
  }
}

/** D with a noise level for each sample: one evaluation of the batch for each level that occurs. */
async function denoiseAt(denoise: Denoise, x: Float64Array, levels: Float64Array): Promise<Float64Array> {
  const different = [...new Set(levels)];
  if (different.length === 1) return denoise(x, different[0]);
  const out = new Float64Array(x.length);
  const dims = x.length / levels.length;
  for (const level of different) {
    const denoised = await denoise(x, level);
    for (const [row, own] of levels.entries())
      if (own === level) out.set(denoised.subarray(row * dims, (row + 1) * dims), row * dims);
  }
  return out;
}
