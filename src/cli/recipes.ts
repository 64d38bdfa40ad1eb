/** From what a user typed to a recipe and its data. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import { type LoadedDataset, loadDataset, sources } from "../data/files/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError, reasonOf } from "../errors/index.ts";
import {
  classifierRecipe,
  type DataFacts,
  defineRecipe,
  expenseOf,
  factsOf,
  lasting,
  preset,
  presetNames,
  type Recipe,
  resolveRecipe,
  resolveThreshold,
  setField,
  wholeBytes,
  withoutLabels,
} from "../recipe/index.ts";
import { dataFingerprint, fitMicroBatch, probe, type RunDescription, RunFolder } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { memorySpecs } from "../training/index.ts";
import { grouped, type Terminal, type Values } from "./command.ts";
import { checkPrecision, precisionFlags } from "./compute-flags.ts";
import { toPaste } from "./program.ts";
import { watched } from "./sources.ts";
import { bytes } from "./terminal.ts";

/** Flags that say what to train; each is short for a field of the recipe. */
export const recipeFlags = {
  ...grouped("What to train", {
    data: { type: "string", value: "SRC", help: "Data set: mnist, emoji, points:moons, a folder, …" },
    duration: { type: "string", value: "N|TIME", help: "Images to see in all, such as 200k, or a time, such as 20min" },
    batch: { type: "integer", min: 1, help: "Samples in one update" },
    set: { type: "strings", value: "FIELD=VALUE", help: "Set any field of the recipe; may be repeated" },
    seed: { type: "integer", min: 0, help: "Of everything random" },
  }),
  ...grouped("Memory", {
    microBatch: { type: "string", value: "N|auto", help: "Samples in one pass, if less; same gradient, less memory" },
    maxMemory: {
      type: "string",
      value: "SIZE",
      help: "With --micro-batch auto: take no more, such as 2GB [80% of free]",
    },
    memory: { type: "choice", choices: memorySpecs, help: "low: keep less for the gradients and compute it again" },
  }),
  ...precisionFlags,
};

export type RecipeFlags = Values<typeof recipeFlags>;

interface AskedFlags extends RecipeFlags {
  /** "classifier" asks for the one that guides the recipe's models. */
  readonly objective?: string;
  readonly threads?: number;
  readonly device?: Device;
}

/** What to train, with its data loaded and everything resolved. */
export interface Prepared {
  readonly recipe: Recipe;
  readonly dataset: Dataset;
  readonly facts: DataFacts;
  /** From a duration that is a time. */
  readonly seconds: number | undefined;
}

/** The recipe that is asked for, before its data are seen. */
export function askedRecipe(name: string, flags: AskedFlags): { readonly recipe: Recipe; readonly seconds?: number } {
  const { images, seconds } = flags.duration === undefined ? {} : readDuration(flags.duration);
  const start = readRecipe(name);
  const stretched = images === undefined ? start : lasting(start, images);
  const assignments = [
    ...(flags.data === undefined ? [] : [`data.source=${JSON.stringify(flags.data)}`]),
    ...(flags.batch === undefined ? [] : [`training.batch=${flags.batch}`]),
    ...(flags.microBatch === undefined || flags.microBatch === "auto" ? [] : [microBatchOf(flags.microBatch)]),
    ...(flags.memory === undefined ? [] : [`training.memory=${flags.memory}`]),
    ...(flags.precision === undefined ? [] : [`training.precision=${flags.precision}`]),
    ...(flags.seed === undefined ? [] : [`training.seed=${flags.seed}`]),
    ...flags.set,
  ];
  // Pixels are sized by the recipe; points have no size, whatever recipe they are given to.
  const sized = flags.data?.startsWith("points:") ? withoutSize(stretched) : stretched;
  const base: unknown = flags.objective === "classifier" ? classifierRecipe(sized) : sized;
  const recipe = defineRecipe(assignments.reduce<unknown>(setField, base), whereOf(name));
  return { recipe, ...(seconds !== undefined && { seconds }) };
}

/** Reads a recipe, sets what the flags say, loads its data and resolves what depends on them. */
export async function prepare(name: string, flags: AskedFlags, terminal: Terminal): Promise<Prepared> {
  const { recipe: asked, seconds } = askedRecipe(name, flags);
  const allowed = allowedMemory(flags);
  if (allowed !== undefined) checkPrecision(asked.training.precision, flags.device ?? "cpu");
  const dataset = await loadData(asked, terminal);
  const recipe = isFor(dataset, asked, name, flags) ? asked : withoutLabels(asked);
  if (recipe !== asked)
    terminal.say(`${dataset.name} has no labels: training without them, as with --set model.conditional=false.`);
  const resolved = await resolveThreshold(resolveRecipe(recipe, dataset), dataset);
  const facts = factsOf(dataset);
  if (allowed === undefined) return { recipe: resolved, dataset, facts, seconds };
  terminal.progress("trying micro-batches…");
  const measure = async (tried: Recipe) =>
    (await probe(tried, facts, { steps: 1, warmup: 1, ...computing(flags) })).bytes + dataBytes();
  const predict = (tried: Recipe) => wholeBytes(expenseOf(tried, facts).memory, dataBytes());
  const { microBatch, bytes: taken } = await fitMicroBatch(resolved, allowed, predict, measure);
  terminal.say(`Micro-batches of ${microBatch}: ${bytes(taken)} of memory.`);
  return { recipe: defineRecipe(setField(resolved, `training.microBatch=${microBatch}`)), dataset, facts, seconds };
}

