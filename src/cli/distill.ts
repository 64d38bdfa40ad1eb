/** `ornstein distill`: a run taught to draw in fewer steps, phase by phase. */
import { ConfigError } from "../errors/index.ts";
import { consistencyMetrics, samplingPlan, studentLosses } from "../recipe/index.ts";
import { RunFolder } from "../runs/index.ts";
import { command, flagName, grouped } from "./command.ts";
import { carryOut, checkNoPlan, planOf, readPlan, savePlan } from "./distill-plan.ts";
import { consistencyPhase, consistencyRequest, phasesOf, progressiveRequest } from "./students.ts";
import { runFlags, runOptions } from "./train.ts";
import { parameterFlags, whichCheckpoint } from "./weights.ts";

const methods = ["progressive", "consistency"] as const;
/** Flags that are settled when a plan is made. */
const planned = ["to", "from", "grid", "guidance", "duration", "learningRate", "loss", "batch", "seed"] as const;

export const distill = command({
  name: "distill",
  summary: "Teach a run to draw in fewer steps, phase by phase or as a consistency model.",
  argument: { name: "RUN", help: "The teacher's run folder, as made by train or distill", required: false },
  examples: [
    "distill runs/quickstart --to 16,4",
    "distill runs/mnist --from 64 --to 32,16,8,4,2,1 --duration 20k,20k,40k --guidance 1.5",
    "distill runs/mnist --from 16 --to 4 --guidance 1..4",
    "distill runs/mnist --method consistency --duration 5min",
    "distill --resume --out runs/mnist-distilled",
  ],
  flags: {
    ...grouped("What to train", {
      method: {
        type: "choice",
        choices: methods,
        default: "progressive",
        help: "DDIM steps in one, phase by phase; or one phase of consistency distillation",
      },
      to: {
        type: "string",
        value: "N,…",
        help: "Steps of the students, each the next one's teacher: 16,4; of a consistency model: 1",
      },
      from: {
        type: "integer",
        min: 2,
        help: "DDIM steps of the teacher: 64, or a student's own; noise levels of a consistency model: 18",
      },
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
        help: "trunc-snr (the default) or snr-plus-one; of a consistency model l2 (the default), pseudo-huber or features (of labelled images)",
      },
      batch: { type: "integer", min: 1, help: "Samples in one update; the teacher's if left out" },
      seed: { type: "integer", min: 0, help: "Of everything random; the teacher's if left out" },
    }),
    weights: parameterFlags.weights,
    checkpoint: parameterFlags.checkpoint,
    ...grouped("Output", {
      out: {
        type: "string",
        value: "DIR",
        writes: "folder",
        help: "Folder for steps-32, steps-16, …; RUN-distilled if left out",
      },
      resume: { type: "boolean", help: "Continue in --out, bit for bit" },
      dryRun: { type: "boolean", help: "Print the phases' recipes and stop" },
      sheets: {
        type: "integer",
        default: 0,
        min: 0,
        help: "Sheets of samples in the course of each phase, besides its last",
      },
    }),
    ...runFlags,
  },
  async run(path, flags, terminal) {
    const options = { ...runOptions(flags, terminal), sheets: flags.sheets };
    if (flags.resume) {
      if (flags.out === undefined)
        throw new ConfigError("distill --resume: needs --out DIR, the folder of its phases.");
      const extra = planned.find((key) => flags[key] !== undefined);
      if (extra !== undefined || path !== undefined)
        throw new ConfigError(
          `distill --resume: carries out its plan as it is; leave ${extra === undefined ? path : flagName(extra)} out.`,
        );
      await carryOut(flags.out, readPlan(flags.out), options, terminal);
      return;
    }
    if (path === undefined) throw new ConfigError("distill: needs a RUN to learn from.");
    const out = flags.out ?? `${path.replace(/\/+$/, "")}-distilled`;
    if (!flags.dryRun) checkNoPlan(out);
    const teacher = RunFolder.open(path);
    const { recipe, data } = teacher.describe();
    teacher.load(whichCheckpoint(flags.checkpoint));
    const setting = {
      teacher: recipe,
      facts: data,
      compile: { threads: flags.threads, device: flags.device },
      terminal,
    };
    const phases =
      flags.method === "consistency"
        ? [await consistencyPhase(consistencyRequest(flags), setting)]
        : await phasesOf(progressiveRequest(flags), setting);
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
