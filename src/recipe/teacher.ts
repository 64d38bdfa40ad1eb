/** A teacher at work: its answers as the targets of its student. */
import { teacherSteps } from "../distillation/index.ts";
import { sizeOf } from "../graph/index.ts";
import { initialize, layout } from "../nn/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { DenoiseEach } from "../sampling/index.ts";
import {
  type BatchLabels,
  compileDenoiser,
  type Denoiser,
  type GuidanceWeights,
  type MovedTarget,
  networkOf,
  type TeacherGuidance,
  type TrainerOptions,
} from "../training/index.ts";
import { consistencyTarget, type OpenTeacher } from "./consistency.ts";
import { distanceOf } from "./feature-metric.ts";
import { noisyRows, shiftTo, toldLabels } from "./moved-rows.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";

/** A trained model that another learns from. */
export interface Teacher {
  readonly recipe: Recipe;
  /** Its parameters, flat. */
  readonly params: Float32Array;
}

const teachings: readonly string[] = ["guided", "progressive", "consistency-distillation"];

/** Whether a recipe's targets come from a teacher. */
export const needsTeacher = ({ training }: Recipe): boolean => teachings.includes(training.target?.type ?? "dsm");

/** What a trainer of a student needs besides its spec: its teacher's targets, and the parameters that it starts from. */
export async function taught(
  student: Recipe,
  facts: DataFacts,
  teacher: Teacher,
  options: CompileOptions = {},
): Promise<Required<Pick<TrainerOptions, "start" | "target">>> {
  const open = await openTeacher(student, facts, teacher, options);
  const { close } = open;
  const target =
    student.training.target?.type === "consistency-distillation"
      ? await consistencyTarget(student, facts, open, options)
      : student.training.target?.type === "guided"
        ? { ...guidedTargets(open.answer), close }
        : { ...progressiveTargets(student, open.answer), close };
  return { start: startFrom(student, facts, teacher), target };
}

/** The teacher's parameters; those that it has not as they begin, which changes nothing: they are zero. */
function startFrom(student: Recipe, facts: DataFacts, teacher: Teacher): Float32Array {
  if (!student.model.guidance || teacher.recipe.model.guidance) return teacher.params;
  const own = networkOf(modelOf(student, facts)).parameters;
  const start = initialize(own, student.training.seed);
  const places = new Map(layout(own).map(({ path, offset }) => [path, offset]));
  for (const { path, offset, shape } of layout(networkOf(modelOf(teacher.recipe, facts)).parameters))
    start.set(teacher.params.subarray(offset, offset + sizeOf(shape)), places.get(path) ?? 0);
  return start;
}

export interface LearningOptions extends CompileOptions {
  /** The parameters of a classifier of the data, flat, for a recipe whose loss compares features. */
  readonly features?: Float32Array;
}

/**
 * What a trainer needs besides its spec: nothing for most recipes.
 * @throws ConfigError for a student without a teacher, and for a loss that compares features without a classifier.
 */
export async function trainerOptions(
  recipe: Recipe,
  facts: DataFacts,
  teacher?: Teacher,
  { features, ...options }: LearningOptions = {},
): Promise<Pick<TrainerOptions, "start" | "target" | "distance">> {
  const distance = distanceOf(recipe, facts, features);
  const compared = distance ? { distance } : {};
  if (teacher && needsTeacher(recipe)) return { ...(await taught(recipe, facts, teacher, options)), ...compared };
  if (recipe.training.target?.type !== "consistency") return {};
  return { target: await consistencyTarget(recipe, facts, undefined, options), ...compared };
}

/** A teacher of the same size that knows nothing: what learning from one takes can be measured with it. */
export function blankTeacher(student: Recipe, facts: DataFacts): Teacher {
  const { guidance: _, ...model } = student.model;
  const recipe = student.training.target?.type === "guided" ? { ...student, model } : student;
  return { recipe, params: initialize(networkOf(modelOf(recipe, facts)).parameters, 0) };
}

/** How often networks are asked for the target of one sample. */
export function teacherCalls({ training, objective }: Recipe): number {
  const { target } = training;
  if (target?.type === "consistency") return 1; // the target network itself
  if (target?.type === "guided") return 2;
  if (target?.type === "consistency-distillation") return 1 + 2 * (target.guidance ? 2 : 1);
  if (target?.type !== "progressive" || !("steps" in objective.timesteps)) return 0;
  return (target.levels.length / (objective.timesteps.steps ?? 1)) * (target.guidance ? 2 : 1);
}

