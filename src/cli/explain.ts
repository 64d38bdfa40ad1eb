/** `ornstein explain`: what a recipe is, what it really optimises, and what it takes. */

import { basename, dirname, join } from "node:path";
import { compareObjectives, profileOf } from "../analysis/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type DrawingExpense,
  drawingExpense,
  type Expense,
  expenseOf,
  objectiveOf,
  presetSummaries,
  type Recipe,
  type Speed,
  studentLevels,
  wholeBytes,
} from "../recipe/index.ts";
import { probe, RunFolder, type StatsLine, type TeacherDescription } from "../runs/index.ts";
import { networkSides } from "../training/index.ts";
import { command, givenOf, grouped, type Terminal } from "./command.ts";
import { twoColumns } from "./layout.ts";
import { binLines, learnedState, measureSpreads, spreadFlags, spreadLines, spreadPlot } from "./loss-spread.ts";
import { comparisonText, objectiveLines, objectivePlots } from "./objective.ts";
import { writePlots } from "./plots.ts";
import { program } from "./program.ts";
import { dataBytes, prepare, readRecipe, recipeFlags } from "./recipes.ts";
import { amount, bytes, duration, flops } from "./terminal.ts";

const flagTable = {
  ...recipeFlags,
  ...grouped("What to measure", {
    against: { type: "string", value: "RECIPE", help: "Compare what counts with another recipe" },
    noMeasure: { type: "boolean", help: "Do not run a few steps to see how long they take" },
  }),
  ...grouped("Output", {
    out: {
      type: "string",
      value: "DIR",
      writes: "folder",
      help: "Folder for plots of schedule, density and weighting (SVG and PNG)",
    },
  }),
  ...spreadFlags,
};

export const explain = command({
  name: "explain",
  summary: "Say what a recipe or a run optimises and takes: weighting, size, work, time here; or list the presets.",
  argument: {
    name: "RECIPE",
    help: "A preset's name, a JSON file, or a run folder; left out: all presets",
    required: false,
  },
  examples: [
    "explain",
    "explain first-picture",
    "explain flow --against v-cosine --out plots",
    "explain edm --data emoji --set model.network.modelChannels=64",
    "explain runs/mnist --against vdm++ --out plots",
  ],
  flags: flagTable,
  async run(name, flags, terminal) {
    if (name === undefined) {
      const about = givenOf(flagTable, flags);
      if (about !== undefined) throw new ConfigError(`explain: ${about} is about a recipe: name it too.`);
      return list(terminal);
    }
    const run = RunFolder.exists(name) ? RunFolder.open(name) : undefined;
    const prepared = await prepare(run ? join(name, "recipe.json") : name, flags, terminal);
    const { recipe, dataset, facts } = prepared;
    if (recipe.task === "classify")
      throw new ConfigError("explain: the recipe is a classifier's, which has no weighting. Explain its denoiser's.");
    const expense = expenseOf(recipe, facts);
    const drawing = drawingExpense(recipe, expense);
    const predicted = wholeBytes(expense.memory, dataBytes());
    for (const line of description(name, recipe, dataset, expense, predicted, drawing)) terminal.print(line);
    const lineage = lineageOf(name);
    if (lineage) terminal.print(row("teacher", lineage));
    const trained =
      run && run.stats().length > 0 ? { images: run.imagesSeen(), seconds: secondsOf(run.stats()) } : undefined;
    if (trained) terminal.print(row("trained", `${amount(trained.images)} images in ${duration(trained.seconds)}`));
    const objective = objectiveOf(recipe);
    const state = run && learnedState(run, recipe);
    for (const [title, text] of objectiveLines(objective, state)) terminal.print(row(title, text));
    const target = consistencyText(recipe);
    if (target) terminal.print(row("target", target));
    const { rise, mixture } = profileOf(objective);
    const bound = { monotonic: mixture !== undefined, rise, massAtZero: mixture?.massAtZero };
    // The other recipe is taken to be for the same data.
    const { sigmaData } = recipe.data;
    const other = flags.against === undefined ? undefined : readRecipe(flags.against);
    const against = other && objectiveOf({ ...other, data: { ...other.data, sigmaData } });
    const comparison = against && compareObjectives(objective, against);
    if (comparison) terminal.print(row("against", `${flags.against}: ${comparisonText(comparison)}`));
    const named = [
      { name, objective, state },
      ...(against ? [{ name: flags.against ?? "", objective: against }] : []),
    ] as const;
    const plots: Record<string, string> = flags.out === undefined ? {} : { ...objectivePlots(named) };
    const loss =
      run && !flags.noMeasure ? await measureSpreads(run, prepared, named, { ...flags, terminal }) : undefined;
    if (loss) {
      for (const [title, text] of spreadLines(loss)) terminal.print(row(title, text));
      for (const line of binLines(loss.spreads[name])) terminal.print(`  ${line}`);
      plots["loss-spread"] = spreadPlot(loss);
    }
    const { out } = flags;
    if (out !== undefined) await writePlots(plots, (plot) => join(out, plot), terminal);
    const explained = {
      name,
      ...(lineage && { lineage }),
      ...(trained && { trained }),
      ...(drawing && { drawing }),
      recipe,
      data: facts,
      expense,
      predicted,
      bound,
      ...(comparison && { comparison }),
      ...(loss && { loss }),
    };
    if (flags.noMeasure) {
      terminal.record(explained);
      return;
    }
    if (recipe.training.precision === "float16" && flags.device === "cpu") {
      terminal.print(row("here", "not measured: float16 is for GPUs. With --device webgpu or cuda it is"));
      terminal.record(explained);
      return;
    }
    terminal.progress("measuring a few steps…");
    const taken = await probe(recipe, facts, { threads: flags.threads, device: flags.device });
    const memory = taken.bytes + dataBytes();
    const { speed } = taken;
    terminal.print(row("here", measured(recipe, expense, speed, memory)));
    terminal.record({ ...explained, speed, memory });
  },
});

