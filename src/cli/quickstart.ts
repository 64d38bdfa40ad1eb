/** `ornstein quickstart`: from nothing to a sheet of digits in minutes, however fast the machine. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../errors/index.ts";
import { preset, type Recipe, resolveRecipe } from "../recipe/index.ts";
import { RunFolder, writeSheet } from "../runs/index.ts";
import { command, type Terminal } from "./command.ts";
import { carryOut, planOf, savePlan } from "./distill-plan.ts";
import { drawRun } from "./drawing.ts";
import { program, toPaste } from "./program.ts";
import { descriptionOf, loadData } from "./recipes.ts";
import { phasesOf } from "./students.ts";
import { amount, duration } from "./terminal.ts";
import { follow, runFlags, runOptions } from "./train.ts";

const presetName = "first-picture";
/** Columns of the sheet; its rows are the classes. */
const columns = 8;
/** Images that training would see if nothing ended it: more than any machine manages in the time. */
const openEnd = 1_000_000;
/** The part of the time in which the learning rate stays up; the rest is for its way down. */
const atFullRate = 0.5;
/** Sheets while the learning rate falls. */
const sheets = 1;

export const quickstart = command({
  name: "quickstart",
  summary: "Learn to draw digits, in minutes, and write a sheet of them.",
  examples: ["quickstart", "quickstart --minutes 20", "quickstart --distill 4"],
  flags: {
    minutes: { type: "number", default: 5, min: 0.05, help: "How long to train, about" },
    distill: { type: "integer", min: 1, help: "Then teach it to draw in so many steps: 4 takes as long again" },
    out: {
      type: "string",
      value: "DIR",
      writes: "folder",
      help: "Folder for runs/quickstart, runs/quickstart-2, …",
      default: "runs",
    },
    ...runFlags,
  },
  async run(_, { minutes, distill: steps, out, ...flags }, terminal) {
    if (steps !== undefined && !isStudent(steps))
      throw new ConfigError(`quickstart: --distill must be one of ${Object.keys(students).join(", ")}; got ${steps}.`);
    const started = performance.now();
    const found = place(out);
    terminal.say("A small diffusion model learns to draw handwritten digits.");
    const recipe = found.folder?.describe().recipe ?? preset(presetName);
    const dataset = await loadData(recipe, terminal);
    const folder =
      found.folder ?? RunFolder.create(found.path, descriptionOf(endless(resolveRecipe(recipe, dataset)), dataset));
    const secondsLeft = () => 60 * minutes - (performance.now() - started) / 1000;
    const options = runOptions(flags, terminal);

    // How fast a machine is shows while it trains; when the first part of the time is over, the rest is planned.
    if (isEndless(folder.describe().recipe)) {
      const [before, began] = [folder.imagesSeen(), performance.now()];
      const { why, images } = await follow(folder, dataset, terminal, {
        ...options,
        sheets: 0,
        seconds: atFullRate * secondsLeft(),
        part: "at full rate",
      });
      if (why === "signal") return terminal.say(stopped);
      const imagesPerSecond = (1000 * (images - before)) / (performance.now() - began);
      const description = folder.describe();
      const recipeToEnd = ending(description.recipe, { images, imagesPerSecond, seconds: secondsLeft() });
      folder.revise({ ...description, recipe: recipeToEnd });
    }
    const { why, imagesPerSecond, images } = await follow(folder, dataset, terminal, {
      ...options,
      sheets,
      // A machine that has become slower since stops a little late, and not much later.
      seconds: Math.max(20, 1.15 * secondsLeft()),
    });
    if (why === "signal") return terminal.say(stopped);

    const { data } = folder.describe();
    const { samples } = await drawRun(
      folder,
      {
        count: columns * data.classes,
        seed: 1,
        label: (i) => Math.floor(i / columns),
        threads: flags.threads,
        device: flags.device,
      },
      terminal,
    );
    const sheet = sheetOf(folder);
    await writeSheet(sheet, samples, { shape: data.shape, columns, rowLabels: data.classNames ?? [] });
    const seconds = (performance.now() - started) / 1000;
    const speed = Number.isFinite(imagesPerSecond) ? `, ${amount(imagesPerSecond)} images/s` : "";
    terminal.print(`\nDone in ${duration(seconds)}: ${amount(images)} images${speed}.`);
    terminal.print(`Your digits: ${sheet}\n`);
    if (steps !== undefined) await distilled(folder, steps, { ...options, sheets: 0 }, terminal);
    if (terminal.signal.aborted) return;
    terminal.print(suggestions(folder.path));
    terminal.record({ type: "quickstart", run: folder.path, sheet, seconds, images, imagesPerSecond });
  },
});

