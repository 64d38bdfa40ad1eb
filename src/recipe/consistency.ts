/** Consistency models: the recipe of one that learns from a teacher, and the targets of all (Song et al. 2023). */
import { noiseSchedule } from "../diffusion/index.ts";
import { consistencyScales, heunStepEach } from "../distillation/index.ts";
import { ConfigError } from "../errors/index.ts";
import { parameterCount } from "../nn/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { DenoiseEach } from "../sampling/index.ts";
import {
  type BatchLabels,
  type ConsistencyMetric,
  compileLiveDenoiser,
  type MovedTarget,
  type TargetMemory,
} from "../training/index.ts";
import { checkFeatures } from "./feature-metric.ts";
import { noisyRows, shiftTo, toldLabels } from "./moved-rows.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";
import {
  keptGuidance,
  type StudentTraining,
  studentData,
  studentTraining,
  teacherGuidance,
  withOwnLabel,
} from "./student.ts";
import { usualLevels } from "./trained-levels.ts";

/** The names of the metrics. */
export const consistencyMetrics = [
  "l2",
  "pseudo-huber",
  "features",
] as const satisfies readonly ConsistencyMetric["type"][];

export interface ConsistencyStudentOptions extends StudentTraining {
  /** Steps that it draws with unless told otherwise. */
  readonly steps: number;
  /** N, the noise levels that it learns at. */
  readonly scales: number;
  readonly metric: ConsistencyMetric["type"];
  /** Guidance of the teacher that the student learns with it; none by default. */
  readonly guidance?: Recipe["sampling"]["guidance"];
}

/**
 * The recipe of a consistency model that starts as its teacher and learns from its Heun steps, between the teacher's usual
 * noise levels.
 * @throws ConfigError for a teacher with a learned variance or an energy, guidance that rescales, or features of what are no
 * labelled images.
 */
export function consistencyStudent(teacher: Recipe, facts: DataFacts, options: ConsistencyStudentOptions): Recipe {
  const { steps, scales, metric } = options;
  const { model, objective } = teacher;
  const { prediction } = objective;
  if (prediction.type === "consistency" || prediction.type === "energy" || objective.variance)
    throw new ConfigError(
      `distill: --method consistency: the teacher ${objective.variance ? "has a learned variance" : `predicts ${prediction.type}`} (a plain prediction: edm, x, v, eps). Take another teacher.`,
    );
  if (metric === "features") checkFeatures(facts, "distill: --loss");
  const guidance = teacherGuidance(teacher, options.guidance);
  const { sigmaMin, sigmaMax } = usualLevels(teacher);
  return {
    data: studentData(teacher),
    model,
    objective: {
      prediction: { type: "consistency", sigmaMin, ...bent(teacher) },
      schedule: { kind: "continuous", schedule: { type: "edm-sampling", sigmaMin, sigmaMax } },
      timesteps: { type: "uniform" },
      uniforms: { type: "low-discrepancy" },
      loss: { multiplier: { type: "uniform-x" } },
    },
    training: {
      ...studentTraining(teacher, options),
      ema: { type: "half-life", images: Math.max(1, Math.round(options.images / 50)) },
      ...(guidance && { labelDropout: 0 }),
      target: {
        type: "consistency-distillation",
        scales,
        metric: { type: metric },
        ...(guidance && { guidance }),
      },
    },
    sampling: {
      sampler: "consistency",
      steps,
      grid: { type: "karras", sigmaMin, sigmaMax },
      options: { sigmaMin },
      ...keptGuidance(teacher),
      ...(facts.shape.length === 3 && { clip: true }),
    },
  };
}

type BasePrediction = Exclude<Recipe["objective"]["prediction"], { readonly type: "consistency" }>;

/** EDM's network has a form made for it; any other keeps its own, and the label that it knows. */
function bent({ objective, data }: Recipe) {
  const { prediction } = objective;
  if (prediction.type === "edm") return { ...sigmaDataOf(prediction), label: { type: "log-sigma" } as const };
  const known = typeof data.sigmaData === "number" && prediction.type === "F" ? { sigmaData: data.sigmaData } : {};
  return { base: { ...known, ...withOwnLabel(objective) } as BasePrediction };
}

const sigmaDataOf = ({ sigmaData }: { readonly sigmaData?: number }) => (sigmaData === undefined ? {} : { sigmaData });

/** A teacher that answers micro-batches. */
export interface OpenTeacher {
  /** Guided with these weights, where each sample has its own. */
  answer(labels: BatchLabels, guidance?: ArrayLike<number>): DenoiseEach;
  close(): Promise<void>;
}

/**
 * The targets of a consistency model: with a teacher's Heun steps, or with the data in a teacher's place.
 * @throws ConfigError for an objective that is no consistency model's.
 */
