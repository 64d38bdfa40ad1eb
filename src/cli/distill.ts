/** `ornstein distill`: a run taught to draw in fewer steps, phase by phase. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
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
  samplingPlan,
  studentLevels,
  studentLosses,
  studentRecipe,
  teacherLevels,
  usualLevels,
} from "../recipe/index.ts";
import { createStudentRun, RunFolder, writeAtomic } from "../runs/index.ts";
import type { CompileOptions, Device } from "../runtime/index.ts";
import { command, type Terminal } from "./command.ts";
import { loadData, readDuration } from "./recipes.ts";
import { samplingOf } from "./sampling-flags.ts";
import { duration } from "./terminal.ts";
import { follow, runFlags } from "./train.ts";
import { weightFlags, whichCheckpoint } from "./weights.ts";

const planFormat = "ornstein distillation 1";
const planName = "distill.json";

/** What is to be done: written before it is begun, so that it can go on. */
export interface DistillPlan {
  readonly format: typeof planFormat;
  /** The run that the first phase learns from, and which of its parameters. */
  readonly teacher: string;
  readonly checkpoint: string;
  readonly weights: string;
  /** The students, each the next one's teacher. */
  readonly phases: readonly Recipe[];
}

/** The folder of a phase. */
export const phasePath = (out: string, phase: Recipe): string => join(out, nameOf(phase, "steps-"));

const methods = ["progressive", "consistency"] as const;

export const distill = command({
  name: "distill",
  summary: "Teach a run to draw in fewer steps, halving them phase by phase or as a consistency model.",
  argument: { name: "RUN", help: "The teacher's run folder, as made by train or distill", required: false },
  examples: [
    "distill runs/quickstart --to 4",
    "distill runs/mnist --from 64 --to 1 --duration 20k,20k,40k --guidance 1.5",
    "distill runs/mnist --from 16 --guidance 1..4",
    "distill runs/mnist --from 32 --to 1 --factor 32",
    "distill runs/mnist --method consistency --duration 5m",
    "distill --resume --out runs/mnist-distilled",
  ],
  flags: {
    method: {
      type: "choice",
      choices: methods,
      default: "progressive",
      help: "DDIM steps in one, phase by phase; or one phase of consistency distillation",
    },
    to: { type: "integer", min: 1, help: "Steps of the last student; 4, or 1 of a consistency model" },
    from: {
      type: "integer",
      min: 2,
      help: "DDIM steps of the teacher: 64, or a student's own; noise levels of a consistency model: 18",
    },
    factor: { type: "integer", min: 2, help: "Steps of its teacher that a student does in one; 2 (progressive)" },
    grid: {
      type: "string",
      value: "NAME|FILE",
      help: "The teacher's noise levels: cosine (the default), own, or as for sample (progressive)",
    },
    guidance: {
      type: "string",
      value: "W|LOW..HIGH",
      help: "Guidance of the first teacher, built into the students; its recipe's if left out; 1..4: they are told its weight",
    },
    duration: {
      type: "string",
      value: "N|TIME,…",
      help: "Images each phase sees, or about how long it takes; a quarter of the teacher's images if left out",
    },
    learningRate: {
      type: "number",
      min: 0,
      help: "At the start of each phase, falling to 0; a quarter of the teacher's",
    },
    loss: {
      type: "choice",
      choices: [...studentLosses, ...consistencyMetrics],
      help: "trunc-snr (the default) or snr-plus-one; of a consistency model l2 (the default) or pseudo-huber",
    },
    batch: { type: "integer", min: 1, help: "Samples in one update; the teacher's if left out" },
    seed: { type: "integer", min: 0, help: "Of everything random; the teacher's if left out" },
    weights: weightFlags.weights,
    checkpoint: weightFlags.checkpoint,
    out: { type: "string", value: "DIR", help: "Folder for steps-32, steps-16, …; RUN-distilled if left out" },
    ...runFlags,
    sheets: {
      type: "integer",
      default: 0,
      min: 0,
      help: "Sheets of samples in the course of each phase, besides its last",
    },
    resume: { type: "boolean", help: "Continue in --out, bit for bit" },
    dryRun: { type: "boolean", help: "Print the phases' recipes and stop" },
  },
  async run(path, flags, terminal) {
    const compileOptions = { threads: flags.threads, device: flags.device as Device };
    const options = {
      ...compileOptions,
      checkpointEvery: flags.checkpointEvery,
      sheets: flags.sheets,
      signal: terminal.signal,
    };
    if (flags.resume) {
      if (flags.out === undefined)
        throw new ConfigError("distill --resume: needs --out DIR, the folder of its phases.");
      await carryOut(flags.out, readPlan(flags.out), options, terminal);
      return;
    }
    if (path === undefined) throw new ConfigError("distill: needs a RUN to learn from.");
    const out = flags.out ?? `${path.replace(/\/+$/, "")}-distilled`;
    if (existsSync(join(out, planName)))
      throw new ConfigError(
        `${out}: holds a distillation already. Continue it with --resume, or choose another --out.`,
      );
    const teacher = RunFolder.open(path);
    const { recipe, data } = teacher.describe();
    teacher.load(whichCheckpoint(flags.checkpoint));
    const guidance = flags.guidance === undefined ? undefined : readGuidance(flags.guidance);
    const given = { ...flags, guidance };
    const phases =
      flags.method === "consistency"
        ? [await consistencyPhase(recipe, data, given, compileOptions, terminal)]
        : await phasesOf(recipe, data, progressiveOptions(given), compileOptions, terminal);
    for (const phase of phases) samplingPlan(phase);
    if (flags.dryRun) {
      for (const phase of phases) {
        terminal.print(JSON.stringify(phase, null, 2));
        terminal.record(phase);
      }
      return;
    }
    const plan = planOf(path, phases, flags);
    savePlan(out, plan);
    await carryOut(out, plan, options, terminal);
  },
});