/** How long training took, by its own log. */
export const secondsOf = (stats: readonly StatsLine[]): number =>
  stats.reduce(
    (sum, { images, imagesPerSecond }, i) => sum + (images - (stats[i - 1]?.images ?? 0)) / imagesPerSecond,
    0,
  );

/** Whom a run learned from, if `name` is a student's run, or the recipe.json in it. */
export function lineageOf(name: string): string | undefined {
  const path = basename(name) === "recipe.json" ? dirname(name) : name;
  if (!RunFolder.exists(path)) return undefined;
  const { teacher } = RunFolder.open(path).describe();
  const line = (of: TeacherDescription): string => {
    const { steps, sampler } = of.recipe.sampling;
    const own = studentLevels(of.recipe) ? `${steps} steps` : `${sampler}, ${steps} steps`;
    return `${of.run} (${own}, ${amount(of.images)} images)${of.teacher ? `, of ${line(of.teacher)}` : ""}`;
  };
  return teacher && `student of ${line(teacher)}`;
}

/** What a consistency model's answers are to be, and how far they are from it. */
function consistencyText({ training: { target } }: Recipe): string | undefined {
  if (target?.type !== "consistency" && target?.type !== "consistency-distillation") return undefined;
  const { type = "l2" } = target.metric ?? {};
  const levels =
    target.type === "consistency"
      ? `${target.startScales ?? 2} to ${target.endScales ?? 150} noise levels`
      : `${target.scales ?? 18} noise levels, down a Heun step of the teacher`;
  return `its own answer at the next of ${levels}; distance ${type}`;
}

function list(terminal: Terminal): void {
  const entries = Object.entries(presetSummaries);
  for (const line of twoColumns(entries, { columns: terminal.columns, indent: 0 })) terminal.print(line);
  for (const [name, summary] of entries) terminal.record({ name, summary });
  terminal.print(`\n${program()} explain NAME says what one takes, ${program()} train NAME trains it.`);
}

