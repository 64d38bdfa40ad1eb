/** `ornstein train`: from a recipe to a run folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../data/files/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { expenseOf, objectiveOf, type Recipe, samplingPlan } from "../recipe/index.ts";
import { type Ending, RunFolder, type TrainRunOptions, trainRun } from "../runs/index.ts";
import { reportAccuracy } from "./accuracy.ts";
import { command, flagName, grouped, type Terminal, type Values } from "./command.ts";
import { checkPrecision, computeFlags } from "./compute-flags.ts";
import { toPaste } from "./program.ts";
import { askedRecipe, descriptionOf, loadData, prepare, readDuration, readRecipe, recipeFlags } from "./recipes.ts";
import { amount, duration } from "./terminal.ts";

/** Flags about where and how it runs, which leave the result as it is. */
export const runFlags = {
  ...grouped("Output", {
    keep: { type: "integer", default: 3, min: 1, help: "Latest checkpoints that stay, besides the best" },
    checkpointEvery: { type: "number", default: 60, min: 0, help: "Seconds between checkpoints" },
  }),
  ...computeFlags,
};

/** What training is told of {@link runFlags}; Ctrl-C ends it. */
export const runOptions = (
  { keep, checkpointEvery, threads, device }: Values<typeof runFlags>,
  { signal }: Terminal,
) => ({ keep, checkpointEvery, threads, device, signal });

export const train = command({
  name: "train",
  summary: "Train a model; makes a run folder.",
  argument: {
    name: "RECIPE",
    help: "A preset's name, a JSON file, or a run's recipe.json (ornstein explain lists presets)",
    required: false,
  },
  examples: [
    "train edm --out runs/mnist",
    "train edm --data photos/ --set data.size=64 --duration 1M",
    "train points --data points:moons --duration 30s",
    "train first-picture --objective classifier --duration 20k --out runs/guide",
    "train --resume --out runs/mnist",
  ],
  flags: {
    ...recipeFlags,
    ...grouped("What to train", {
      objective: {
        type: "choice",
        choices: ["denoiser", "classifier"],
        default: "denoiser",
        help: "classifier: one of noisy examples at the recipe's noise levels, for sample --classifier",
      },
    }),
    ...grouped("Output", {
      out: {
        type: "string",
        value: "DIR",
        writes: "folder",
        help: "Run folder; runs/00001-RECIPE and so on if left out",
      },
      resume: { type: "boolean", help: "Continue the run in --out, bit for bit" },
      dryRun: { type: "boolean", help: "Print the resolved recipe and stop" },
      sheets: { type: "integer", default: 4, min: 0, help: "Sheets of samples on the way, besides the last" },
    }),
    ...runFlags,
  },
  async run(name, flags, terminal) {
    const options = { ...runOptions(flags, terminal), sheets: flags.sheets };
    if (flags.resume) {
      if (flags.out === undefined) throw new ConfigError("train --resume: needs --out DIR, the run to continue.");
      const fixed = (["data", "batch", "microBatch", "maxMemory", "memory", "precision", "seed"] as const).find(
        (key) => flags[key] !== undefined,
      );
      const given = fixed ?? (flags.set.length > 0 ? "set" : undefined);
      if (given !== undefined)
        throw new ConfigError(`train --resume: continues a run as it is; leave ${flagName(given)} out.`);
      const folder = RunFolder.open(flags.out);
      if (name !== undefined) checkSame(folder, name);
      const seconds = flags.duration === undefined ? undefined : prolong(folder, flags.duration);
      const { recipe } = folder.describe();
      if (flags.dryRun) return printRecipe(recipe, terminal);
      const dataset = await loadData(recipe, terminal);
      await trained(folder, dataset, terminal, { ...options, ...(seconds !== undefined && { seconds }) });
      return;
    }
    if (name === undefined) throw new ConfigError("train: needs a RECIPE: a preset's name or a JSON file.");
    const out = flags.out ?? nextRunPath(name);
    if (!flags.dryRun) {
      RunFolder.checkFree(out);
      checkPrecision(askedRecipe(name, flags).recipe.training.precision, flags.device);
    }
    const { recipe, dataset, facts, seconds } = await prepare(name, flags, terminal);
    // Building the graphs and the grid finds what does not fit before there is a folder.
    expenseOf(recipe, facts);
    samplingPlan(recipe);
    if (flags.dryRun) return printRecipe(recipe, terminal);
    const folder = RunFolder.create(out, descriptionOf(recipe, dataset));
    await trained(folder, dataset, terminal, { ...options, ...(seconds !== undefined && { seconds }) });
  },
});

/** Trains, says how well a classifier does, and what to do next. */
async function trained(folder: RunFolder, dataset: Dataset, terminal: Terminal, options: FollowOptions): Promise<void> {
  const started = performance.now();
  const { why, images } = await follow(folder, dataset, terminal, options);
  const { recipe } = folder.describe();
  const { threads = 0, device = "cpu" } = options;
  const classifies = recipe.task === "classify";
  if (classifies && why !== "signal") await reportAccuracy(folder, terminal, { threads, device });
  if (why === "signal") return;
  const next = classifies ? toPaste("sample", "RUN", "--classifier", folder.path) : toPaste("sample", folder.path);
  const took = `Done in ${duration((performance.now() - started) / 1000)}: ${amount(images)} images. `;
  terminal.say(`${why === "complete" ? took : ""}Draw with: ${next}`);
}

