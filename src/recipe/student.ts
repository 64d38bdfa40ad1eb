/** The recipe of a student: its teacher's, trained to do in one DDIM step what the teacher does in several. */
import type { PreconditioningSpec } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { DataFacts, Recipe } from "./recipe.ts";
import { sigmasOf } from "./sampling-plan.ts";

/** How long and how fast any student learns. */
export interface StudentTraining {
  /** Examples that it sees. */
  readonly images: number;
  /** The learning rate that it starts at; it falls in a straight line to 0. */
  readonly learningRate: number;
  /** The teacher's if left out. */
  readonly batch?: number;
  /** The teacher's if left out. */
  readonly seed?: number;
}

export interface StudentOptions extends StudentTraining {
  /** DDIM steps of the student. */
  readonly steps: number;
  /** The teacher's noise levels σ̃, rising; a multiple of `steps` many. */
  readonly levels: readonly number[];
  /** Guidance of the teacher that the student learns with it; none by default. */
  readonly guidance?: Recipe["sampling"]["guidance"];
  /** Of the error in x: max(SNR, 1), or SNR + 1. */
  readonly loss: StudentLoss;
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
  const { steps, levels, loss } = options;
  const { model, objective } = teacher;
  if (objective.variance)
    throw new ConfigError(
      "distill: the teacher has a learned variance, which DDIM has no use for (a teacher without).",
    );
  if (!(steps >= 1 && levels.length % steps === 0 && levels.length > steps))
    throw new ConfigError(
      `distill: --to: ${levels.length} steps of a teacher do not divide into ${steps} of its student (fewer, by a whole factor).`,
    );
  const every = levels.length / steps;
  const own = levels.filter((_, i) => (i + 1) % every === 0);
  const guidance = teacherGuidance(teacher, options.guidance);
  return {
    data: studentData(teacher),
    model,
    objective: {
      prediction: withOwnLabel(objective),
      schedule: { kind: "discrete", table: { type: "levels", sigmas: own } },
      timesteps: { type: "uniform-steps", steps },
      uniforms: { type: "low-discrepancy" },
      loss: { multiplier: { type: loss } },
    },
    training: {
      ...studentTraining(teacher, options),
      ...(guidance && { labelDropout: 0 }),
      target: { type: "progressive", levels: [...levels], ...(guidance && { guidance }) },
    },
    sampling: {
      sampler: "ddim",
      steps,
      grid: { type: "timesteps", spacing: "trailing" },
      ...keptGuidance(teacher),
      ...(facts.shape.length === 3 && { clip: true }),
    },
  };
}

export interface GuidedStudentOptions extends StudentTraining {
  /** Weights of guidance that it learns; 1, none, among them. */
  readonly range: readonly [low: number, high: number];
}

/**
 * The recipe of the first stage of guided distillation (Meng et al. 2023): a model with its teacher's objective that is told the
 * weight of guidance, and answers in one call what its teacher answers in two. It begins as its teacher.
 * @throws ConfigError for a teacher with a learned variance, without labels, or that is told the weight itself.
 */
export function guidedStudent(teacher: Recipe, { range, ...options }: GuidedStudentOptions): Recipe {
  const { model, objective, sampling } = teacher;
  if (objective.variance || model.guidance || !model.conditional)
    throw new ConfigError(
      `distill: --guidance ${range.join("..")}: the teacher ${objective.variance ? "has a learned variance" : model.guidance ? "is told the weight of guidance already" : "was trained without labels"}. Leave it out.`,
    );
  const { guidance, ...drawn } = sampling;
  const usual = typeof guidance === "object" ? guidance.scale : (guidance ?? 1);
  return {
    data: studentData(teacher),
    model: { ...model, guidance: [...range] },
    objective,
    training: { ...studentTraining(teacher, options), target: { type: "guided" } },
    sampling: { ...drawn, guidance: Math.min(Math.max(usual, range[0]), range[1]) },
  };
}

/** The teacher's data, as they are: what augmentation does is of no use to a student. */
export const studentData = ({ data }: Recipe): Recipe["data"] => ({
  ...data,
  ...(data.augment && { augment: { ...data.augment, probability: 0 } }),
});

/** How any student trains: as its teacher, without weight decay, at a falling rate, and with hardly an average. */
export function studentTraining({ training }: Recipe, options: StudentTraining): Recipe["training"] {
  const { images, learningRate, batch = training.batch, seed = training.seed } = options;
  const { microBatch, memory, optimizer, labelDropout } = training;
  return {
    images,
    batch,
    ...(microBatch !== undefined && microBatch < batch && { microBatch }),
    ...(memory && { memory }),
    optimizer: { ...optimizer, ...(optimizer.weightDecay !== undefined && { weightDecay: 0 }) },
    learningRate: { peak: learningRate, decay: { type: "linear", over: "images", to: images } },
    ema: { type: "half-life", images: Math.max(1, Math.round(images / 100)) },
    clip: 1,
    labelDropout,
    seed,
  };
}

/** The weight that a model which is told it is usually told. */
export const keptGuidance = ({ model, sampling }: Recipe): Pick<Recipe["sampling"], "guidance"> =>
  model.guidance && sampling.guidance !== undefined ? { guidance: sampling.guidance } : {};

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

/** Guidance as a student learns it. Throws ConfigError for guidance that rescales, or that the teacher cannot have. */
export function teacherGuidance({ model }: Recipe, guidance: Recipe["sampling"]["guidance"]) {
  if (guidance === undefined) return undefined;
  const { scale, interval, rescale = 0 } = typeof guidance === "number" ? { scale: guidance } : guidance;
  if (scale !== 1 && !model.conditional)
    throw new ConfigError("distill: --guidance: the teacher was trained without labels. Leave it out.");
  if (scale !== 1 && model.guidance)
    throw new ConfigError(
      "distill: --guidance: the teacher is told the weight of guidance, and its students are. Leave it out.",
    );
  if (rescale > 0) throw new ConfigError("distill: guidance that rescales is not distilled. Give --guidance a weight.");
  return scale === 1 ? undefined : { scale, ...(interval && { interval }) };
}

/** The prediction with a label that no longer looks at the objective's schedule, which for a student is another. */
export function withOwnLabel({
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
