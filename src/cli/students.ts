/** The recipes of students, from what a command line asks of them. */
import { ConfigError } from "../errors/index.ts";
import {
  consistencyMetrics,
  consistencyStudent,
  type DataFacts,
  defineRecipe,
  guidedStudent,
  measureSpeed,
  type Recipe,
  type StudentLoss,
  type StudentTraining,
  studentLevels,
  studentLosses,
  studentRecipe,
  teacherLevels,
  usualLevels,
} from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { Terminal } from "./command.ts";
import { readDuration } from "./recipes.ts";
import { namedGrid } from "./sampling-flags.ts";
import { counted, duration } from "./terminal.ts";

/** What decides any student. */
interface StudentRequest {
  /** Steps of the teacher, or noise levels of a consistency model. */
  readonly from?: number | undefined;
  /** Images of each phase, or time; the last one repeats. */
  readonly duration?: string | undefined;
  readonly learningRate?: number | undefined;
  readonly batch?: number | undefined;
  readonly seed?: number | undefined;
}

/** What decides the students of progressive distillation. */
export interface PhasesRequest extends StudentRequest {
  /** Steps of the students, each the next one's teacher. */
  readonly to: readonly number[];
  readonly grid: string;
  /** A weight, or a range of those that the students are told. */
  readonly guidance?: number | readonly [low: number, high: number] | undefined;
  readonly loss: StudentLoss;
}

/** What decides a consistency model. */
interface ConsistencyRequest extends StudentRequest {
  /** Steps that it is drawn with, unless others are asked for. */
  readonly steps: number;
  readonly guidance?: number | undefined;
  readonly metric: (typeof consistencyMetrics)[number];
}

/** Flags of `distill`, as they are given. */
export interface StudentFlags extends StudentRequest {
  readonly to?: string | undefined;
  readonly grid?: string | undefined;
  readonly guidance?: string | undefined;
  readonly loss?: string | undefined;
}

/** What flags ask of progressive distillation. Throws ConfigError. */
export function progressiveRequest(flags: StudentFlags): PhasesRequest {
  const { to = "16,4", grid = "cosine", loss: name = studentLosses[0], guidance, ...rest } = flags;
  const loss = studentLosses.find((one) => one === name);
  if (!loss)
    throw new ConfigError(`distill: --loss: ${name} is a consistency model's (${studentLosses.join(" or ")}).`);
  return { ...rest, to: readSteps(to), grid, guidance: readGuidance(guidance), loss };
}

/** What flags ask of consistency distillation. Throws ConfigError. */
export function consistencyRequest(flags: StudentFlags): ConsistencyRequest {
  const { to = "1", grid, loss = consistencyMetrics[0], guidance: asked, ...rest } = flags;
  const [steps, ...more] = readSteps(to);
  if (more.length > 0)
    throw new ConfigError(`distill: --to ${to}: a list is of progressive distillation only (one number).`);
  if (grid !== undefined) throw new ConfigError("distill: --grid: is of progressive distillation only. Leave it out.");
  const guidance = readGuidance(asked);
  if (typeof guidance === "object")
    throw new ConfigError(
      "distill: --guidance: a range is of progressive distillation; its first stage, guided, can teach a consistency model.",
    );
  const metric = consistencyMetrics.find((one) => one === loss);
  if (!metric)
    throw new ConfigError(
      `distill: --loss: ${loss} is of progressive distillation (${consistencyMetrics.join(" or ")}).`,
    );
  return { ...rest, steps, guidance, metric };
}

/** Numbers of steps: `16,4`. */
function readSteps(text: string): readonly number[] {
  const steps = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!steps.every((count) => Number.isSafeInteger(count) && count >= 1))
    throw new ConfigError(`distill: --to: must be whole numbers of at least 1, such as 16,4; got ${text}.`);
  return steps;
}

/** A weight of guidance, or the range of those that the student shall be told: `1..4`. */
function readGuidance(text: string | undefined): PhasesRequest["guidance"] {
  if (text === undefined) return undefined;
  const [low, high = low] = text.split("..").map((part) => (part === "" ? Number.NaN : Number(part)));
  if (!(low >= 0 && (high === low ? !text.includes("..") : low <= 1 && high >= 1 && high < Infinity && low < high)))
    throw new ConfigError(
      `distill: --guidance: must be a weight such as 1.5, or a range that holds 1, such as 1..4; got ${text}.`,
    );
  return high === low ? low : [low, high];
}

