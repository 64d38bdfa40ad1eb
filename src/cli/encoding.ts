/** `ornstein sample --encode`: data to noise and back. */
import { existsSync } from "node:fs";
import { cacheFolder, imageFiles, isImage, loadDataset } from "../data/files/index.ts";
import { batches, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { decode, encode, type Recipe, type TrainedModel } from "../recipe/index.ts";
import type { Terminal } from "./command.ts";
import { heldOut } from "./held-out.ts";
import { loadData } from "./recipes.ts";
import { watched } from "./sources.ts";

/** Examples and their reconstructions by turns, flat, and how far apart they are. */
export interface Reconstruction {
  readonly pairs: Float64Array;
  /** Root mean square and largest difference. */
  readonly rms: number;
  readonly most: number;
  /** Standard deviation of the latents; 1 if the model fits the data. */
  readonly latentStd: number;
  /** How many, and the latents, flat. */
  readonly count: number;
  readonly latent: Float64Array;
}

/** Encodes `limit` examples or as many as there are, of the run's own held-out data if the source is "data", and decodes them. */
export async function reconstruct(
  model: TrainedModel,
  recipe: Recipe,
  from: readonly string[],
  { limit, seed }: { readonly limit: number; readonly seed: number },
  terminal: Terminal,
): Promise<Reconstruction> {
  const own = from.length === 1 && from[0] === "data";
  const dataset = own
    ? await heldOut(recipe, { split: undefined }, terminal)
    : await loadAs(recipe, from, model.facts.shape, terminal);
  if (dataset.shape.join() !== model.facts.shape.join())
    throw new ConfigError(
      `sample: --encode: examples are [${dataset.shape}] (the model takes [${model.facts.shape}]).`,
    );
  const count = Math.min(limit, dataset.size);
  // The files that a person names stay in order.
  const assemble = batches(dataset, { seed, ...(!own && { order: (position: number) => position }) });
  const { x: found, labels: classes } = assemble(0, count);
  const known = own && model.classes > 0;
  const labels = Array.from({ length: count }, (_, i) => (known ? classes?.[i] : undefined));
  const x = Float64Array.from(found);
  terminal.progress("encoding…");
  const latent = await encode(model, x, { labels });
  terminal.progress("decoding…");
  const back = await decode(model, latent, { labels });
  const dims = elements(dataset.shape);
  const pairs = new Float64Array(2 * x.length);
  let [squares, most, latentSquares] = [0, 0, 0];
  for (let row = 0; row < count; row++) {
    pairs.set(x.subarray(row * dims, (row + 1) * dims), 2 * row * dims);
    pairs.set(back.subarray(row * dims, (row + 1) * dims), (2 * row + 1) * dims);
  }
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i] - back[i]);
    squares += difference ** 2;
    most = Math.max(most, difference);
    latentSquares += latent[i] ** 2;
  }
  return {
    count,
    latent,
    pairs,
    rms: Math.sqrt(squares / x.length),
    most,
    latentStd: Math.sqrt(latentSquares / x.length),
  };
}

/** Image files, or a source of data; images as the model takes them. */
function loadAs(recipe: Recipe, from: readonly string[], shape: readonly number[], terminal: Terminal) {
  const [channels, height, width] = shape;
  const asImages = { size: [height, width] as const, channels: channels as 1 | 3 };
  if (from.every(isImage) && shape.length === 3)
    return watched(imageFiles(from, { ...asImages, cache: cacheFolder() }), terminal);
  if (from.length > 1)
    throw new ConfigError(`sample: --encode: several sources must all be image files; got ${from.join(", ")}.`);
  const [source] = from;
  if (shape.length === 3 && existsSync(source)) return watched(loadDataset(source, asImages), terminal);
  return loadData({ ...recipe, data: { ...recipe.data, source } }, terminal);
}
