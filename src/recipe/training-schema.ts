/** The schema of how a model is trained. */
import { z } from "zod";
import { precisions } from "../graph/index.ts";
import {
  type CouplingSpec,
  type EmaSpec,
  type LearningRateSpec,
  memorySpecs,
  type OptimizerSpec,
  type TargetSpec,
} from "../training/index.ts";
import { count, fraction, member, nonNegative, optional, positive, share, whole } from "./fields.ts";

const span = { over: z.enum(["steps", "images"]), to: positive, ...optional({ from: nonNegative }) };

export const learningRateSchema = z.strictObject({
  peak: positive,
  ...optional({
    warmup: z.discriminatedUnion("type", [
      member("none", {}),
      member("images", { images: positive }),
      member("steps", { steps: positive }),
      member("exponential", { rate: fraction }),
    ]),
    decay: z.discriminatedUnion("type", [
      member("none", {}),
      member("linear", span),
      member("cosine", span),
      member("inverse", { gamma: positive, power: positive, ...optional({ min: nonNegative }) }),
      member("exponential", { steps: positive, rate: fraction, ...optional({ min: nonNegative }) }),
      member("inverse-sqrt", { batches: positive }),
    ]),
  }),
}) satisfies z.ZodType<LearningRateSpec>;

export const emaSchema = z.discriminatedUnion("type", [
  member("half-life", { images: positive, ...optional({ rampup: fraction.nullable() }) }),
  member("update-count", { decay: fraction }),
  member("inverse-gamma", { gamma: positive, power: positive, ...optional({ min: share, max: positive.max(1) }) }),
  member("power-function", { std: positive.max(0.28) }),
]) satisfies z.ZodType<EmaSpec>;

export const optimizerSchema = z.strictObject({
  type: z.enum(["adam", "adamw"]),
  ...optional({ beta1: share, beta2: share, eps: positive, weightDecay: nonNegative }),
}) satisfies z.ZodType<OptimizerSpec>;

export const couplingSchema = z.discriminatedUnion("type", [
  member("independent", {}),
  member(
    "aot",
    optional({ pool: count.min(2), metric: z.enum(["euclidean", "squared-euclidean"]), classWise: z.boolean() }),
  ),
  member("ot-cfm", optional({ pool: count.min(2), classWise: z.boolean() })),
  member("immiscible", optional({ candidates: count })),
]) satisfies z.ZodType<CouplingSpec>;

const guidance = z.strictObject({ scale: nonNegative, ...optional({ interval: z.tuple([nonNegative, positive]) }) });
const metric = z.discriminatedUnion("type", [
  member("l2", {}),
  member("pseudo-huber", optional({ c: positive })),
  member("features", optional({ pixels: nonNegative })),
]);

export const targetSchema = z.discriminatedUnion("type", [
  member("dsm", {}),
  member("stf", { references: count, ...optional({ classWise: z.boolean() }) }),
  member("progressive", {
    levels: z.array(positive).min(1),
    ...optional({ guidance }),
  }),
  member("guided", {}),
  member("consistency", optional({ startScales: count.min(2), endScales: count.min(2), ema: share, metric })),
  member("consistency-distillation", optional({ scales: count.min(2), ema: share, metric, guidance })),
]) satisfies z.ZodType<TargetSpec>;

export const trainingSchema = z.strictObject({
  /** How many images training sees in all. */
  images: count,
  /** Samples in one update. */
  batch: count,
  /** Samples in one pass through the network, if less; divides the batch. */
  microBatch: z.exactOptional(count),
  /** Whether gradients find what they want kept, or most of it is computed a second time, which takes less memory and more work. */
  memory: z.exactOptional(z.enum(memorySpecs)),
  /** What the network is trained in, on a GPU; float32 if left out. Parameters and sums are float32 in either case. */
  precision: z.exactOptional(z.enum(precisions)),
  optimizer: optimizerSchema,
  learningRate: learningRateSchema,
  ema: emaSchema,
  /** Averages kept besides, with power-function profiles, and how often they are stored: any length can be had afterwards. */
  averages: z.exactOptional(
    z.strictObject({ stds: z.array(positive.max(0.28)).min(2).max(4), snapshots: count.max(1000) }),
  ),
  /** Which noise meets which example; each its own if left out. */
  coupling: z.exactOptional(couplingSchema),
  /** What the network is asked for; what its own sample says if left out. */
  target: z.exactOptional(targetSchema),
  /** Longest gradient allowed. */
  clip: z.exactOptional(positive),
  /** The share of labels left out, for classifier-free guidance. */
  labelDropout: share,
  seed: whole,
});
