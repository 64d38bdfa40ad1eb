/** The recipe of a student: its teacher's, trained to do in one DDIM step what the teacher does in several. */
import type { PreconditioningSpec } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { DataFacts, Recipe } from "./recipe.ts";
import { sigmasOf } from "./sampling-plan.ts";

export interface StudentOptions {
  /** DDIM steps of the student. */
  readonly steps: number;
  /** The teacher's noise levels σ̃, rising; a multiple of `steps` many. */
  readonly levels: readonly number[];
  /** Guidance of the teacher that the student learns with it; none by default. */
  readonly guidance?: Recipe["sampling"]["guidance"];
  /** Examples that it sees. */
  readonly images: number;
  /** The learning rate that it starts at; it falls in a straight line to 0. */
  readonly learningRate: number;
  /** Of the error in x: max(SNR, 1), or SNR + 1. */
  readonly loss: StudentLoss;
  readonly batch?: number;
  readonly seed?: number;
}

/** The losses of Salimans and Ho (2022), section 4. Plain SNR has no weight where a one-step student works. */
export const studentLosses = ["trunc-snr", "snr-plus-one"] as const;
export type StudentLoss = (typeof studentLosses)[number];

/**
 * The recipe of a student. It is a discrete process of `steps` timesteps, which are the only noise levels it is asked about,
 * starts from its teacher's parameters, and keeps no long average (their appendix has none).
 * @throws ConfigError for a teacher with a learned variance, with guidance that rescales, or levels that don't divide.
 */
export function studentRecipe(teacher: Recipe, facts: DataFacts, options: StudentOptions): Recipe {
  const { steps, levels, images, learningRate, loss } = options;
  const { data, model, objective, training } = teacher;
  if (objective.variance)
    throw new ConfigError(
      "distill: the teacher has a learned variance, which DDIM has no use for (a teacher without).",
    );
  if (!(steps >= 1 && levels.length % steps === 0 && levels.length > steps))
    throw new ConfigError(
      `distill: the teacher's ${levels.length} steps do not divide into ${steps} (more, a multiple).`,
    );
  const every = levels.length / steps;
  const own = levels.filter((_, i) => (i + 1) % every === 0);
  const guidance = teacherGuidance(options.guidance);
  if (guidance && !model.conditional)
    throw new ConfigError("distill: --guidance: the teacher was trained without labels. Leave it out.");
  const batch = options.batch ?? training.batch;
  const { microBatch } = training;
  return {
    data: { ...data, ...(data.augment && { augment: { ...data.augment, probability: 0 } }) },
    model,
    objective: {
      prediction: withOwnLabel(objective),
      schedule: { kind: "discrete", table: { type: "levels", sigmas: own } },
      timesteps: { type: "uniform-steps", steps },
      uniforms: { type: "low-discrepancy" },
      loss: { multiplier: { type: loss } },
    },
    training: {
      images,
      batch,
      ...(microBatch !== undefined && microBatch < batch && { microBatch }),
      optimizer: { ...training.optimizer, ...(training.optimizer.weightDecay !== undefined && { weightDecay: 0 }) },
      learningRate: { peak: learningRate, decay: { type: "linear", over: "images", to: images } },
      ema: { type: "half-life", images: Math.max(1, Math.round(images / 100)) },
      clip: 1,
      labelDropout: guidance ? 0 : training.labelDropout,
      target: { type: "progressive", levels: [...levels], ...(guidance && { guidance }) },
      seed: options.seed ?? training.seed,
    },
    sampling: {
      sampler: "ddim",
      steps,
      grid: { type: "timesteps", spacing: "trailing" },
      ...(facts.shape.length === 3 && { clip: true }),
    },
  };
}

/** The noise levels of a teacher's grid, rising. A student has its own timesteps; any other teacher takes any grid. */
export function teacherLevels(teacher: Recipe, steps: number | undefined, grid: Recipe["sampling"]["grid"]): number[] {
  const own = studentLevels(teacher);
  if (own) {
    if (steps !== undefined && steps !== own.length)
      throw new ConfigError(`distill: --from: the teacher is a student of ${own.length} steps itself; got ${steps}.`);
    return [...own];
  }
  const levels = sigmasOf(teacher, { ...teacher.sampling, steps: steps ?? 64, grid })
    .slice(0, -1)
    .reverse();
  if (levels[levels.length - 1] === Number.POSITIVE_INFINITY)
    throw new ConfigError(
      "distill: the teacher's grid starts at infinite noise (zero terminal SNR). Take another --grid.",
    );
  return levels;
}

/** The noise levels of a student, rising; of other models nothing. */
export function studentLevels({ objective, training }: Recipe): readonly number[] | undefined {
  const { schedule } = objective;
  const isStudent = training.target?.type === "progressive";
  return isStudent && schedule?.kind === "discrete" && schedule.table.type === "levels"
    ? schedule.table.sigmas
    : undefined;
}

/** Guidance as a student learns it. Throws ConfigError for guidance that rescales. */
export function teacherGuidance(guidance: Recipe["sampling"]["guidance"]) {
  if (guidance === undefined) return undefined;
  const { scale, interval, rescale = 0 } = typeof guidance === "number" ? { scale: guidance } : guidance;
  if (rescale > 0) throw new ConfigError("distill: guidance that rescales is not distilled. Give --guidance a weight.");
  return scale === 1 ? undefined : { scale, ...(interval && { interval }) };
}

/** The prediction with a label that no longer looks at the objective's schedule, which for a student is another. */
function withOwnLabel({
  prediction,
  schedule,
}: Recipe["objective"]): PreconditioningSpec & Recipe["objective"]["prediction"] {
  if (!("label" in prediction) || prediction.label === undefined || "schedule" in prediction.label) return prediction;
  const { label } = prediction;
  if (label.type === "index" && schedule?.kind === "discrete")
    return { ...prediction, label: { ...label, schedule: schedule.table } };
  if (label.type === "time" && schedule?.kind === "continuous")
    return { ...prediction, label: { ...label, schedule: schedule.schedule } };
  return prediction;
}
