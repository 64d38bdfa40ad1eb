/**
 * The two forms of the variational bound −ln p(x) ≤ prior + reconstruction + diffusion, each as what it asks of a trained
 * network about one example. The terms do not depend on the scale of z, so every path and prediction is seen in the
 * variance-exploding frame, where the network is a denoiser.
 */
import { pixelConventions } from "../data/index.ts";
import {
  boundTerm,
  type DiscreteSchedule,
  discreteSchedule,
  isLearned,
  levelAt,
  noised,
  type ReverseVariance,
  reverseStep,
  vdmReconstruction,
} from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Recipe } from "./recipe.ts";
import { startStd } from "./sampling-plan.ts";
import { trainedLevels, usualLevels } from "./trained-levels.ts";

/**
 * "continuous": infinitely many steps between two noise levels (Kingma et al. 2021). "discrete": the steps of a discrete
 * process, with the variance of its steps back (Ho et al. 2020; Nichol & Dhariwal 2021).
 */
export type BoundFormName = "continuous" | "discrete";

/** What the network says of one example, each laid flat. */
export interface Answer {
  readonly clean: Float64Array;
  /** ε of x̃ = x + σ̃ ε. */
  readonly noise: Float64Array;
  readonly denoised: Float64Array;
  /** The variance output, of models that have one. */
  readonly variance?: Float64Array;
}

/** One question to the network: a noise level, and what the answer there adds to the example's bound in nats. */
export interface Visit {
  readonly sigma: number;
  readonly nats: (answer: Answer) => number;
}

export interface BoundForm {
  readonly name: BoundFormName;
  readonly sigmaMin: number;
  readonly sigmaMax: number;
  /** Of the steps back; for the discrete form. */
  readonly variance?: ReverseVariance;
  /** How many visits see all noise levels there are; ∞ in continuous time. */
  readonly most: number;
  /** KL(q(z_T | x) ‖ p(z_T)) in nats, p being what sampling starts from. */
  prior(clean: Float64Array): number;
  readonly reconstruction: Visit;
  /** A visit whose mean over u uniform in [0, 1) is the diffusion term. */
  diffusion(u: number): Visit;
}

export interface BoundFormOptions {
  /** By default that of the recipe's schedule. */
  readonly form?: BoundFormName;
  /** Of the steps back, for the discrete form: what the network has learned or, where it has not, "fixed-small". */
  readonly variance?: ReverseVariance;
  /** The ends of the continuous form, within what the model was trained at; those that it samples at by default. */
  readonly sigmaMin?: number;
  readonly sigmaMax?: number;
}

/** The bound of a recipe for 8-bit data (byte/127.5 − 1) or, without `bytes`, for data of any numbers. Throws ConfigError. */
export function boundForm(recipe: Recipe, bytes: boolean, options: BoundFormOptions = {}): BoundForm {
  const { schedule } = recipe.objective;
  const { form = schedule?.kind === "discrete" ? "discrete" : "continuous" } = options;
  if (form === "continuous") return continuous(recipe, bytes, options);
  if (schedule?.kind !== "discrete")
    throw new ConfigError(
      "bound: the discrete form needs the timesteps of a discrete schedule, which this model was trained without. Take the continuous form.",
    );
  return discrete(recipe, discreteSchedule(schedule.table), bytes, options);
}