/** What either method leaves to its flags. */
interface MethodFlags extends Omit<PhaseOptions, "to" | "factor" | "grid" | "loss"> {
  readonly to?: number | undefined;
  readonly factor?: number | undefined;
  readonly grid?: string | undefined;
  readonly loss?: string | undefined;
}

function progressiveOptions({ to = 4, factor = 2, grid = "cosine", loss = "trunc-snr", ...rest }: MethodFlags) {
  if (!studentLosses.includes(loss as StudentLoss))
    throw new ConfigError(`distill: --loss: ${loss} is a consistency model's (${studentLosses.join(" or ")}).`);
  return { ...rest, to, factor, grid, loss: loss as StudentLoss };
}

/** The recipe of a consistency model. */
async function consistencyPhase(
  teacher: Recipe,
  facts: DataFacts,
  { to: steps = 1, from: scales = 18, factor, grid, loss = "l2", ...flags }: MethodFlags,
  compileOptions: CompileOptions,
  terminal: Pick<Terminal, "say">,
): Promise<Recipe> {
  const extra = factor !== undefined ? "--factor" : grid !== undefined ? "--grid" : undefined;
  if (extra !== undefined)
    throw new ConfigError(`distill: ${extra}: is of progressive distillation only. Leave it out.`);
  if (typeof flags.guidance === "object")
    throw new ConfigError(
      "distill: --guidance: a range is of progressive distillation; its first stage, guided, can teach a consistency model.",
    );
  const metric = consistencyMetrics.find((name) => name === loss);
  if (!metric)
    throw new ConfigError(
      `distill: --loss: ${loss} is of progressive distillation (${consistencyMetrics.join(" or ")}).`,
    );
  const lasts = flags.duration === undefined ? undefined : readDuration(flags.duration);
  const request = {
    steps,
    scales,
    metric,
    guidance: flags.guidance ?? guidanceOf(teacher),
    images: lasts?.images ?? Math.ceil(teacher.training.images / 4),
    learningRate: flags.learningRate ?? teacher.training.learningRate.peak / 4,
    ...(flags.batch !== undefined && { batch: flags.batch }),
    ...(flags.seed !== undefined && { seed: flags.seed }),
  };
  const phase = defineRecipe(consistencyStudent(teacher, facts, request), "distill: consistency");
  if (lasts?.seconds === undefined) return phase;
  const { batch } = phase.training;
  const updates = await updatesIn(lasts.seconds, phase, facts, compileOptions);
  terminal.say(`consistency: ${updates} updates of ${batch} images in ${duration(lasts.seconds)}`);
  return defineRecipe(consistencyStudent(teacher, facts, { ...request, images: updates * batch }), "distill");
}

