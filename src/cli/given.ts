/** Examples that a person gives a run to work on. */
import { existsSync } from "node:fs";
import { cacheFolder, imageFiles, isImage, loadDataset } from "../data/files/index.ts";
import { batches } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { DataFacts, Recipe } from "../recipe/index.ts";
import type { Terminal } from "./command.ts";
import { heldOut } from "./held-out.ts";
import { loadData } from "./recipes.ts";
import { watched } from "./sources.ts";

/** What may be given, for the help of flags. */
export const givenHelp = "data (held-out ones), a source, a folder, or image files, one each time";

export interface Given {
  readonly count: number;
  /** Flat, in [−1, 1]. */
  readonly x: Float64Array;
  /** Classes that the model knows; undefined of examples from elsewhere. */
  readonly labels: readonly (number | undefined)[];
}

interface Model {
  readonly recipe: Recipe;
  readonly facts: DataFacts;
  /** Classes that it knows; 0 for a model without labels. */
  readonly classes: number;
}

/**
 * `limit` examples or as many as there are, as the model takes them: of the run's own held-out data in the order of a seed
 * if the source is "data", and otherwise the first ones of the source.
 */
export async function givenExamples(
  { recipe, facts: { shape }, classes }: Model,
  from: readonly string[],
  { flag, limit, seed }: { readonly flag: string; readonly limit: number; readonly seed: number },
  terminal: Terminal,
): Promise<Given> {
  const own = from.length === 1 && from[0] === "data";
  const dataset = own
    ? await heldOut(recipe, { split: undefined }, terminal)
    : await loadGiven(recipe, from, shape, flag, terminal);
  if (dataset.shape.join() !== shape.join())
    throw new ConfigError(`sample: ${flag}: examples are [${dataset.shape}] (the model takes [${shape}]).`);
  const count = Math.min(limit, dataset.size);
  // The files that a person names stay in order.
  const assemble = batches(dataset, { seed, ...(!own && { order: (position: number) => position }) });
  const { x, labels } = assemble(0, count);
  const known = own && classes > 0;
  return {
    count,
    x: Float64Array.from(x),
    labels: Array.from({ length: count }, (_, i) => (known ? labels?.[i] : undefined)),
  };
}

/** How image files become images of a shape for the run of a recipe: cropped and resized as its own data were. */
export function framing(
  { data: { crop, filter } }: Recipe,
  [channels, height, width]: readonly number[],
): { readonly size: readonly [number, number]; readonly channels: number } {
  return { size: [height, width], channels, ...(crop && { crop }), ...(filter && { filter }) };
}

/** Image files, or a source of data; images as the model takes them. */
function loadGiven(
  recipe: Recipe,
  from: readonly string[],
  shape: readonly number[],
  flag: string,
  terminal: Terminal,
) {
  const isFiles = from.every(isImage) && shape.length === 3;
  if (isFiles) return watched(imageFiles(from, { ...framing(recipe, shape), cache: cacheFolder() }), terminal);
  if (from.length > 1)
    throw new ConfigError(`sample: ${flag}: several sources must all be image files; got ${from.join(", ")}.`);
  const [source] = from;
  if (shape.length === 3 && existsSync(source)) return watched(loadDataset(source, framing(recipe, shape)), terminal);
  return loadData({ ...recipe, data: { ...recipe.data, source } }, terminal);
}
