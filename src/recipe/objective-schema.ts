/** The schema of an objective: every member of every factor, with its constants. */
import { z } from "zod";
import type {
  DiscreteSpec,
  MultiplierSpec,
  NoiseScheduleSpec,
  ObjectiveSpec,
  PreconditioningSpec,
  TimestepSpec,
  WeightingSpec,
} from "../diffusion/index.ts";
import { count, fraction, member, nonNegative, optional, positive, real, share } from "./fields.ts";

const betaRange = optional({ betaMin: positive, betaMax: positive });
const sigmaRange = optional({ sigmaMin: positive, sigmaMax: positive });
const discreteCommon = optional({ steps: count, zeroTerminalSnr: z.boolean() });
const betaEnds = optional({ betaStart: positive, betaEnd: positive });

export const discreteSchema = z.discriminatedUnion("type", [
  member("linear", { ...discreteCommon, ...betaEnds }),
  member("linear-scaled", { ...discreteCommon, ...betaEnds }),
  member("scaled-linear", { ...discreteCommon, ...betaEnds }),
  member("cosine", { ...discreteCommon, ...optional({ s: nonNegative, maxBeta: fraction }) }),
  member("sigmoid", { ...discreteCommon, ...optional({ start: real, end: real, tau: positive, maxBeta: fraction }) }),
  member("betas", { betas: z.array(positive), ...optional({ zeroTerminalSnr: z.boolean() }) }),
  member("levels", { sigmas: z.array(positive).min(1), ...optional({ zeroTerminalSnr: z.boolean() }) }),
]) satisfies z.ZodType<DiscreteSpec>;

const adjustments = optional({ shift: real, truncate: z.strictObject({ min: real, max: real }) });

export const noiseScheduleSchema = z.discriminatedUnion("type", [
  member("cosine", adjustments),
  member("edm-training", { ...adjustments, ...optional({ pMean: real, pStd: positive }) }),
  member("edm-sampling", { ...adjustments, ...sigmaRange, ...optional({ rho: positive }) }),
  member("flow", adjustments),
  member("linear", { ...adjustments, ...betaRange }),
  member("vdm-linear", { ...adjustments, ...optional({ c0: positive, c1: positive }) }),
  member("vdm", { ...adjustments, ...optional({ gammaMin: real, gammaMax: real }) }),
  member("ve", { ...adjustments, ...sigmaRange }),
  member("sub-vp", { ...adjustments, ...betaRange }),
  member("ou", { ...adjustments, ...optional({ horizon: positive }) }),
  member("laplace", { ...adjustments, ...optional({ mean: real, scale: positive }) }),
  member("discrete", { ...adjustments, table: discreteSchema }),
]) satisfies z.ZodType<NoiseScheduleSpec>;

const labelSchema = z.discriminatedUnion("type", [
  member("log-sigma", optional({ scale: real })),
  member("log-snr", optional({ scale: real })),
  member("sigma", optional({ scale: real })),
  member("time", optional({ schedule: noiseScheduleSchema, scale: real })),
  member("index", optional({ schedule: discreteSchema, round: z.boolean(), scale: real })),
]);

/** A measured number, or what to do to get it. */
export const pathSchema = z.enum(["vp", "ve", "flow", "sub-vp", "ou"]);
const plain = optional({ path: pathSchema, label: labelSchema, sigmaData: positive });

const baseMembers = [
  member("edm", optional({ sigmaData: positive })),
  member("vp", optional({ betaD: positive, betaMin: positive, M: count })),
  member("ve", {}),
  member("iddpm", optional({ nearestIsZero: z.boolean(), M: count, C1: positive, C2: positive })),
  member("x", plain),
  member("eps", plain),
  member("v", plain),
  member("o", plain),
  member("score", plain),
  member("energy", plain),
  member("F", plain),
] as const;

export const preconditioningSchema = z.discriminatedUnion("type", [
  ...baseMembers,
  member(
    "consistency",
    optional({
      sigmaData: positive,
      sigmaMin: positive,
      label: labelSchema,
      base: z.discriminatedUnion("type", baseMembers),
    }),
  ),
]) satisfies z.ZodType<PreconditioningSpec>;

const gamma = optional({ gamma: positive });
const sigmaData = optional({ sigmaData: positive });

export const multiplierSchema = z.discriminatedUnion("type", [
  member("simple", {}),
  member("p2", { ...gamma, ...optional({ k: positive }) }),
  member("min-snr", gamma),
  member("max-snr", gamma),
  member("trunc-snr", {}),
  member("snr-plus-one", {}),
  member("debias", {}),
  member("inverse-snr", {}),
  member("uniform-x", {}),
  member("uniform-o", {}),
  member("edm", sigmaData),
  member("soft-min-snr", sigmaData),
]) satisfies z.ZodType<MultiplierSpec>;