/** Updates that fit into a time, measured. */
async function updatesIn(seconds: number, phase: Recipe, facts: DataFacts, options: CompileOptions): Promise<number> {
  const { readySeconds, secondsPerStep } = await measureSpeed(phase, facts, options);
  return Math.max(1, Math.round((seconds - readySeconds) / secondsPerStep));
}

/** What decides the phases. */
export interface PhaseOptions {
  readonly from?: number | undefined;
  readonly to: number;
  readonly factor: number;
  readonly grid: string;
  /** A weight, or a range of those that the students are told. */
  readonly guidance?: number | readonly [low: number, high: number] | undefined;
  readonly duration?: string | undefined;
  readonly learningRate?: number | undefined;
  readonly loss: StudentLoss;
  readonly batch?: number | undefined;
  readonly seed?: number | undefined;
}

/** The recipes of all students, the first one's teacher being `teacher`. */
export async function phasesOf(
  teacher: Recipe,
  facts: DataFacts,
  options: PhaseOptions,
  compileOptions: CompileOptions,
  terminal: Pick<Terminal, "say">,
): Promise<Recipe[]> {
  const { from, to, factor, guidance } = options;
  const start = teacherLevels(teacher, from, gridOf(teacher, options));
  const steps: number[] = [];
  for (let count = start.length / factor; count >= to; count /= factor) steps.push(count);
  if (steps.length === 0 || steps.at(-1) !== to)
    throw new ConfigError(
      `distill: --to ${to} is not reached from ${start.length} steps by dividing by ${factor}. Take --from ${to * factor ** 4}, or another --factor.`,
    );
  const durations = options.duration?.split(",").map(readDuration);
  const phases: Recipe[] = [];
  /** Adds a phase, as long as it shall be. */
  const add = async (make: (training: StudentTraining) => Recipe) => {
    const lasts = durations?.[Math.min(phases.length, durations.length - 1)];
    const request = {
      images: lasts?.images ?? Math.ceil(teacher.training.images / 4),
      learningRate: options.learningRate ?? teacher.training.learningRate.peak / 4,
      ...(options.batch !== undefined && { batch: options.batch }),
      ...(options.seed !== undefined && { seed: options.seed }),
    };
    let phase = defineRecipe(make(request), "distill");
    if (lasts?.seconds !== undefined) {
      const { batch } = phase.training;
      const updates = await updatesIn(lasts.seconds, phase, facts, compileOptions);
      terminal.say(
        `${nameOf(phase, "", " steps")}: ${updates} updates of ${batch} images in ${duration(lasts.seconds)}`,
      );
      phase = defineRecipe(make({ ...request, images: updates * batch }), "distill");
    }
    phases.push(phase);
    return phase;
  };
  let learnt: Recipe = teacher;
  if (typeof guidance === "object")
    learnt = await add((training) => guidedStudent(teacher, { ...training, range: guidance }));
  const first = typeof guidance === "number" ? guidance : guidanceOf(learnt);
  let levels: readonly number[] = start;
  for (const [i, count] of steps.entries()) {
    const from = learnt;
    const request = { steps: count, levels, loss: options.loss, ...(i === 0 && { guidance: first }) };
    learnt = await add((training) => studentRecipe(from, facts, { ...training, ...request }));
    levels = studentLevels(learnt) ?? levels;
  }
  return phases;
}

function nameOf({ training: { target }, sampling: { steps } }: Recipe, before = "", after = ""): string {
  if (target?.type === "guided") return "guided";
  return target?.type === "consistency-distillation" ? "consistency" : `${before}${steps}${after}`;
}

