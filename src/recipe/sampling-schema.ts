/** The schema of how samples are drawn. */
import { z } from "zod";
import { type SamplerName, samplers } from "../sampling/index.ts";
import { count, fraction, member, nonNegative, optional, positive, real, whole } from "./fields.ts";
import { noiseScheduleSchema, pathSchema } from "./objective-schema.ts";
import { recipePathSamplers } from "./path-names.ts";

const sigmaRange = optional({ sigmaMin: positive, sigmaMax: positive });

/** Noise levels to sample at, without their number. */
export const gridSchema = z.discriminatedUnion("type", [
  member("karras", { ...sigmaRange, ...optional({ rho: positive }) }),
  member("exponential", sigmaRange),
  member("polyexponential", { ...sigmaRange, ...optional({ rho: positive }) }),
  member("vp", optional({ betaD: positive, betaMin: positive, epsilonS: positive })),
  member("iddpm", { ...sigmaRange, ...optional({ M: count, C1: positive, C2: positive }) }),
  member("schedule", { schedule: noiseScheduleSchema }),
  /** Equal steps in t^(1/power) of the objective's own schedule, between two of its levels. */
  member("time", { ...sigmaRange, ...optional({ power: positive }) }),
  /** The timesteps of the objective's own discrete process. */
  member("timesteps", { spacing: z.enum(["leading", "trailing", "linspace"]), ...optional({ offset: whole }) }),
  /** Timesteps by sections of it (Nichol & Dhariwal 2021): counts, or "ddimN" for a fixed stride; one section by default. */
  member("respaced", optional({ sections: z.union([z.string().min(1), z.array(count).min(1)]) })),
  /** The levels themselves, falling; as many as there are steps. ddim can have a factor on D in each step. */
  member("levels", { sigmas: z.array(positive).min(1), ...optional({ factors: z.array(positive).min(1) }) }),
]);

export const guidanceSchema = z.strictObject({
  /** w in D∅ + w (D − D∅): 1 is none. */
  scale: nonNegative,
  ...optional({
    /** Guidance acts where low < σ̃ ≤ high. */
    interval: z.tuple([nonNegative, positive]),
    /** How far the standard deviation of the guided answer is brought back to the conditional one's. */
    rescale: z.number().min(0).max(1),
  }),
});

export const samplingSchema = z.strictObject({
  sampler: z.enum([...(Object.keys(samplers) as SamplerName[]), ...recipePathSamplers]),
  steps: count,
  grid: gridSchema,
  ...optional({
    /** The path of predictor-corrector and euler-maruyama; the prediction's own if left out. They have no use for a grid. */
    path: pathSchema,
    /** The sampler's own options. */
    options: z.record(z.string(), z.union([z.number(), z.string()])),
    /** Classifier-free guidance: its weight, or its weight and where it acts. */
    guidance: z.union([nonNegative, guidanceSchema]),
    /** Clamps every estimate of the clean image to [−1, 1]. */
    clip: z.boolean(),
    /** The share of pixels below the threshold of dynamic thresholding. */
    threshold: fraction,
    /** What the predicted noise is divided by; or that as a line in the timestep. */
    epsilonScale: z.union([positive, z.strictObject({ slope: real, offset: real })]),
    /** What the starting noise is multiplied by. */
    temperature: positive,
  }),
});
