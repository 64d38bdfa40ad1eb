/** The data that a run is measured on. */
import { type LoadedDataset, sources } from "../data/files/index.ts";
import type { Recipe } from "../recipe/index.ts";
import { grouped, type Terminal, type Values } from "./command.ts";
import { loadData } from "./recipes.ts";

export const splitFlags = grouped("What to measure", {
  split: { type: "choice", choices: ["train", "test"], help: "Part of the data; test if left out, where there is one" },
});

/** The part of a run's data that is asked for, or else the part it was not trained on, where its source has one. */
export async function heldOut(
  recipe: Recipe,
  { split }: Values<typeof splitFlags>,
  terminal: Terminal,
): Promise<LoadedDataset> {
  if (split !== undefined) return loadData(recipe, terminal, split as "train" | "test");
  const [name, variant] = recipe.data.source.split(":");
  const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
  if (source?.options.includes("split") && variant !== "train" && variant !== "test")
    return loadData(recipe, terminal, "test");
  terminal.say(`${recipe.data.source} names one part of the data; measuring on it.`);
  return loadData(recipe, terminal);
}