const shifted = optional({ shift: real });
const edm = { ...shifted, ...optional({ pMean: real, pStd: positive, sigmaData: positive }) };

export const weightingSchema = z.discriminatedUnion("type", [
  member("elbo", shifted),
  member("iddpm-cosine", shifted),
  member("edm", edm),
  member("edm-monotonic", edm),
  member("v-cosine", shifted),
  member("flow-ot", shifted),
  member("indi", shifted),
  member("sigmoid", { ...shifted, ...optional({ k: real }) }),
  member("low-bit", { ...shifted, ...optional({ bits: positive, slope: positive, center: real }) }),
  member("p2", { ...shifted, ...gamma, ...optional({ k: positive }) }),
  member("min-snr", { ...shifted, ...gamma }),
  member("max-snr", { ...shifted, ...gamma }),
  member("trunc-snr", shifted),
  member("snr-plus-one", shifted),
  member("debias", shifted),
  member("inverse-snr", shifted),
  member("uniform-x", shifted),
  member("soft-min-snr", { ...shifted, ...sigmaData }),
]) satisfies z.ZodType<WeightingSpec>;

const sigmaLaws = [
  member("log-normal", optional({ pMean: real, pStd: positive })),
  member("log-uniform", sigmaRange),
  member("log-logistic", { ...sigmaRange, ...optional({ loc: real, scale: positive }) }),
  member("v-diffusion", { ...sigmaRange, ...sigmaData }),
  member("cosine-interpolated", {
    ...sigmaRange,
    ...sigmaData,
    imageSize: count,
    noiseLow: positive,
    noiseHigh: positive,
  }),
  member("split-log-normal", { loc: real, scaleLeft: positive, scaleRight: positive }),
  member("vp-uniform", { ...betaRange, ...optional({ epsilonT: fraction }) }),
] as const;
const timeLaws = [
  member("uniform", optional({ min: real, max: real })),
  member("logit-normal", optional({ mean: real, std: positive })),
  member("beta", { a: positive, b: positive }),
  member("discriminator", { ...betaRange, ...optional({ tMin: fraction }) }),
] as const;

export const timestepSchema = z.discriminatedUnion("type", [
  ...timeLaws,
  ...sigmaLaws,
  member("uniform-steps", { steps: count }),
  member("bernoulli", {
    p: fraction,
    /** "auto" measures it on the data, as the time at which a share `delta` of a distance is left. */
    threshold: z.union([fraction, z.literal("auto")]),
    delta: z.exactOptional(fraction),
    ...optional({ over: z.discriminatedUnion("type", [...timeLaws, ...sigmaLaws]) }),
  }),
  member("bernoulli-steps", {
    p: fraction,
    steps: count,
    significantSteps: count,
    ...optional({ overlapping: z.boolean() }),
  }),
  member("loss-second-moment", { steps: count, ...optional({ history: count, uniformProbability: share }) }),
  member("adaptive", optional({ logSnrMin: real, logSnrMax: real, bins: count, decay: share, floor: share })),
]) satisfies z.ZodType<TimestepSpec | UnmeasuredSpec>;

/** A Bernoulli law whose threshold is to be measured. */
interface UnmeasuredSpec {
  readonly type: "bernoulli";
  readonly threshold: "auto" | number;
}

export const objectiveSchema = z.strictObject({
  prediction: preconditioningSchema,
  schedule: z.exactOptional(
    z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("discrete"), table: discreteSchema }),
      z.strictObject({ kind: z.literal("continuous"), schedule: noiseScheduleSchema }),
    ]),
  ),
  timesteps: timestepSchema,
  loss: z.union([z.strictObject({ multiplier: multiplierSchema }), z.strictObject({ weighting: weightingSchema })]),
  importance: z.exactOptional(z.boolean()),
  uniforms: z.exactOptional(
    z.discriminatedUnion("type", [member("independent", {}), member("low-discrepancy", {}), member("stratified", {})]),
  ),
  noise: z.exactOptional(z.strictObject(optional({ perturbation: nonNegative, offset: nonNegative }))),
  variance: z.exactOptional(
    z.discriminatedUnion("type", [
      member("learned-range", optional({ lambda: positive })),
      member("learned", optional({ lambda: positive })),
    ]),
  ),
}) satisfies z.ZodType<Omit<ObjectiveSpec, "timesteps">>;
