/** `ornstein quickstart`: from nothing to a sheet of digits in minutes, however fast the machine. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { factsOf, lasting, measureSpeed, preset, type Recipe, resolveRecipe, type Speed } from "../recipe/index.ts";
import { type RunDescription, RunFolder, writeSheet } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { command, type Terminal } from "./command.ts";
import { drawRun } from "./drawing.ts";
import { descriptionOf, loadData } from "./recipes.ts";
import { amount, duration } from "./terminal.ts";
import { follow, runFlags } from "./train.ts";

const presetName = "first-picture";
/** Columns of the sheet; its rows are the classes. */
const columns = 8;
/** Training sees at least as many images, however slow the machine, and no more than are of use. */
const [fewest, most] = [2_000, 400_000];
/** Sheets in the course of training. */
const sheets = 2;

export const quickstart = command({
  name: "quickstart",
  summary: "Learn to draw digits, in minutes, and write a sheet of them.",
  examples: ["quickstart", "quickstart --minutes 20"],
  flags: {
    minutes: { type: "number", default: 4.5, min: 0.05, help: "How long to train, about" },
    out: { type: "string", value: "DIR", help: "Folder for runs/quickstart, runs/quickstart-2, …", default: "runs" },
    ...runFlags,
  },
  async run(_, { minutes, out, threads, device, checkpointEvery }, terminal) {
    const started = performance.now();
    const compileOptions = { threads, device: device as Device };
    const found = place(out);
    terminal.say("A small diffusion model learns to draw handwritten digits.");
    const recipe = found.folder?.describe().recipe ?? preset(presetName);
    const dataset = await loadData(recipe, terminal);
    const folder =
      found.folder ?? RunFolder.create(found.path, await plan(recipe, dataset, 60 * minutes, compileOptions, terminal));
    const { data } = folder.describe();
    const { why, imagesPerSecond, images } = await follow(folder, dataset, terminal, {
      ...compileOptions,
      checkpointEvery,
      sheets,
      // A machine that has become slower than measured stops a little late, and not much later.
      seconds: 1.15 * 60 * minutes,
      signal: terminal.signal,
    });
    if (why === "signal") return;

    const { samples } = await drawRun(
      folder,
      { count: columns * data.classes, seed: 1, label: (i) => Math.floor(i / columns), ...compileOptions },
      terminal,
    );
    const sheet = sheetOf(folder);
    await writeSheet(sheet, samples, { shape: data.shape, columns, rowLabels: data.classNames ?? [] });
    const seconds = (performance.now() - started) / 1000;
    const speed = Number.isFinite(imagesPerSecond) ? `, ${amount(imagesPerSecond)} images/s` : "";
    terminal.print(`\nDone in ${duration(seconds)}: ${amount(images)} images${speed}.`);
    terminal.print(`Your digits: ${sheet}\n`);
    terminal.print(suggestions(folder.path));
    terminal.record({ type: "quickstart", run: folder.path, sheet, seconds, images, imagesPerSecond });
  },
});

const sheetOf = ({ path }: RunFolder) => join(path, "samples", "digits.png");

/** The run that was interrupted, or a new path for the next. */
function place(parent: string): { readonly path: string; readonly folder?: RunFolder } {
  for (let i = 1; ; i++) {
    const path = join(parent, i === 1 ? "quickstart" : `quickstart-${i}`);
    if (!existsSync(path)) return { path };
    if (!RunFolder.exists(path)) continue;
    const folder = RunFolder.open(path);
    if (!folder.isComplete() || !existsSync(sheetOf(folder))) return { path, folder };
  }
}

/** The recipe, made as long as this machine can train in so many seconds. */
async function plan(
  recipe: Recipe,
  dataset: Dataset,
  seconds: number,
  options: { readonly threads: number; readonly device: Device },
  terminal: Terminal,
): Promise<RunDescription> {
  const resolved = resolveRecipe(recipe, dataset);
  terminal.progress("measuring how fast this machine trains…");
  const started = performance.now();
  const speed = await measureSpeed(resolved, factsOf(dataset), { ...options, steps: 15, patience: 10 });
  const images = imagesWithin(seconds - (performance.now() - started) / 1000, resolved, speed);
  const perSecond = resolved.training.batch / speed.secondsPerStep;
  terminal.say(
    `This machine trains on ${amount(perSecond)} images a second: ${amount(images)} images in about ${duration(seconds)}.`,
  );
  return descriptionOf(lasting(resolved, images), dataset);
}

/** How many images training can see if drawing its sheets is to end in time too; a round number. */
export function imagesWithin(
  seconds: number,
  { training, sampling }: Recipe,
  { secondsPerStep, readySeconds }: Speed,
): number {
  const secondsPerImage = secondsPerStep / training.batch;
  // Denoising is a third of the work of training, twice a step of the solver, and twice that under guidance.
  const calls = 2 * sampling.steps * ((sampling.guidance ?? 1) === 1 ? 1 : 2);
  const sheetSeconds = readySeconds / 2 + (40 * calls * secondsPerImage) / 3;
  const left = Math.max(0, seconds - readySeconds - (sheets + 1) * sheetSeconds);
  const fitting = Math.min(Math.max(left / secondsPerImage, fewest), most);
  return Math.floor(Number(fitting.toPrecision(2)));
}

const suggestions = (run: string) =>
  [
    "Try next:",
    `  npx ornstein sample ${run} --class 7 --n 64       # sevens`,
    `  npx ornstein sample ${run} --steps 6 --seed 5     # faster, and rougher`,
    "  npx ornstein train points --data points:moons --duration 30s",
    "  npx ornstein explain                              # what else there is to train",
  ].join("\n");