const guidanceOf = ({ model, sampling }: Recipe) => (model.guidance ? 1 : (sampling.guidance ?? 1));

/** A weight of guidance, or the range of those that the student shall be told: `1..4`. */
function readGuidance(text: string): number | readonly [number, number] {
  const [low, high = low] = text.split("..").map((part) => (part === "" ? Number.NaN : Number(part)));
  if (!(low >= 0 && (high === low ? !text.includes("..") : low <= 1 && high >= 1 && high < Infinity && low < high)))
    throw new ConfigError(
      `distill: --guidance: must be a weight such as 1.5, or a range that holds 1, such as 1..4; got ${text}.`,
    );
  return high === low ? low : [low, high];
}

/** The teacher's grid: its own, one of sample's, or equal steps of the cosine schedule's time between its usual ends. */
function gridOf(teacher: Recipe, { grid, from = 64 }: PhaseOptions): Recipe["sampling"]["grid"] {
  if (grid === "own") return teacher.sampling.grid;
  if (grid !== "cosine") return samplingOf(teacher, { grid, steps: from, option: [], clip: false } as never).grid;
  const { sigmaMin, sigmaMax } = usualLevels(teacher);
  const truncate = { min: -2 * Math.log(sigmaMax), max: -2 * Math.log(sigmaMin) };
  return { type: "schedule", schedule: { type: "cosine", truncate } };
}

/** A plan to distil a run, whose averaged parameters at the end of its training teach unless others are named. */
export const planOf = (
  teacher: string,
  phases: readonly Recipe[],
  { checkpoint, weights }: { readonly checkpoint: string; readonly weights: string } = {
    checkpoint: "latest",
    weights: "ema",
  },
): DistillPlan => ({ format: planFormat, teacher, checkpoint, weights, phases });

/** Writes a plan where its phases will be. */
export function savePlan(out: string, plan: DistillPlan): void {
  mkdirSync(out, { recursive: true });
  writeAtomic(join(out, planName), [`${JSON.stringify(plan, null, 2)}\n`]);
}

function readPlan(out: string): DistillPlan {
  const file = join(out, planName);
  if (!existsSync(file)) throw new ConfigError(`${out}: holds no distillation: it has no ${planName}.`);
  const plan = JSON.parse(readFileSync(file, "utf8")) as DistillPlan;
  if (plan.format !== planFormat) throw new ConfigError(`${file}: is no plan of ornstein distill.`);
  return { ...plan, phases: plan.phases.map((phase) => defineRecipe(phase, file)) };
}

/** Trains every phase that is not complete. */
export async function carryOut(
  out: string,
  { teacher, checkpoint, weights, phases }: DistillPlan,
  options: Parameters<typeof follow>[3],
  terminal: Terminal,
): Promise<RunFolder | undefined> {
  let from = RunFolder.open(teacher);
  const dataset = await loadData(from.describe().recipe, terminal);
  const choice = {
    checkpoint: whichCheckpoint(checkpoint),
    weights: weights === "raw" ? ("params" as const) : ("ema" as const),
  };
  for (const [i, phase] of phases.entries()) {
    const path = phasePath(out, phase);
    const folder = RunFolder.exists(path)
      ? RunFolder.open(path)
      : createStudentRun(path, phase, from, i === 0 ? choice : {});
    if (!folder.isComplete()) {
      const started = performance.now();
      terminal.say(`Phase ${i + 1} of ${phases.length}: ${nameOf(phase, "", " steps")}`);
      const { why } = await follow(folder, dataset, terminal, { ...options, part: `of phase ${i + 1}` });
      if (why === "signal") {
        terminal.say(`Stopped; continue with: ornstein distill --resume --out ${out}`);
        return undefined;
      }
      const seconds = (performance.now() - started) / 1000;
      terminal.print(`${nameOf(phase, "", " steps").padStart(11)}  ${duration(seconds).padStart(8)}  ${folder.path}`);
      terminal.record({ type: "phase", steps: phase.sampling.steps, seconds, run: folder.path });
    }
    from = folder;
  }
  terminal.print(`Draw with: ornstein sample ${from.path}`);
  return from;
}
