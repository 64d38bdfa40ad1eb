/** What a recipe needs to know of its data. */
import { type Dataset, statistics } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { DataFacts, Recipe } from "./recipe.ts";

/** The shape and the number of classes of a data set. */
export const factsOf = (dataset: Dataset): DataFacts => ({
  shape: dataset.shape,
  classes: dataset.classes?.length ?? 0,
});

/** The recipe with the data's standard deviation measured. Throws ConfigError for data that cannot be learned from. */
export function resolveRecipe(recipe: Recipe, dataset: Dataset): Recipe {
  const { std, nonFinite } = statistics(dataset);
  if (nonFinite > 0)
    throw new ConfigError(`${dataset.name}: ${nonFinite} of its numbers are NaN or infinite. Clean the data first.`);
  const { sigmaData } = recipe.data;
  if (sigmaData !== "auto") return recipe;
  if (!(std > 0))
    throw new ConfigError(`${dataset.name}: all its numbers are the same. Set data.sigmaData if that is meant.`);
  return { ...recipe, data: { ...recipe.data, sigmaData: Number(std.toPrecision(4)) } };
}