/** A teacher that answers a micro-batch of its student's, guided if that is what the student learns. */
async function openTeacher(
  student: Recipe,
  facts: DataFacts,
  teacher: Teacher,
  options: CompileOptions,
): Promise<OpenTeacher> {
  const { target, batch, microBatch = batch } = student.training;
  const guidance = target && "guidance" in target ? target.guidance : undefined;
  const both = target?.type === "guided" || guidance !== undefined;
  const denoiser = await compileDenoiser(modelOf(teacher.recipe, facts), teacher.params, {
    ...options,
    precondition: objectiveOf(teacher.recipe).precondition,
    batch: both ? 2 * microBatch : microBatch,
  });
  const answer = (labels: BatchLabels, weights?: ArrayLike<number>) =>
    both ? guidedEach(denoiser, labels, guidance ?? { scale: weights ?? 1 }) : each(denoiser, labels, weights);
  return { answer, close: () => denoiser.close() };
}

/** The targets of a student from any teacher that denoises: the end of its DDIM steps, as an answer in one. */
export function progressiveTargets(student: Recipe, teacher: OpenTeacher["answer"]): MovedTarget {
  const { target } = student.training;
  const { timesteps } = student.objective;
  if (target?.type !== "progressive" || timesteps.type !== "uniform-steps")
    throw new Error("internal: the recipe is no student's.");
  const every = target.levels.length / timesteps.steps;
  /** From the student's timestep down to the one before, or to the data. */
  const ladders = Array.from({ length: timesteps.steps }, (_, step) => {
    const between = target.levels.slice(Math.max(step * every - 1, 0), (step + 1) * every).reverse();
    return step === 0 ? [...between, 0] : between;
  });
  return {
    async shift(rows) {
      const { batch, noise, sigma, steps, guidance } = rows;
      const { target: clean } = await teacherSteps(
        teacher(toldLabels(rows), guidance),
        noisyRows(batch.x, noise, sigma),
        steps.map((step) => ladders[step ?? 0]),
      );
      return { shift: shiftTo(clean, rows) };
    },
    close: async () => undefined,
  };
}

/** The targets of a student that is told the weight of guidance, from a teacher that is guided with it. */
export function guidedTargets(teacher: OpenTeacher["answer"]): MovedTarget {
  return {
    async shift(rows) {
      const { batch, noise, sigma, guidance } = rows;
      const noisy = noisyRows(batch.x, noise, sigma);
      const clean = await teacher(toldLabels(rows), guidance)(noisy, Float64Array.from(sigma));
      return { shift: shiftTo(clean, rows) };
    },
    close: async () => undefined,
  };
}

/** The answers alone. */
function each(denoiser: Denoiser, labels: BatchLabels, weights?: ArrayLike<number>): DenoiseEach {
  const ask = denoiser.denoiseEach(labels, weights);
  return async (x, sigmas) => (await ask(x, sigmas)).denoised;
}

/** Classifier-free guidance from one call of twice the batch, each sample at its own noise level, and weight if `scale` lists them. */
function guidedEach(
  denoiser: Denoiser,
  labels: BatchLabels,
  { scale, interval }: Pick<TeacherGuidance, "interval"> & { readonly scale: GuidanceWeights },
): DenoiseEach {
  const [low, high] = interval ?? [0, Number.POSITIVE_INFINITY];
  const both = each(denoiser, [...labels, ...labels.map(() => undefined)]);
  return async (x, sigmas) => {
    const twice = new Float64Array(2 * x.length);
    twice.set(x);
    twice.set(x, x.length);
    const answers = await both(twice, Float64Array.from([...sigmas, ...sigmas]));
    const dims = x.length / sigmas.length;
    const out = new Float64Array(x.length);
    for (const [row, sigma] of sigmas.entries()) {
      const own = typeof scale === "number" ? scale : scale[row];
      const w = low < sigma && sigma <= high ? own : 1;
      for (let i = row * dims; i < (row + 1) * dims; i++) {
        const free = answers[x.length + i];
        out[i] = free + w * (answers[i] - free);
      }
    }
    return out;
  };
}
