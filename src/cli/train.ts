/** `ornstein train`: from a recipe to a run folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../errors/index.ts";
import { modelOf, type Recipe, trainerOf } from "../recipe/index.ts";
import { RunFolder, trainRun } from "../runs/index.ts";
import { type Device, devices } from "../runtime/index.ts";
import { command, type Terminal } from "./command.ts";
import { factsOf, loadData, readRecipe, resolveRecipe } from "./recipes.ts";
import { amount, bar, duration } from "./terminal.ts";

export const train = command({
  name: "train",
  summary: "Train a model; makes a run folder.",
  argument: { name: "RECIPE", help: "A preset's name or a JSON file (ornstein explain lists them)", required: false },
  examples: [
    "train edm --out runs/mnist",
    "train edm --data photos/ --set data.size=64 --duration 1M",
    "train --resume --out runs/mnist",
  ],
  flags: {
    data: { type: "string", value: "SRC", help: "Data set: mnist, emoji, points:moons, a folder, …" },
    out: { type: "string", value: "DIR", help: "Run folder; runs/00001-RECIPE and so on if left out" },
    duration: { type: "string", value: "N", help: "Images to see in all, such as 200k" },
    batch: { type: "integer", min: 1, help: "Samples in one update" },
    microBatch: { type: "integer", min: 1, help: "Samples in one pass, if less; same gradient, less memory" },
    seed: { type: "integer", min: 0, help: "Of everything random" },
    device: { type: "choice", choices: devices, default: "cpu", help: "Where to compute" },
    threads: { type: "integer", default: 0, min: 0, help: "Threads; 0 is the number of physical cores" },
    resume: { type: "boolean", help: "Continue the run in --out, bit for bit" },
    dryRun: { type: "boolean", help: "Print the resolved recipe and stop" },
    set: { type: "strings", value: "FIELD=VALUE", help: "Set any field of the recipe; may be repeated" },
  },
  async run(name, flags, terminal) {
    const options = { threads: flags.threads, device: flags.device as Device, signal: terminal.signal };
    if (flags.resume) {
      if (flags.out === undefined) throw new ConfigError("train --resume: needs --out DIR, the run to continue.");
      const folder = RunFolder.open(flags.out);
      const { recipe } = folder.describe();
      if (name !== undefined && JSON.stringify(readRecipe(name, []).objective) !== JSON.stringify(recipe.objective))
        throw new ConfigError(
          `${flags.out}: is a run of another recipe than ${name}. Leave the recipe out to continue it.`,
        );
      await follow(folder, recipe, terminal, options);
      return;
    }
    if (name === undefined) throw new ConfigError("train: needs a RECIPE: a preset's name or a JSON file.");
    const assignments = [
      ...(flags.data === undefined ? [] : [`data.source=${JSON.stringify(flags.data)}`]),
      ...(flags.duration === undefined ? [] : [`training.images=${imagesOf(flags.duration)}`]),
      ...(flags.batch === undefined ? [] : [`training.batch=${flags.batch}`]),
      ...(flags.microBatch === undefined ? [] : [`training.microBatch=${flags.microBatch}`]),
      ...(flags.seed === undefined ? [] : [`training.seed=${flags.seed}`]),
      ...flags.set,
    ];
    const asked = readRecipe(name, assignments);
    const dataset = await loadData(asked, terminal);
    const recipe = resolveRecipe(asked, dataset);
    const facts = factsOf(dataset);
    modelOf(recipe, facts);
    trainerOf(recipe, facts);
    if (flags.dryRun) {
      terminal.print(JSON.stringify(recipe, null, 2));
      terminal.record(recipe);
      return;
    }
    const folder = RunFolder.create(flags.out ?? nextRunPath(name), {
      recipe,
      data: { ...facts, name: dataset.name, ...(dataset.classes && { classNames: dataset.classes }) },
    });
    await follow(folder, recipe, terminal, options);
  },
});

/** "200k" as 200,000. */
export function imagesOf(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text) ?? [];
  const images = Number(digits) * (unit === "k" ? 1e3 : unit === "M" ? 1e6 : 1);
  if (digits === undefined || !Number.isInteger(images) || images < 1)
    throw new ConfigError(`train: --duration must be a number of images, such as 50000, 200k or 1.5M; got "${text}".`);
  return images;
}

function nextRunPath(recipe: string): string {
  const name = recipe.replace(/\.json$/, "").replace(/[^\w+-]+/g, "-");
  for (let i = 1; ; i++) {
    const path = join("runs", `${String(i).padStart(5, "0")}-${name}`);
    if (!existsSync(path)) return path;
  }
}

interface FollowOptions {
  readonly threads: number;
  readonly device: Device;
  readonly signal: AbortSignal;
}

/** Trains a run while showing how it goes. */
export async function follow(
  folder: RunFolder,
  recipe: Recipe,
  terminal: Terminal,
  options: FollowOptions,
): Promise<void> {
  terminal.say(`Run folder: ${folder.path}`);
  const dataset = await loadData(recipe, terminal);
  const total = recipe.training.images;
  for await (const event of trainRun(folder, dataset, options)) {
    terminal.record(event);
    if (event.type === "ready") {
      const from = event.step === 0 ? "" : `, continuing at step ${event.step}`;
      terminal.say(
        `${dataset.name}: ${dataset.size} examples. ${amount(event.parameters)} parameters, ready in ${event.seconds.toFixed(1)} s${from}.`,
      );
    } else if (event.type === "step") {
      const { images, loss, imagesPerSecond, secondsLeft } = event;
      terminal.progress(
        `${bar(images / total)} ${amount(images)} of ${amount(total)} images  loss ${loss.toFixed(4)}  ${imagesPerSecond.toFixed(0)} images/s  ${duration(secondsLeft)} left`,
      );
    } else if (event.type === "samples") terminal.say(`Samples at ${amount(event.images)} images: ${event.path}`);
    else if (event.type === "done" && event.stopped)
      terminal.say(`Stopped at step ${event.step}; continue with: ornstein train --resume --out ${folder.path}`);
  }
}
