/** A distillation as it is planned, kept and carried out: a run for every phase, in one folder. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, reasonOf } from "../errors/index.ts";
import { defineRecipe, type Recipe } from "../recipe/index.ts";
import { checkFree, createStudentRun, hasTrainingSheet, RunFolder } from "../runs/index.ts";
import type { Terminal } from "./command.ts";
import { writeTo } from "./places.ts";
import { toPaste } from "./program.ts";
import { loadData } from "./recipes.ts";
import { phaseName } from "./students.ts";
import { duration } from "./terminal.ts";
import { follow } from "./train.ts";
import { whichCheckpoint } from "./weights.ts";

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

/** The folder of a phase: `guided`, `consistency`, `steps-16`. */
const phasePath = (out: string, phase: Recipe): string =>
  join(out, phaseName(phase).replace(/^(\d+) steps?$/, "steps-$1"));

/** Whether a folder holds a distillation. */
const holdsPlan = (out: string): boolean => existsSync(join(out, planName));

/** Throws ConfigError unless a new distillation may be made there. */
export function checkNoPlan(out: string): void {
  if (holdsPlan(out))
    throw new ConfigError(`${out}: holds a distillation already. Continue it with --resume, or choose another --out.`);
  checkFree(out);
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
  writeTo(join(out, planName), `${JSON.stringify(plan, null, 2)}\n`);
}

/** Reads the plan in a folder. Throws ConfigError. */
export function readPlan(out: string): DistillPlan {
  const file = join(out, planName);
  if (!holdsPlan(out)) throw new ConfigError(`${out}: holds no distillation: it has no ${planName}.`);
  let plan: DistillPlan | null;
  try {
    plan = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${file}: cannot be read: ${reasonOf(cause)}.`, { cause });
  }
  if (plan?.format !== planFormat || !Array.isArray(plan.phases) || typeof plan.teacher !== "string")
    throw new ConfigError(`${file}: is no plan of ornstein distill.`);
  return { ...plan, phases: plan.phases.map((phase) => defineRecipe(phase, file)) };
}

/** Trains every phase that is not complete, and draws the last sheet of one that was stopped at it. */
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
    if (!folder.isComplete() || !hasTrainingSheet(folder)) {
      const started = performance.now();
      terminal.say(`Phase ${i + 1} of ${phases.length}: ${phaseName(phase)}`);
      const { why } = await follow(folder, dataset, terminal, { ...options, part: `of phase ${i + 1}` });
      if (why === "signal") {
        terminal.say(`Stopped, and saved; continue with: ${toPaste("distill", "--resume", "--out", out)}`);
        return undefined;
      }
      const seconds = (performance.now() - started) / 1000;
      terminal.print(`${phaseName(phase).padStart(11)}  ${duration(seconds).padStart(8)}  ${folder.path}`);
      terminal.record({ type: "phase", steps: phase.sampling.steps, seconds, run: folder.path });
    }
    from = folder;
  }
  terminal.print(`Draw with: ${toPaste("sample", from.path)}`);
  return from;
}