const sheetOf = ({ path }: RunFolder) => join(path, "samples", "digits.png");

/**
 * The students on the way from 64 steps to the number asked for. Four steps in one where they divide, and more in the last
 * phases, whose teachers have few: the mistakes of fewer teachers add up, in less time.
 */
export const students = {
  32: [32],
  16: [16],
  8: [32, 8],
  4: [16, 4],
  2: [32, 8, 2],
  1: [16, 4, 1],
} as const satisfies Readonly<Record<number, readonly number[]>>;
/** Shares of the images seen in training that a phase sees: the last, whose student stays, the most. */
const [phaseShare, lastShare] = [1 / 10, 1 / 5];

const isStudent = (steps: number): steps is keyof typeof students => Object.hasOwn(students, steps);

/** Distils the run from 64 steps to so many, in a folder beside it. */
async function distilled(
  folder: RunFolder,
  last: keyof typeof students,
  options: Parameters<typeof carryOut>[2],
  terminal: Terminal,
): Promise<void> {
  const { recipe, data } = folder.describe();
  const to = students[last];
  const images = to.map((steps) => Math.ceil(folder.imagesSeen() * (steps === last ? lastShare : phaseShare)));
  const request = {
    to,
    grid: "cosine",
    guidance: 1.5,
    duration: images.join(","),
    learningRate: 1e-3,
    loss: "trunc-snr",
  } as const;
  const phases = await phasesOf(request, { teacher: recipe, facts: data, compile: options, terminal });
  const path = `${folder.path}-distilled`;
  const plan = planOf(folder.path, phases);
  savePlan(path, plan);
  await carryOut(path, plan, options, terminal);
}

/** The run that was interrupted, or a new path for the next. */
function place(parent: string): { readonly path: string; readonly folder?: RunFolder } {
  for (let i = 1; ; i++) {
    const path = join(parent, i === 1 ? "quickstart" : `quickstart-${i}`);
    // Where another run was distilled, its students would be taken for this one's.
    if (!existsSync(path) && !existsSync(`${path}-distilled`)) return { path };
    if (!RunFolder.exists(path)) continue;
    const folder = RunFolder.open(path);
    if (!folder.isComplete() || !existsSync(sheetOf(folder))) return { path, folder };
  }
}

/** The recipe without an end, its learning rate staying up. */
function endless(recipe: Recipe): Recipe {
  const { decay: _, ...learningRate } = recipe.training.learningRate;
  return { ...recipe, training: { ...recipe.training, images: openEnd, learningRate } };
}

const isEndless = ({ training }: Recipe): boolean => training.images === openEnd;

/** What the first part of training has shown, and the time that is left. */
export interface SoFar {
  readonly images: number;
  readonly imagesPerSecond: number;
  readonly seconds: number;
}

/**
 * The recipe with an end that fits the time left beside drawing the sheets. Its learning rate falls from here to there,
 * so that it is the recipe of the whole run, the part behind it included.
 */
export function ending(recipe: Recipe, { images, imagesPerSecond, seconds }: SoFar): Recipe {
  const { training, sampling } = recipe;
  // Denoising is a third of the work of training, twice a step of the solver, and twice that under guidance.
  const calls = 2 * sampling.steps * ((sampling.guidance ?? 1) === 1 ? 1 : 2);
  const sheetSeconds = ((sheets + 3) * 40 * calls) / (3 * imagesPerSecond);
  const more = Math.max(50, Math.floor((imagesPerSecond * (seconds - sheetSeconds)) / training.batch));
  const total = images + more * training.batch;
  const decay = { type: "linear", over: "images", from: images, to: total } as const;
  return { ...recipe, training: { ...training, images: total, learningRate: { ...training.learningRate, decay } } };
}

const stopped = "Stopped, and saved; give the same command again to go on.";

const suggestions = (run: string) =>
  [
    "Try next:",
    `  ${toPaste("sample", run)} --class 7 --n 64       # sevens`,
    `  ${toPaste("sample", run)} --steps 6 --seed 5     # faster, and rougher`,
    `  ${program()} train points --data points:moons --duration 30s`,
    `  ${program()} explain                              # what else there is to train`,
  ].join("\n");
