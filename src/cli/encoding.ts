/** `ornstein sample --encode`: data to noise and back. */
import { batches, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { decode, encode, type Recipe, type TrainedModel } from "../recipe/index.ts";
import type { Terminal } from "./command.ts";
import { heldOut } from "./held-out.ts";
import { loadData } from "./recipes.ts";

/** Examples and their reconstructions by turns, flat, and how far apart they are. */
export interface Reconstruction {
  readonly pairs: Float64Array;
  /** Root mean square and largest difference. */
  readonly rms: number;
  readonly most: number;
  /** Standard deviation of the latents; 1 if the model fits the data. */
  readonly latentStd: number;
}

/** Encodes `count` examples, of the run's own held-out data if `source` is "data", and decodes them. */
export async function reconstruct(
  model: TrainedModel,
  recipe: Recipe,
  source: string,
  { count, seed }: { readonly count: number; readonly seed: number },
  terminal: Terminal,
): Promise<Reconstruction> {
  const dataset =
    source === "data"
      ? await heldOut(recipe, { split: undefined }, terminal)
      : await loadData({ ...recipe, data: { ...recipe.data, source } }, terminal);
  if (dataset.shape.join() !== model.facts.shape.join())
    throw new ConfigError(
      `sample: --encode: examples are [${dataset.shape}] (the model takes [${model.facts.shape}]).`,
    );
  if (count > dataset.size)
    throw new ConfigError(`sample: --encode: ${count} examples of ${dataset.name} (it has ${dataset.size}).`);
  const { x: found, labels: own } = batches(dataset, { seed })(0, count);
  const known = source === "data" && model.classes > 0;
  const labels = Array.from({ length: count }, (_, i) => (known ? own?.[i] : undefined));
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
  return { pairs, rms: Math.sqrt(squares / x.length), most, latentStd: Math.sqrt(latentSquares / x.length) };
}