export async function consistencyTarget(
  recipe: Recipe,
  facts: DataFacts,
  teacher: OpenTeacher | undefined,
  options: CompileOptions = {},
): Promise<MovedTarget> {
  const { levelOf, timeOf } = axisOf(recipe);
  const at = scalesOf(recipe);
  const { batch, microBatch = batch } = recipe.training;
  const model = modelOf(recipe, facts);
  const network = await compileLiveDenoiser(model, {
    ...options,
    precondition: objectiveOf(recipe).precondition,
    batch: microBatch,
  });
  const followed = follower(parameterCount(network.parameters), (step) => at(step).targetEma);
  return {
    memory: followed,
    place(u, step) {
      const intervals = at(step).numScales - 1;
      return (Math.min(Math.floor(u * intervals), intervals - 1) + 1) / intervals;
    },
    async shift(rows, { step }) {
      const { batch, noise, sigma, labels, guidance } = rows;
      const intervals = at(step).numScales - 1;
      const sigmas = Float64Array.from(sigma);
      const next = sigmas.map((level) => levelOf((Math.round(timeOf(level) * intervals) - 1) / intervals));
      const noisy = noisyRows(batch.x, noise, teacher ? sigmas : next);
      const moved = teacher
        ? await heunStepEach(teacher.answer(toldLabels(rows), guidance), noisy, sigmas, next)
        : noisy;
      const target = await network.answer({
        params: followed.params,
        x: moved,
        sigmas: next,
        labels,
        ...(guidance && { guidance }),
        ...(batch.augment && { augment: batch.augment }),
      });
      return { shift: shiftTo(target, rows) };
    },
    async close() {
      await network.close();
      await teacher?.close();
    },
  };
}

/** N and μ at every update. */
function scalesOf({ training: { target, images, batch } }: Recipe) {
  if (target?.type === "consistency-distillation") {
    const { scales: numScales = 18, ema: targetEma = 0.95 } = target;
    return () => ({ numScales, targetEma });
  }
  if (target?.type !== "consistency") throw new Error("internal: the recipe is no consistency model's.");
  const { startScales = 2, endScales = 150, ema = 0.9 } = target;
  if (endScales < startScales)
    throw new ConfigError(`training.target: endScales must be at least startScales, ${startScales}; got ${endScales}.`);
  const fixed = endScales === startScales;
  const schedule = {
    startScales,
    endScales,
    totalSteps: Math.ceil(images / batch),
    startEma: ema === 0 ? 1 : ema,
    ...(fixed
      ? ({ scaleMode: "fixed", emaMode: "fixed" } as const)
      : ({ scaleMode: "progressive", emaMode: "adaptive" } as const)),
  };
  return (step: number) => {
    const found = consistencyScales(schedule, step);
    return ema === 0 ? { ...found, targetEma: 0 } : found;
  };
}

/** The schedule along which the levels lie, refused if the model is not the identity where it ends. */
function axisOf(recipe: Recipe) {
  const { schedule, timesteps, noise } = recipe.objective;
  if (schedule?.kind !== "continuous" || timesteps.type !== "uniform" || timesteps.min || (timesteps.max ?? 1) !== 1)
    throw new ConfigError(
      "training.target: consistency takes its levels evenly along a schedule. Give objective.schedule as continuous (edm-sampling is the usual one), and objective.timesteps as uniform.",
    );
  const along = noiseSchedule(schedule.schedule);
  const levelOf = (t: number) => Math.exp(-along.logSnr(t) / 2);
  const lowest = levelOf(0);
  const { cSkip, cOut } = objectiveOf(recipe).precondition(lowest > 0 ? lowest : 1);
  if (!(Math.abs(cSkip - 1) < 1e-6 && Math.abs(cOut) < 1e-6))
    throw new ConfigError(
      `training.target: a consistency model is the identity at its lowest noise level, ${Number(lowest.toPrecision(6))}. Take objective.prediction consistency with that sigmaMin.`,
    );
  if (noise?.perturbation)
    throw new ConfigError("training.target: consistency has no use for objective.noise.perturbation. Leave it out.");
  return { levelOf, timeOf: (sigma: number) => along.time(-2 * Math.log(sigma)) };
}

/** θ⁻ ← μ θ⁻ + (1 − μ) θ after every update. */
function follower(count: number, decay: (step: number) => number): TargetMemory & { readonly params: Float32Array } {
  const params = new Float32Array(count);
  const name = "target/params";
  return {
    params,
    begin: (given) => params.set(given),
    update(given, step) {
      const share = 1 - decay(step);
      for (let i = 0; i < count; i++) params[i] += share * (given[i] - params[i]);
    },
    tensors: { [name]: { shape: [count], data: params } },
    restore(tensors) {
      if (tensors[name]?.data.length !== count) return false;
      params.set(tensors[name].data);
      return true;
    },
  };
}
