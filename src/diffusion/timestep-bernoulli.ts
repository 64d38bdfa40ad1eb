/** Bernoulli timestep sampling: a coin with probability p chooses the significant, low-noise part of the time axis. */
import { count, fraction } from "./admissible.ts";
import { supported, type TimestepLaw } from "./timestep-law.ts";

/** The constants of the two-part law in continuous time. Neither has a default: p = threshold is the uniform law. */
export interface BernoulliOptions {
  /** The probability of the significant part. Above `threshold` low noise is visited more often, below it less. */
  readonly p: number;
  /** Where the significant part [0, threshold) ends: t_δ/T. `significantInterval` measures it. */
  readonly threshold: number;
}

/** The constants of the two-part law over timesteps. */
export interface BernoulliStepsOptions {
  readonly p: number;
  /** T, the number of timesteps. */
  readonly steps: number;
  /** t_δ, the number of significant timesteps: the first ones. */
  readonly significantSteps: number;
  /** Gives the last significant step to both parts, as the paper's Algorithm 1 prints it; default false. */
  readonly overlapping?: boolean;
}

/** The two densities of a two-part law. */
export interface BernoulliDensities {
  /** p/threshold; for steps p/t_δ each. */
  readonly significant: number;
  /** (1 − p)/(1 − threshold); for steps (1 − p)/(T − t_δ) each. */
  readonly rest: number;
  /** significant/rest. */
  readonly ratio: number;
  /** Whether |p − threshold| < 1e-3. */
  readonly equivalentToUniform: boolean;
}

/** The two densities, their ratio, and whether the law is the uniform one in disguise. Throws ConfigError. */
export function bernoulliDensities(options: BernoulliOptions | BernoulliStepsOptions): BernoulliDensities {
  const [p, inFirst, inRest] =
    "steps" in options ? parts(options) : [options.p, options.threshold, 1 - options.threshold];
  fraction("bernoulli: p", p);
  if (!("steps" in options)) fraction("bernoulli: threshold", options.threshold);
  const [significant, rest] = [p / inFirst, (1 - p) / inRest];
  const equivalentToUniform = Math.abs(p - inFirst / (inFirst + inRest)) < 1e-3;
  return { significant, rest, ratio: significant / rest, equivalentToUniform };
}

/** Bernoulli sampling of t in [0, 1]: inverse of the piecewise linear CDF. */
export function bernoulli(options: BernoulliOptions): TimestepLaw {
  const { p, threshold } = options;
  const { significant, rest } = bernoulliDensities(options);
  return supported(0, 1, {
    of: "time",
    draw: (u) => (u < p ? (u / p) * threshold : threshold + ((u - p) / (1 - p)) * (1 - threshold)),
    density: (t) => (t < threshold ? significant : rest),
    uniform: (t) => (t < threshold ? (t / threshold) * p : p + ((t - threshold) / (1 - threshold)) * (1 - p)),
    ...warningOf(options, threshold),
  });
}

/** Bernoulli sampling of the timesteps 0 … T − 1; one uniform number serves as the coin and as the place in its part. */
export function bernoulliSteps(options: BernoulliStepsOptions): TimestepLaw {
  const { p, steps, significantSteps, overlapping = false } = options;
  const { significant } = bernoulliDensities(options);
  const restFrom = overlapping ? significantSteps - 1 : significantSteps;
  const rest = (1 - p) / (steps - restFrom);
  return {
    of: "step",
    draw: (u) => bernoulliStep(u, u < p ? u / p : (u - p) / (1 - p), options),
    density: (step) =>
      step < 0 || step >= steps || !Number.isInteger(step)
        ? 0
        : (step < significantSteps ? significant : 0) + (step >= restFrom ? rest : 0),
    uniform: (step) => (step < significantSteps ? step * significant : p + (step - restFrom) * rest),
    ...warningOf(options, significantSteps / steps),
  };
}

/** The timestep, counted from 0, for a coin `gate` and a `position` in the part it chooses, both in [0, 1). */
export function bernoulliStep(
  gate: number,
  position: number,
  { p, steps, significantSteps, overlapping = false }: BernoulliStepsOptions,
): number {
  if (gate < p) return Math.min(Math.floor(position * significantSteps), significantSteps - 1);
  const restFrom = overlapping ? significantSteps - 1 : significantSteps;
  return Math.min(restFrom + Math.floor(position * (steps - restFrom)), steps - 1);
}

function parts({ p, steps, significantSteps }: BernoulliStepsOptions): [p: number, first: number, rest: number] {
  count("bernoulli-steps: steps", steps, 2);
  count("bernoulli-steps: significantSteps", significantSteps, 1, steps - 1);
  return [p, significantSteps, steps - significantSteps];
}

function warningOf(
  options: BernoulliOptions | BernoulliStepsOptions,
  threshold: number,
): { readonly warning?: string } {
  const { equivalentToUniform, ratio } = bernoulliDensities(options);
  const given = `p = ${options.p} with a significant part of ${threshold} of the time axis`;
  if (equivalentToUniform) return { warning: `bernoulli: ${given} is the uniform law.` };
  if (ratio < 1)
    return {
      warning: `bernoulli: ${given} visits the significant part less often than the uniform law, by a factor of ${ratio.toPrecision(3)} relative to the rest; p above ${threshold} visits it more often.`,
    };
  return {};
}
