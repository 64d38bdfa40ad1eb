/** A teacher at work: its answers as the targets of its student. */
import { teacherSteps } from "../distillation/index.ts";
import { initialize } from "../nn/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { DenoiseEach } from "../sampling/index.ts";
import {
  type BatchLabels,
  compileDenoiser,
  type Denoiser,
  type MovedTarget,
  networkOf,
  type TeacherGuidance,
  type TrainerOptions,
} from "../training/index.ts";
import { consistencyTarget, type OpenTeacher } from "./consistency.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";

/** A trained model that another learns from. */
export interface Teacher {
  readonly recipe: Recipe;
  /** Its parameters, flat. */
  readonly params: Float32Array;
}

/** Whether a recipe's targets come from a teacher. */
export const needsTeacher = ({ training }: Recipe): boolean =>
  training.target?.type === "progressive" || training.target?.type === "consistency-distillation";

/** What a trainer of a student needs besides its spec: its teacher's targets, and the parameters that it starts from. */
export async function taught(
  student: Recipe,
  facts: DataFacts,
  teacher: Teacher,
  options: CompileOptions = {},
): Promise<Required<Pick<TrainerOptions, "start" | "target">>> {
  const target =
    student.training.target?.type === "progressive"
      ? await progressive(student, facts, teacher, options)
      : await consistencyTarget(student, facts, await openTeacher(student, facts, teacher, options), options);
  return { start: teacher.params, target };
}

/** What a trainer needs besides its spec: nothing for most recipes. Throws ConfigError for a student without a teacher. */
export async function trainerOptions(
  recipe: Recipe,
  facts: DataFacts,
  teacher?: Teacher,
  options: CompileOptions = {},
): Promise<Pick<TrainerOptions, "start" | "target">> {
  if (teacher && needsTeacher(recipe)) return taught(recipe, facts, teacher, options);
  if (recipe.training.target?.type !== "consistency") return {};
  return { target: await consistencyTarget(recipe, facts, undefined, options) };
}

/** A teacher of the same size that knows nothing: what learning from one takes can be measured with it. */
export function blankTeacher(student: Recipe, facts: DataFacts): Teacher {
  return { recipe: student, params: initialize(networkOf(modelOf(student, facts)).parameters, 0) };
}

/** How often networks are asked for the target of one sample. */
export function teacherCalls({ training, objective }: Recipe): number {
  const { target } = training;
  if (target?.type === "consistency") return 1; // the target network itself
  if (target?.type === "consistency-distillation") return 1 + 2 * (target.guidance ? 2 : 1);
  if (target?.type !== "progressive" || !("steps" in objective.timesteps)) return 0;
  return (target.levels.length / (objective.timesteps.steps ?? 1)) * (target.guidance ? 2 : 1);
}

async function progressive(
  student: Recipe,
  facts: DataFacts,
  teacher: Teacher,
  options: CompileOptions,
): Promise<MovedTarget> {
  const { answer, close } = await openTeacher(student, facts, teacher, options);
  return { ...progressiveTargets(student, answer), close };
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
  const denoiser = await compileDenoiser(modelOf(teacher.recipe, facts), teacher.params, {
    ...options,
    precondition: objectiveOf(teacher.recipe).precondition,
    batch: guidance ? 2 * microBatch : microBatch,
  });
  const answer = (labels: BatchLabels) => (guidance ? guidedEach(denoiser, labels, guidance) : each(denoiser, labels));
  return { answer, close: () => denoiser.close() };
}

/** The targets of a student from any teacher that denoises: the end of its DDIM steps, as an answer in one. */
export function progressiveTargets(student: Recipe, teacher: (labels: BatchLabels) => DenoiseEach): MovedTarget {
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
    async shift({ batch: { x }, noise, sigma, steps, scale, labels }) {
      const dims = x.length / sigma.length;
      const noisy = new Float64Array(x.length);
      for (const [row, level] of sigma.entries())
        for (let i = row * dims; i < (row + 1) * dims; i++) noisy[i] = x[i] + level * noise[i];
      const { target: clean } = await teacherSteps(
        teacher(labels.length > 0 ? labels : sigma.map(() => undefined)),
        noisy,
        steps.map((step) => ladders[step ?? 0]),
      );
      const shift = new Float32Array(x.length);
      for (const [row, factor] of scale.entries())
        for (let i = row * dims; i < (row + 1) * dims; i++) shift[i] = factor * (clean[i] - x[i]);
      return { shift };
    },
    close: async () => undefined,
  };
}

/** The answers alone. */
function each(denoiser: Denoiser, labels: BatchLabels): DenoiseEach {
  const ask = denoiser.denoiseEach(labels);
  return async (x, sigmas) => (await ask(x, sigmas)).denoised;
}

/** Classifier-free guidance from one call of twice the batch, each sample at its own noise level. */
function guidedEach(denoiser: Denoiser, labels: BatchLabels, { scale, interval }: TeacherGuidance): DenoiseEach {
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
      const w = low < sigma && sigma <= high ? scale : 1;
      for (let i = row * dims; i < (row + 1) * dims; i++) {
        const free = answers[x.length + i];
        out[i] = free + w * (answers[i] - free);
      }
    }
    return out;
  };
}