function continuous(recipe: Recipe, bytes: boolean, options: BoundFormOptions): BoundForm {
  if (options.variance !== undefined)
    throw new ConfigError(
      `bound: variance ${options.variance} belongs to the steps of the discrete form (in continuous time there is nothing to choose). Leave it out.`,
    );
  const { sigmaMin, sigmaMax } = { ...usualLevels(recipe), ...options };
  const { min, max } = trainedLevels(recipe);
  if (!(sigmaMin < sigmaMax && sigmaMin >= min / 1.000001 && sigmaMax <= max * 1.000001))
    throw new ConfigError(
      `bound: noise levels from ${short(sigmaMin)} to ${short(sigmaMax)} (rising, within ${short(min)} to ${short(max)}, which the model was trained at).`,
    );
  const width = 2 * Math.log(sigmaMax / sigmaMin); // in λ
  return {
    name: "continuous",
    sigmaMin,
    sigmaMax,
    most: Number.POSITIVE_INFINITY,
    prior: priorOf(recipe, sigmaMax),
    reconstruction: {
      sigma: sigmaMin,
      nats: ({ clean, noise, denoised }) =>
        bytes
          ? vdmReconstruction(clean.map(pixelConventions.edm.toByte), noise, -2 * Math.log(sigmaMin), {
              convention: "edm",
            })
          : surprise(clean, denoised, () => 2 * Math.log(sigmaMin)),
    },
    // ½ ∫ ‖ε − ε̂‖² dλ with λ uniform, ε − ε̂ = (D − x)/σ̃.
    diffusion: (u) => {
      const sigma = sigmaMin * (sigmaMax / sigmaMin) ** u;
      return { sigma, nats: ({ clean, denoised }) => (width / (2 * sigma ** 2)) * squaredDistance(clean, denoised) };
    },
  };
}

function discrete(
  recipe: Recipe,
  schedule: DiscreteSchedule,
  bytes: boolean,
  { variance: asked, sigmaMin, sigmaMax }: BoundFormOptions,
): BoundForm {
  if (sigmaMin !== undefined || sigmaMax !== undefined)
    throw new ConfigError("bound: the discrete form runs through all timesteps. Leave sigmaMin and sigmaMax out.");
  const learned = recipe.objective.variance?.type;
  const variance = asked ?? learned ?? "fixed-small";
  if (isLearned(variance) && variance !== learned)
    throw new ConfigError(
      `bound: variance ${variance}: the model has learned ${learned ?? "none"}. Take fixed-small or fixed-large.`,
    );
  const last = schedule.steps - 1;
  /** The step back from timestep t, and the sample it is from. */
  const stepBack = (t: number, { clean, noise, denoised, ...output }: Answer) => {
    const z = noised(levelAt(schedule, t), clean, noise);
    const x = bytes ? denoised.map((value) => Math.min(Math.max(value, -1), 1)) : denoised;
    return { t, clean, z, ...reverseStep(schedule, variance, t, z, { ...output, x }) };
  };
  const term = (t: number, answer: Answer) => boundTerm(schedule, stepBack(t, answer)) * answer.clean.length * Math.LN2;
  return {
    name: "discrete",
    sigmaMin: schedule.sigmas[0],
    sigmaMax: schedule.sigmas[last],
    variance,
    most: last,
    prior: priorOf(recipe, schedule.sigmas[last]),
    reconstruction: {
      sigma: schedule.sigmas[0],
      nats: (answer) => {
        if (bytes) return term(0, answer);
        const { clean, mean, logVariance } = stepBack(0, answer);
        return surprise(clean, mean, (i) => logVariance[i]);
      },
    },
    diffusion: (u) => {
      const t = 1 + Math.min(Math.floor(u * last), last - 1);
      return { sigma: schedule.sigmas[t], nats: (answer) => last * term(t, answer) };
    },
  };
}

/** KL(N(x, σ̃²) ‖ N(0, s²)), s being the standard deviation that sampling starts with. */
function priorOf(recipe: Recipe, sigma: number): BoundForm["prior"] {
  if (sigma === Number.POSITIVE_INFINITY) return () => 0;
  const s = startStd(recipe, sigma);
  const each = ((sigma / s) ** 2 - 1) / 2 + Math.log(s / sigma);
  return (clean) => clean.reduce((sum, x) => sum + each + (x / s) ** 2 / 2, 0);
}

/** −ln N(clean; mean, e^logVariance). */
function surprise(clean: Float64Array, mean: Float64Array, logVariance: (i: number) => number): number {
  return clean.reduce((sum, x, i) => {
    const log = logVariance(i);
    return sum + ((x - mean[i]) ** 2 * Math.exp(-log) + log + Math.log(2 * Math.PI)) / 2;
  }, 0);
}

const squaredDistance = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0);
const short = (value: number) => Number(value.toPrecision(4));