/** What students are made from, and where. */
export interface StudentSetting {
  readonly teacher: Recipe;
  readonly facts: DataFacts;
  /** Where a phase that is given a time is measured. */
  readonly compile: CompileOptions;
  readonly terminal: Pick<Terminal, "say">;
}

/** The recipes of all students, the first one's teacher being the setting's. Throws ConfigError where steps don't divide. */
export async function phasesOf(request: PhasesRequest, setting: StudentSetting): Promise<Recipe[]> {
  const { to, guidance, loss } = request;
  const { teacher, facts } = setting;
  const phases: Recipe[] = [];
  let learnt = teacher;
  const add = async (make: (training: StudentTraining) => Recipe) => {
    learnt = await lastingPhase(make, phases.length, request, setting);
    phases.push(learnt);
  };
  let levels: readonly number[] = teacherLevels(teacher, request.from, gridOf(teacher, request));
  if (typeof guidance === "object") await add((training) => guidedStudent(teacher, { ...training, range: guidance }));
  const first = typeof guidance === "number" ? guidance : guidanceOf(learnt);
  for (const [i, steps] of to.entries()) {
    const from = learnt;
    const asked = { steps, levels, loss, ...(i === 0 && { guidance: first }) };
    await add((training) => studentRecipe(from, facts, { ...training, ...asked }));
    levels = studentLevels(learnt) ?? levels;
  }
  return phases;
}

/** The recipe of a consistency model. */
export function consistencyPhase(request: ConsistencyRequest, setting: StudentSetting): Promise<Recipe> {
  const { steps, from: scales = 18, metric, guidance = guidanceOf(setting.teacher) } = request;
  const asked = { steps, scales, metric, guidance };
  return lastingPhase(
    (training) => consistencyStudent(setting.teacher, setting.facts, { ...training, ...asked }),
    0,
    request,
    setting,
  );
}

/** A phase that is as long as it shall be: a quarter of the teacher's images, so many, or as many as a time allows, measured. */
async function lastingPhase(
  make: (training: StudentTraining) => Recipe,
  index: number,
  { duration: durations, learningRate, batch, seed }: StudentRequest,
  { teacher, facts, compile, terminal }: StudentSetting,
): Promise<Recipe> {
  const { images: all, learningRate: usual } = teacher.training;
  const lasts = durations?.split(",").map(readDuration);
  const { images = Math.ceil(all / 4), seconds } = lasts?.[Math.min(index, lasts.length - 1)] ?? {};
  const define = (images: number) => {
    const given = { ...(batch !== undefined && { batch }), ...(seed !== undefined && { seed }) };
    return defineRecipe(make({ images, learningRate: learningRate ?? usual.peak / 4, ...given }), "distill");
  };
  const phase = define(images);
  if (seconds === undefined) return phase;
  const { readySeconds, secondsPerStep } = await measureSpeed(phase, facts, compile);
  const updates = Math.max(1, Math.round((seconds - readySeconds) / secondsPerStep));
  const size = phase.training.batch;
  terminal.say(`${phaseName(phase)}: ${updates} updates of ${size} images in ${duration(seconds)}`);
  return define(updates * size);
}

/** What a student is called: `guided`, `consistency`, `16 steps`, `1 step`. */
export function phaseName({ training: { target }, sampling: { steps } }: Recipe): string {
  if (target?.type === "guided") return "guided";
  return target?.type === "consistency-distillation" ? "consistency" : counted(steps, "step");
}

const guidanceOf = ({ model, sampling }: Recipe) => (model.guidance ? 1 : (sampling.guidance ?? 1));

/** The teacher's grid: its own, one of sample's, or equal steps of the cosine schedule's time between its usual ends. */
function gridOf(teacher: Recipe, { grid, from = 64 }: PhasesRequest): Recipe["sampling"]["grid"] {
  if (grid === "own") return teacher.sampling.grid;
  if (grid !== "cosine") return namedGrid(teacher, grid, from);
  const { sigmaMin, sigmaMax } = usualLevels(teacher);
  const truncate = { min: -2 * Math.log(sigmaMax), max: -2 * Math.log(sigmaMin) };
  return { type: "schedule", schedule: { type: "cosine", truncate } };
}
