/**
 * The variational bound of a discrete process in bits per dimension (Ho et al. 2020, eq. 5; Nichol & Dhariwal 2021):
 * L_T, how far the last timestep is from pure noise; one Gaussian divergence for each step back; and at timestep 0 the
 * likelihood of 8-bit data. Timesteps count from 0.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type DiscretizedCdf, discretizedLogLikelihood, normalKl } from "./bound-gaussian.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";
import { meanSquaredError, noised } from "./loss.ts";
import { convert, type Level } from "./prediction.ts";
import { sigmoid } from "./special.ts";

/**
 * Σ of a step back: `"fixed-small"` β̃, `"fixed-large"` β, `"learned-range"` between the two in the logarithm, by an output
 * v in [−1, 1] of the network, `"learned"` the output itself being ln Σ. At timestep 0, where β̃ is 0, β̃ of timestep 1
 * stands for it, and for β under `"fixed-large"`.
 */
export type ReverseVariance = "fixed-small" | "fixed-large" | "learned-range" | "learned";

const logVariances: {
  readonly [V in ReverseVariance]: (schedule: DiscreteSchedule, t: number, output: number) => number;
} = {
  "fixed-small": ({ posteriorLogVarianceClipped }, t) => posteriorLogVarianceClipped[t],
  "fixed-large": ({ betas, posteriorLogVarianceClipped }, t) =>
    t === 0 ? posteriorLogVarianceClipped[0] : Math.log(betas[t]),
  "learned-range": ({ betas, posteriorLogVarianceClipped }, t, output) => {
    const fraction = (output + 1) / 2;
    return fraction * Math.log(betas[t]) + (1 - fraction) * posteriorLogVarianceClipped[t];
  },
  learned: (_, __, output) => output,
};

/** The names of the reverse variances. */
export const reverseVarianceNames = Object.keys(logVariances) as readonly ReverseVariance[];

/** Whether a network has a second half of outputs for Σ. */
export function isLearned(variance: ReverseVariance): boolean {
  return variance === "learned" || variance === "learned-range";
}

/** ln Σ at timestep `t`; `output` is the network's, where there is one. */
export function reverseLogVariance(
  variance: ReverseVariance,
  schedule: DiscreteSchedule,
  t: number,
  output = 0,
): number {
  if (!Object.hasOwn(logVariances, variance)) throw unknownName("reverse variance", variance, reverseVarianceNames);
  return logVariances[variance](schedule, t, output);
}

/** What a network says of a step back from z at timestep t: laid flat like z. */
export interface ReverseOutput {
  /** The predicted clean data. */
  readonly x: Float64Array;
  /** The output that learned variances are made from. */
  readonly variance?: Float64Array;
}

/** The law of one step back, elementwise. */
export interface ReverseStep {
  readonly mean: Float64Array;
  readonly logVariance: Float64Array;
}

/** The mean of q(z_{t−1} | z_t, x). */
export function posteriorMean(schedule: DiscreteSchedule, t: number, x: Float64Array, z: Float64Array): Float64Array {
  const [onX, onZ] = [schedule.posteriorMeanCoefX0[t], schedule.posteriorMeanCoefXt[t]];
  return x.map((v, i) => onX * v + onZ * z[i]);
}

/** p(z_{t−1} | z_t): the posterior with the predicted x in place of the true one, and the chosen variance. */
export function reverseStep(
  schedule: DiscreteSchedule,
  variance: ReverseVariance,
  t: number,
  z: Float64Array,
  output: ReverseOutput,
): ReverseStep {
  if (isLearned(variance) && output.variance === undefined)
    throw new ConfigError(`reverse variance ${variance}: the network gave no output for it.`);
  return {
    mean: posteriorMean(schedule, t, output.x, z),
    logVariance: z.map((_, i) => reverseLogVariance(variance, schedule, t, output.variance?.[i])),
  };
}

/** α and σ of timestep t. */
export function levelAt({ logSnr }: DiscreteSchedule, t: number): Level {
  return { alpha: Math.sqrt(sigmoid(logSnr[t])), sigma: Math.sqrt(sigmoid(-logSnr[t])) };
}

