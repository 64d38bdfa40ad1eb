/** From what a user typed to a recipe and its data. */
import { existsSync, readFileSync } from "node:fs";
import { type LoadedDataset, loadDataset } from "../data/files/index.ts";
import { type Dataset, statistics } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type DataFacts, defineRecipe, preset, presetNames, type Recipe, setField } from "../recipe/index.ts";
import type { Terminal } from "./command.ts";

/** A preset's name, or the path of a JSON file; `assignments` are FIELD=VALUE. */
export function readRecipe(nameOrFile: string, assignments: readonly string[]): Recipe {
  const isFile =
    nameOrFile.endsWith(".json") || (existsSync(nameOrFile) && !presetNames.some((name) => name === nameOrFile));
  const start: unknown = isFile ? readJson(nameOrFile) : preset(nameOrFile);
  const where = isFile ? nameOrFile : `recipe ${nameOrFile}`;
  return defineRecipe(assignments.reduce<unknown>(setField, start), where);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read as a recipe: ${cause instanceof Error ? cause.message : cause}.`, {
      cause,
    });
  }
}

/** Loads the data of a recipe, showing progress and what was left out. */
export async function loadData(recipe: Recipe, terminal: Terminal, split?: "train" | "test"): Promise<LoadedDataset> {
  const { source, size, channels, examples } = recipe.data;
  const loading = loadDataset(source, {
    ...(size !== undefined && { size }),
    ...(channels !== undefined && { channels }),
    ...(examples !== undefined && { examples }),
    ...(split !== undefined && { split }),
    seed: recipe.training.seed,
  });
  for (;;) {
    const { done, value } = await loading.next();
    if (!done) {
      terminal.progress(`${value.what}: ${value.done}${value.total > 0 ? ` of ${value.total}` : ""}`);
      continue;
    }
    for (const note of value.report.notes) terminal.say(note);
    const { skipped } = value.report;
    for (const { file, reason } of skipped.slice(0, 5)) terminal.say(`skipped ${file}: ${reason}`);
    if (skipped.length > 5) terminal.say(`… and ${skipped.length - 5} more files skipped.`);
    return value;
  }
}

/** The recipe with the data's standard deviation measured, and a conditional model only where there are labels. */
export function resolveRecipe(recipe: Recipe, dataset: Dataset): Recipe {
  const sigmaData =
    recipe.data.sigmaData === "auto" ? Number(statistics(dataset).std.toPrecision(4)) : recipe.data.sigmaData;
  return { ...recipe, data: { ...recipe.data, sigmaData } };
}

export const factsOf = (dataset: Dataset): DataFacts => ({
  shape: dataset.shape,
  classes: dataset.classes?.length ?? 0,
});