function printRecipe(recipe: Recipe, terminal: Terminal): void {
  terminal.print(JSON.stringify(recipe, null, 2));
  terminal.record(recipe);
}

/** A recipe given with --resume must be the run's own, apart from what depends on the data and on its length. */
function checkSame(folder: RunFolder, name: string): void {
  const { recipe } = folder.describe();
  const given = readRecipe(name);
  const differs = (["objective", "model"] as const).find(
    (part) => JSON.stringify(given[part]) !== JSON.stringify(recipe[part]),
  );
  if (differs)
    throw new ConfigError(
      `${folder.path}: is a run of another recipe than ${name}: their "${differs}" differs. Leave the recipe out to continue it.`,
    );
}

/** Gives a run more images, where its learning rate has not come to an end; or more time, in seconds. */
function prolong(folder: RunFolder, text: string): number | undefined {
  const { images, seconds } = readDuration(text);
  if (images === undefined) return seconds;
  const { recipe } = folder.describe();
  const { training } = recipe;
  const { decay } = training.learningRate;
  if (images < training.images)
    throw new ConfigError(
      `train --resume: --duration must be at least the run's ${training.images} images; got ${images}.`,
    );
  if (images > training.images && (decay?.type === "linear" || decay?.type === "cosine"))
    throw new ConfigError(
      `train --resume: --duration: the run's learning rate is 0 after ${decay.to} ${decay.over}. Start a new run for ${text}.`,
    );
  folder.replaceRecipe({ ...recipe, training: { ...training, images } });
  return undefined;
}

function nextRunPath(recipe: string): string {
  const name = recipe.replace(/\.json$/, "").replace(/[^\w+-]+/g, "-");
  for (let i = 1; ; i++) {
    const path = join("runs", `${String(i).padStart(5, "0")}-${name}`);
    if (!existsSync(path)) return path;
  }
}

/** How a run went. */
export interface Followed {
  readonly why: Ending;
  readonly images: number;
  readonly imagesPerSecond: number;
}

interface FollowOptions extends TrainRunOptions {
  /** Names a part of a longer training, which ends by time as it should. */
  readonly part?: string;
}

/** Trains a run while showing how it goes. A run that could not begin leaves no folder behind. */
export async function follow(
  folder: RunFolder,
  dataset: Dataset,
  terminal: Terminal,
  options: FollowOptions,
): Promise<Followed> {
  try {
    checkPrecision(folder.describe().recipe.training.precision, options.device ?? "cpu");
    return await show(folder, dataset, terminal, options);
  } catch (error) {
    folder.removeIfUnused();
    throw error;
  }
}

async function show(
  folder: RunFolder,
  dataset: Dataset,
  terminal: Terminal,
  { part, ...options }: FollowOptions,
): Promise<Followed> {
  terminal.say(`Run folder: ${folder.path}`);
  const { recipe } = folder.describe();
  const aim = part ?? `of ${amount(recipe.training.images)} images`;
  for (const warning of objectiveOf(recipe).warnings) terminal.say(`Note: ${warning}`);
  let imagesPerSecond = Number.NaN;
  for await (const event of trainRun(folder, dataset, { cache: cacheFolder(), ...options })) {
    terminal.record(event);
    if (event.type === "features") {
      const { step, steps, loss } = event;
      terminal.progress(`training the classifier that the loss looks through, loss ${loss.toFixed(3)}`, step / steps);
      continue;
    }
    if (event.type === "ready") {
      const from = event.step === 0 ? "" : `, continuing at step ${event.step}`;
      terminal.say(
        `${dataset.name}: ${dataset.size} examples. ${amount(event.parameters)} parameters, ready in ${event.seconds.toFixed(1)} s${from}.`,
      );
    } else if (event.type === "step") {
      ({ imagesPerSecond } = event);
      const { share, images, loss, secondsLeft } = event;
      const speed = Number.isFinite(imagesPerSecond)
        ? `  ${amount(imagesPerSecond)} images/s  ${duration(secondsLeft)} left`
        : "";
      terminal.progress(`${amount(images)} ${aim}  loss ${loss.toFixed(4)}${speed}`, share);
    } else if (event.type === "samples") terminal.say(`Samples at ${amount(event.images)} images: ${event.path}`);
    else if (event.type === "done") {
      const { why, step, images } = event;
      if (why !== "complete" && part === undefined) {
        const ending = why === "time" ? "Time is up" : "Stopped";
        const more = toPaste("train", "--resume", "--out", folder.path);
        terminal.say(`${ending} at step ${step}, which is saved; continue with: ${more}`);
      }
      return { why, images, imagesPerSecond };
    }
  }
  throw new Error("internal: training ended without saying so.");
}
