/**
 * The losses of discrete processes with fixed or learned variances (Nichol & Dhariwal 2021, section 3.1) in float64, with
 * their gradients by hand.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import {
  boundTerm,
  isLearned,
  levelAt,
  posteriorMean,
  type ReverseVariance,
  reverseLogVariance,
  reverseStep,
} from "./bound-discrete.ts";
import { discretizedGradient } from "./bound-gaussian.ts";
import type { DiscreteSchedule } from "./discrete.ts";
import { meanSquaredError, noised, targetValues } from "./loss.ts";
import { conversion, convert, type Prediction } from "./prediction.ts";

/**
 * `"mse"` the error of the prediction plus, for a learned variance, the bound's term in bits per dimension, whose gradient
 * does not reach the prediction; `"rescaled-mse"` the same with that term times T/1000; `"kl"` the term alone;
 * `"rescaled-kl"` T times the term, which estimates the whole bound.
 */
export type DiscreteLoss = "mse" | "rescaled-mse" | "kl" | "rescaled-kl";

/** What the bound's term is multiplied by, and whether the squared error is there too. */
const losses: { readonly [L in DiscreteLoss]: { readonly mse: boolean; readonly scale: (steps: number) => number } } = {
  mse: { mse: true, scale: () => 1 },
  "rescaled-mse": { mse: true, scale: (steps) => steps / 1000 },
  kl: { mse: false, scale: () => 1 },
  "rescaled-kl": { mse: false, scale: (steps) => steps },
};

export interface DiscreteLossOptions {
  readonly schedule: DiscreteSchedule;
  readonly loss: DiscreteLoss;
  readonly variance: ReverseVariance;
  readonly prediction: Prediction;
}

/** One sample of a discrete loss. `output` holds the prediction and then, if learned, as many outputs for the variance. */
export interface DiscreteSample {
  readonly t: number;
  readonly clean: Float64Array;
  readonly noise: Float64Array;
  readonly output: Float64Array;
}

export interface DiscreteLossValue {
  readonly z: Float64Array;
  /** The mean and ln Σ of the step back. */
  readonly mean: Float64Array;
  readonly logVariance: Float64Array;
  readonly bitsPerDim: number;
  readonly mse: number;
  /** What the bound contributes to `loss`. */
  readonly boundPart: number;
  readonly loss: number;
  /** The derivative of `loss` by each output. */
  readonly gradient: Float64Array;
}

/** The loss of one sample, its parts and its gradient. The bound is taken with the unclipped prediction. */
export function discreteLoss(
  { schedule, loss, variance, prediction }: DiscreteLossOptions,
  { t, clean, noise, output }: DiscreteSample,
): DiscreteLossValue {
  if (!Object.hasOwn(losses, loss)) throw unknownName("discrete loss", loss, Object.keys(losses));
  const dims = clean.length;
  const expected = isLearned(variance) ? 2 * dims : dims;
  if (output.length !== expected)
    throw new ConfigError(
      `discrete loss: wrong number of outputs: ${output.length} (expected ${expected} for ${dims} dimensions and variance ${variance}).`,
    );
  const [predicted, varianceOutput] = [output.subarray(0, dims), output.subarray(dims)];
  const level = levelAt(schedule, t);
  const z = noised(level, clean, noise);
  const x = convert(prediction, "x", level, z, predicted);
  const { mean, logVariance } = reverseStep(schedule, variance, t, z, { x, variance: varianceOutput });
  const bitsPerDim = boundTerm(schedule, { t, clean, z, mean, logVariance });
  const target = targetValues(prediction, level, clean, noise);
  const mse = meanSquaredError(target, predicted);

  const withMse = losses[loss].mse;
  const scale = withMse && !isLearned(variance) ? 0 : losses[loss].scale(schedule.steps);
  const boundPart = scale * bitsPerDim;

  const gradient = new Float64Array(output.length);
  const trueMean = posteriorMean(schedule, t, clean, z);
  const onMean = schedule.posteriorMeanCoefX0[t] * conversion(prediction, "x", level).from; // ∂mean/∂output
  const onLogVariance = reverseLogVariance(variance, schedule, t, 1) - reverseLogVariance(variance, schedule, t, 0); // ∂ln Σ/∂output
  const bits = scale / (dims * Math.LN2);
  for (let i = 0; i < dims; i++) {
    const by = termGradient(t, clean[i], trueMean[i], schedule.posteriorLogVarianceClipped[t], mean[i], logVariance[i]);
    gradient[i] = withMse ? (2 * (predicted[i] - target[i])) / dims : bits * by.mean * onMean;
    if (isLearned(variance)) gradient[dims + i] = bits * by.logVariance * onLogVariance;
  }
  return { z, mean, logVariance, bitsPerDim, mse, boundPart, loss: (withMse ? mse : 0) + boundPart, gradient };
}

/** The derivatives of one dimension's term, in nats, by the mean and ln Σ of the step back. */
function termGradient(
  t: number,
  clean: number,
  trueMean: number,
  trueLogVariance: number,
  mean: number,
  logVariance: number,
): { readonly mean: number; readonly logVariance: number } {
  if (t === 0) {
    const likelihood = discretizedGradient(clean, mean, 0.5 * logVariance);
    return { mean: -likelihood.mean, logVariance: -0.5 * likelihood.logScale };
  }
  const precision = Math.exp(-logVariance);
  return {
    mean: (mean - trueMean) * precision,
    logVariance: 0.5 * (1 - Math.exp(trueLogVariance - logVariance) - (mean - trueMean) ** 2 * precision),
  };
}
