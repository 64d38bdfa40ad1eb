/**
 * What trains a network's variance output (Nichol & Dhariwal 2021, section 3.1): beside the squared error, the term of the
 * variational bound that belongs to the sample's timestep, through which no gradient reaches the mean.
 */

import { unknownName } from "../errors/index.ts";
import { positive } from "./admissible.ts";
import { isLearned, type ReverseVariance, reverseLogVariance, reverseVarianceNames } from "./bound-discrete.ts";
import { type DiscreteSchedule, type DiscreteSpec, discreteSchedule } from "./discrete.ts";

/** A learned variance of the reverse steps: the network has a second output of the size of the first. */
export interface VarianceSpec {
  readonly type: Extract<ReverseVariance, "learned-range" | "learned">;
  /** The weight of the whole bound, in bits per dimension, beside the squared error; default 0.001, the published one. */
  readonly lambda?: number;
}

/** One sample's numbers for the term, with the error F − F* of the network's prediction and its variance output v. */
export interface VarianceCoefficients {
  /** The mean of the step back is off by meanScale·(F − F*). */
  readonly meanScale: number;
  /** ln of the variance of the true step back. */
  readonly trueLogVariance: number;
  /** ln Σ = base + slope·v. */
  readonly base: number;
  readonly slope: number;
  /** Multiplies the term in bits per dimension. */
  readonly boundWeight: number;
  /** 1 at timestep 0, whose term is a likelihood of 8-bit data, otherwise 0. */
  readonly first: number;
}

/** The numbers of a sample at timestep `step`, where the preconditioning has `cOut` and the law needs `correction`. */
export type VarianceTerm = (step: number, cOut: number, correction: number) => VarianceCoefficients;

/** The term for a process. Throws ConfigError. */
export function varianceTerm(
  { type, lambda = 1e-3 }: VarianceSpec,
  table: DiscreteSpec | DiscreteSchedule,
): VarianceTerm {
  if (!reverseVarianceNames.includes(type) || !isLearned(type))
    throw unknownName("objective: variance", type, reverseVarianceNames.filter(isLearned));
  positive("objective: variance.lambda", lambda);
  const schedule = discreteSchedule(table);
  return (step, cOut, correction) => {
    const at = (output: number) => reverseLogVariance(type, schedule, step, output);
    return {
      meanScale: schedule.posteriorMeanCoefX0[step] * cOut,
      trueLogVariance: schedule.posteriorLogVarianceClipped[step],
      base: at(0),
      slope: at(1) - at(0),
      boundWeight: lambda * schedule.steps * correction,
      first: step === 0 ? 1 : 0,
    };
  };
}