/** What a sample takes, in words. */
export function drawingText(drawing: DrawingExpense | undefined): string {
  if (!drawing) return "";
  const { evaluations, calls, flops: work } = drawing;
  return `: NFE ${evaluations}${calls === evaluations ? "" : `, ${calls} calls of the network`}, ${flops(work)} a sample`;
}

const row = (title: string, text: string) => `  ${title.padEnd(9)} ${text}`;

function* description(
  name: string,
  recipe: Recipe,
  dataset: Dataset,
  expense: Expense,
  predicted: number,
  drawing: DrawingExpense | undefined,
): Generator<string> {
  const { training, model, sampling, data } = recipe;
  const summary = (presetSummaries as Readonly<Record<string, string>>)[name];
  const classes = dataset.classes ? `, ${dataset.classes.length} classes` : "";
  const patch = model.patch > 1 ? `, ${model.patch}×${model.patch} pixels as one` : "";
  const { batch, microBatch = batch, memory, precision, images } = training;
  const ways = [
    ...(microBatch < batch ? [`in passes of ${microBatch}`] : []),
    ...(memory === "low" ? ["much of each computed again for the gradients"] : []),
  ];
  const parts = ways.length > 0 ? ` (${ways.join(", ")})` : "";
  const conditional = model.conditional ? ", told the class" : "";
  yield summary === undefined ? name : `${name}: ${summary}`;
  yield row(
    "data",
    `${dataset.name}: ${dataset.size} examples of ${dataset.shape.join("×")}${classes}, standard deviation ${data.sigmaData}`,
  );
  yield row(
    "network",
    `${model.network.type}${patch}${conditional}${framing(recipe, dataset)}: ${amount(expense.parameters)} parameters`,
  );
  yield row("work", `${flops(expense.forwardFlops)} to denoise one, ${flops(expense.trainingFlops)} to train on one`);
  const { programBytes, stateBytes, passBytes, sheetBytes } = expense.memory;
  const held = [
    `program ${bytes(programBytes)}`,
    `training state ${bytes(stateBytes)}`,
    `a pass of ${microBatch} ${bytes(passBytes)}`,
    ...(sheetBytes > 0 ? [`a sheet of samples ${bytes(sheetBytes)}`] : []),
    "and the data",
  ];
  yield row("memory", `about ${bytes(predicted)} at most, of the whole process as it trains: ${held.join(", ")}`);
  if (precision === "float16")
    yield row("precision", "float16 in the network and its gradients; float32 in the state, in sums and in the update");
  yield row("training", `${images} in batches of ${batch}${parts}: ${Math.ceil(images / batch)} updates`);
  yield row("sampling", `${sampling.sampler}, ${sampling.steps} steps${drawingText(drawing)}`);
}

/** What is put around images whose sides the network cannot halve. */
function framing(recipe: Recipe, { shape }: Dataset): string {
  if (shape.length !== 3) return "";
  const [height, width] = networkSides({ ...recipe.model, shape, classes: 0 });
  if (height === shape[1] && width === shape[2]) return "";
  return `, ${shape[1]}×${shape[2]} framed in zeros to ${height}×${width} and cut back`;
}

function measured(
  { training }: Recipe,
  expense: Expense,
  { readySeconds, secondsPerStep }: Speed,
  memory: number,
): string {
  const perSecond = training.batch / secondsPerStep;
  const steps = Math.ceil(training.images / training.batch);
  return [
    `${secondsPerStep.toPrecision(3)} s an update, ${amount(perSecond)} images/s (${flops(perSecond * expense.trainingFlops)}/s)`,
    `${duration(readySeconds + steps * secondsPerStep)} in all`,
    `${bytes(memory)} of memory`,
  ].join("; ");
}
