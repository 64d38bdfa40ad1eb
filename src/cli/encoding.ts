/** `ornstein sample --encode`: data to noise and back. */
import { decode, encode, type TrainedModel } from "../recipe/index.ts";
import type { Terminal } from "./command.ts";
import type { Given } from "./given.ts";

/** Examples and their reconstructions by turns, flat, and how far apart they are. */
export interface Reconstruction {
  readonly pairs: Float64Array;
  /** Root mean square and largest difference. */
  readonly rms: number;
  readonly most: number;
  /** Standard deviation of the latents; 1 if the model fits the data. */
  readonly latentStd: number;
  /** The latents, flat. */
  readonly latent: Float64Array;
}

/** Encodes examples and decodes them. */
export async function reconstruct(
  model: TrainedModel,
  { x, labels }: Given,
  terminal: Terminal,
): Promise<Reconstruction> {
  terminal.progress("encoding…");
  const latent = await encode(model, x, { labels });
  terminal.progress("decoding…");
  const back = await decode(model, latent, { labels });
  const { dims } = model;
  const pairs = new Float64Array(2 * x.length);
  let [squares, most, latentSquares] = [0, 0, 0];
  for (let row = 0; row < labels.length; row++) {
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
    latent,
    pairs,
    rms: Math.sqrt(squares / x.length),
    most,
    latentStd: Math.sqrt(latentSquares / x.length),
  };
}