/** One sample's step back, and the truth it is compared with. */
export interface BoundSample extends ReverseStep {
  readonly t: number;
  readonly clean: Float64Array;
  readonly z: Float64Array;
}

/** The term of timestep t in bits per dimension, of one sample: KL(q(z_{t−1} | z_t, x) ‖ p) or, at 0, −ln p(x | z_0). */
export function boundTerm(
  schedule: DiscreteSchedule,
  { t, clean, z, mean, logVariance }: BoundSample,
  { cdf = "tanh" }: { readonly cdf?: DiscretizedCdf } = {},
): number {
  const trueMean = posteriorMean(schedule, t, clean, z);
  const trueLogVariance = schedule.posteriorLogVarianceClipped[t];
  let nats = 0;
  for (let i = 0; i < clean.length; i++)
    nats +=
      t > 0
        ? normalKl(trueMean[i], trueLogVariance, mean[i], logVariance[i])
        : -discretizedLogLikelihood(clean[i], mean[i], 0.5 * logVariance[i], { cdf });
  return nats / (clean.length * Math.LN2);
}

/** L_T in bits per dimension: KL(q(z_T | x) ‖ N(0, 1)). */
export function priorTerm(schedule: DiscreteSchedule, clean: Float64Array): number {
  const last = schedule.steps - 1;
  const { alpha } = levelAt(schedule, last);
  const logVariance = Math.log(sigmoid(-schedule.logSnr[last]));
  const nats = clean.reduce((sum, x) => sum + normalKl(alpha * x, logVariance, 0, 0), 0);
  return nats / (clean.length * Math.LN2);
}

/** The terms of one timestep, each with one number for each sample. */
export interface BoundStep {
  readonly t: number;
  readonly bitsPerDim: Float64Array;
  /** Mean squared error of the predicted x, and of the ε that belongs to it. */
  readonly xError: Float64Array;
  readonly epsError: Float64Array;
}

export interface BoundOptions {
  readonly schedule: DiscreteSpec | DiscreteSchedule;
  readonly variance: ReverseVariance;
  /** Draws unit Gaussian noise for the whole batch. */
  readonly noise: () => Float64Array;
  /** The number of samples in the batch; default 1. */
  readonly batch?: number;
  /** Clips the predicted x to [−1, 1]; default true. */
  readonly clip?: boolean;
  readonly cdf?: DiscretizedCdf;
}

/**
 * The bound of a batch, one timestep after another from T − 1 to 0: the sum over all of them plus `priorTerm` is an upper
 * bound of −log2 p(x) per dimension. One evaluation of the network for each timestep. `clean` holds 8-bit data as
 * byte/127.5 − 1, laid flat [batch × dims].
 */
export async function* discreteBound(
  model: (z: Float64Array, t: number) => Promise<ReverseOutput> | ReverseOutput,
  clean: Float64Array,
  { schedule: spec, variance, noise, batch = 1, clip = true, cdf = "tanh" }: BoundOptions,
): AsyncGenerator<BoundStep> {
  const schedule = discreteSchedule(spec);
  const dims = clean.length / batch;
  for (let t = schedule.steps - 1; t >= 0; t--) {
    const level = levelAt(schedule, t);
    const eps = noise();
    const z = noised(level, clean, eps);
    const output = await model(z, t);
    const x = clip ? output.x.map((v) => Math.min(Math.max(v, -1), 1)) : output.x;
    const { mean, logVariance } = reverseStep(schedule, variance, t, z, { ...output, x });
    const epsOfX = convert("x", "eps", level, z, x);
    const each = (value: (row: (values: Float64Array) => Float64Array) => number) =>
      Float64Array.from({ length: batch }, (_, i) => value((values) => values.subarray(i * dims, (i + 1) * dims)));
    yield {
      t,
      bitsPerDim: each((row) => {
        const sample = { t, clean: row(clean), z: row(z), mean: row(mean), logVariance: row(logVariance) };
        return boundTerm(schedule, sample, { cdf });
      }),
      xError: each((row) => meanSquaredError(row(x), row(clean))),
      epsError: each((row) => meanSquaredError(row(epsOfX), row(eps))),
    };
  }
}
