/** The sheets of samples that a training run draws. */
import type { DataFacts, Recipe } from "./recipe.ts";

/** As many columns as classes, where samples take each class in turn and there are few: one class a column. */
export function columnsOf({ model }: Recipe, { classes }: DataFacts): number | undefined {
  return model.conditional && classes >= 4 && classes <= 16 ? classes : undefined;
}

/** Samples on a sheet: four rows, or as many points as show where they gather; none of a classifier. */
export function sheetSize(recipe: Recipe, facts: DataFacts): number {
  if (recipe.task !== undefined) return 0;
  return facts.shape.length === 1 ? 2000 : 4 * (columnsOf(recipe, facts) ?? 8);
}
