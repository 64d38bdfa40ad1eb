/**
 * The family of timestep samplers by name. Each gives draws from uniform numbers together with their exact density; none
 * corrects the loss for that density. Where looking more often is meant to change the objective (Bernoulli sampling),
 * dividing by the density would undo it; where it is not (loss-second-moment, adaptive), the loss must be divided.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type AdaptiveOptions, adaptive } from "./timestep-adaptive.ts";
import { type BernoulliOptions, type BernoulliStepsOptions, bernoulli, bernoulliSteps } from "./timestep-bernoulli.ts";
import { type DiscriminatorTimeOptions, discriminatorTime } from "./timestep-discriminator.ts";
import { fixed, overQuantiles, type TimestepLaw, type TimestepSampler } from "./timestep-law.ts";
import { lossSecondMoment, type SecondMomentOptions } from "./timestep-second-moment.ts";
import {
  type CosineInterpolatedOptions,
  cosineInterpolated,
  type LogLogisticOptions,
  type LogNormalOptions,
  logLogistic,
  logNormal,
  logUniform,
  type SigmaRange,
  type SplitLogNormalOptions,
  splitLogNormal,
  type VDiffusionOptions,
  type VpUniformOptions,
  vDiffusion,
  vpUniform,
} from "./timestep-sigma.ts";
import { betaTime, logitNormal, uniformSteps, uniformTime } from "./timestep-time.ts";

/** The constants of every timestep sampler. */
export interface TimestepOptions {
  uniform: { readonly min?: number; readonly max?: number };
  "uniform-steps": { readonly steps: number };
  /** With `over`, the two parts are quantiles of that law, low noise first, instead of times. */
  bernoulli: BernoulliOptions & { readonly over?: TimestepSpec };
  "bernoulli-steps": BernoulliStepsOptions;
  "logit-normal": { readonly mean?: number; readonly std?: number };
  beta: { readonly a: number; readonly b: number };
  discriminator: DiscriminatorTimeOptions;
  "log-normal": LogNormalOptions;
  "log-uniform": SigmaRange;
  "log-logistic": LogLogisticOptions;
  "v-diffusion": VDiffusionOptions;
  "cosine-interpolated": CosineInterpolatedOptions;
  "split-log-normal": SplitLogNormalOptions;
  "vp-uniform": VpUniformOptions;
  "loss-second-moment": SecondMomentOptions;
  adaptive: AdaptiveOptions;
}

/** A timestep sampler by name and constants. */
export type TimestepSpec = {
  [T in keyof TimestepOptions]: { readonly type: T } & TimestepOptions[T];
}[keyof TimestepOptions];

type Spec<T> = Extract<TimestepSpec, { type: T }>;

const samplers: { readonly [T in TimestepSpec["type"]]: (spec: Spec<T>) => TimestepSampler } = {
  uniform: (spec) => fixed(uniformTime(spec)),
  "uniform-steps": (spec) => fixed(uniformSteps(spec)),
  bernoulli: ({ over, ...spec }) => (over === undefined ? fixed(bernoulli(spec)) : bernoulliOver(spec, over)),
  "bernoulli-steps": (spec) => fixed(bernoulliSteps(spec)),
  "logit-normal": (spec) => fixed(logitNormal(spec)),
  beta: (spec) => fixed(betaTime(spec)),
  discriminator: (spec) => fixed(discriminatorTime(spec).law),
  "log-normal": (spec) => fixed(logNormal(spec)),
  "log-uniform": (spec) => fixed(logUniform(spec)),
  "log-logistic": (spec) => fixed(logLogistic(spec)),
  "v-diffusion": (spec) => fixed(vDiffusion(spec)),
  "cosine-interpolated": (spec) => fixed(cosineInterpolated(spec)),
  "split-log-normal": (spec) => fixed(splitLogNormal(spec)),
  "vp-uniform": (spec) => fixed(vpUniform(spec)),
  "loss-second-moment": lossSecondMoment,
  adaptive,
};

/** The names of all timestep samplers. */
export const timestepNames = Object.keys(samplers) as readonly TimestepSpec["type"][];

/** The sampler that a spec names; a sampler stands for itself. Throws ConfigError. */
export function timestepSampler(spec: TimestepSpec | TimestepSampler): TimestepSampler {
  if (!("type" in spec)) return spec;
  if (!Object.hasOwn(samplers, spec.type)) throw unknownName("timestep sampler", spec.type, timestepNames);
  return build(spec.type, spec);
}

function build<T extends TimestepSpec["type"]>(type: T, spec: Spec<T>): TimestepSampler {
  return samplers[type](spec);
}

function bernoulliOver(options: BernoulliOptions, over: TimestepSpec): TimestepSampler {
  const outer = bernoulli(options);
  const inner = timestepSampler(over);
  if (inner.of === "step")
    throw new ConfigError(
      `timestep bernoulli: over: a law of timesteps has no quantiles: "${over.type}". Use "bernoulli-steps".`,
    );
  return {
    ...inner,
    ...(outer.warning === undefined ? {} : { warning: outer.warning }),
    law: (state) => overQuantiles(outer, inner.law(state)),
  };
}

/**
 * What the loss of a draw is multiplied by so that its expectation is the uniform one's: 1/(T p) for a timestep, 1/p for a
 * time in [0, 1]. Draws of σ̃ and λ have no uniform law to compare with; `unbiasedMultiplier` is their correction.
 */
export function importanceWeight(law: TimestepLaw, value: number, steps = 1): number {
  if (law.of !== "step" && law.of !== "time")
    throw new ConfigError(
      `importanceWeight: not for a law of ${law.of} (expected time or step). Use unbiasedMultiplier.`,
    );
  return 1 / (steps * law.density(value));
}