/** Whether a preset is right for the data as far as labels go. Who writes a recipe, or the field itself, means it. */
const isFor = ({ label }: Dataset, { model, task }: Recipe, name: string, { set }: AskedFlags): boolean =>
  label !== undefined ||
  !model.conditional ||
  task === "classify" ||
  isFile(name) ||
  set.some((assignment) => assignment.startsWith("model.conditional"));

/** Bytes of the arrays that this process holds: those of its data. */
export const dataBytes = (): number => process.memoryUsage().arrayBuffers;

function microBatchOf(text: string): string {
  if (!/^[1-9]\d*$/.test(text))
    throw new ConfigError(`--micro-batch: must be a whole number, 1 or more, or auto; got "${text}".`);
  return `training.microBatch=${text}`;
}

/** Bytes that training may take, where the micro-batch is to be found. */
function allowedMemory({ microBatch, maxMemory }: AskedFlags): number | undefined {
  if (microBatch !== "auto") {
    if (maxMemory === undefined) return undefined;
    if (microBatch !== undefined)
      throw new ConfigError("--max-memory: goes with --micro-batch auto; leave one of them out.");
  }
  if (maxMemory === undefined) return 0.8 * freemem();
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(MB|GB|MiB|GiB)$/.exec(maxMemory) ?? [];
  if (digits === undefined)
    throw new ConfigError(`--max-memory: must be a size such as 800MB or 2GB; got "${maxMemory}".`);
  return Number(digits) * { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 }[unit]!;
}

/** How the command computes, where it says so. */
const computing = ({ threads, device }: AskedFlags) => ({
  ...(threads !== undefined && { threads }),
  ...(device !== undefined && { device }),
});

const withoutSize = ({ data: { size: _, ...data }, ...recipe }: Recipe) => ({ ...recipe, data });

/** A preset's name, or the path of a JSON file: a recipe, or the recipe.json of a run. */
export function readRecipe(nameOrFile: string): Recipe {
  if (RunFolder.exists(nameOrFile))
    throw new ConfigError(
      `${nameOrFile}: is a run, not a recipe. Its recipe is ${join(nameOrFile, "recipe.json")}; ${toPaste("train", "--resume", "--out", nameOrFile)} continues it.`,
    );
  if (!isFile(nameOrFile)) {
    const isName = presetNames.some((known) => known === nameOrFile);
    if (!isName && Object.hasOwn(sources, nameOrFile.split(":")[0]))
      throw new ConfigError(
        `recipe: ${nameOrFile} is data, not a recipe. Name a recipe too: ${nameOrFile.startsWith("points:") ? "points" : "edm"} --data ${nameOrFile}.`,
      );
    if (!isName && existsSync(nameOrFile)) RunFolder.open(nameOrFile);
    return preset(nameOrFile);
  }
  const value = readJson(nameOrFile);
  const inRun = typeof value === "object" && value !== null && "recipe" in value ? value.recipe : value;
  return defineRecipe(inRun, nameOrFile);
}

const isFile = (name: string) =>
  name.endsWith(".json") ||
  (!presetNames.some((known) => known === name) && existsSync(name) && statSync(name).isFile());

const whereOf = (name: string) => (isFile(name) ? name : `recipe ${name}`);

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read as a recipe: ${reasonOf(cause)}.`, {
      cause,
    });
  }
}

/** "200k" as a number of images, "20min" as seconds. */
export function readDuration(text: string): { readonly images?: number; readonly seconds?: number } {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(k|M|s|min|h|)$/.exec(text) ?? [];
  const value = Number(digits) * { k: 1e3, M: 1e6, s: 1, min: 60, h: 3600, "": 1 }[unit ?? ""]!;
  const isTime = unit === "s" || unit === "min" || unit === "h";
  if (digits !== undefined && isTime && value > 0) return { seconds: value };
  const images = Math.round(value);
  if (digits === undefined || isTime || images < 1 || Math.abs(images - value) > 1e-6)
    throw new ConfigError(
      `--duration: must be a number of images, such as 50000, 200k or 1.5M, or a time, such as 90s, 20min or 8h; got "${text}".`,
    );
  return { images };
}

/** Loads the data of a recipe, showing progress and what was left out. */
export function loadData(recipe: Recipe, terminal: Terminal, split?: "train" | "test"): Promise<LoadedDataset> {
  const { source, size, channels, crop, filter, examples } = recipe.data;
  const loading = loadDataset(source, {
    ...(size !== undefined && { size }),
    ...(channels !== undefined && { channels }),
    ...(crop !== undefined && { crop }),
    ...(filter !== undefined && { filter }),
    ...(examples !== undefined && { examples }),
    ...(split !== undefined && { split }),
    seed: recipe.training.seed,
  });
  return watched(loading, terminal);
}

/** What a run's recipe.json says. */
export const descriptionOf = (recipe: Recipe, dataset: Dataset): RunDescription => ({
  recipe,
  data: {
    ...factsOf(dataset),
    name: dataset.name,
    examples: dataset.size,
    hash: dataFingerprint(dataset),
    ...(dataset.classes && { classNames: dataset.classes }),
  },
});
