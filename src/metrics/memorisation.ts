/** Are samples copies of training images? Each sample's nearest training image, and how much nearer it is than the next. */
import { ConfigError } from "../errors/index.ts";
import type { Features } from "./features.ts";
import { nearestNeighbours } from "./neighbours.ts";

export interface MemorisationOptions {
  /** A sample counts as a copy when its nearest training image is nearer than this share of the distance to the second. 1/3. */
  readonly threshold?: number;
}

export interface Memorisation {
  /** Row of the nearest training image of each sample. */
  readonly nearest: Int32Array;
  /** Euclidean distance to it. */
  readonly distance: Float64Array;
  /** Distance to the nearest over distance to the second nearest, in [0, 1]; 1 where both are 0. */
  readonly ratio: Float64Array;
  /** Share of samples whose ratio is below the threshold. */
  readonly copied: number;
  /** Share of samples that equal a training image exactly. */
  readonly exact: number;
}

/**
 * Looks each sample up in the training set (Yoon et al. 2023: a sample is memorised if its distance to the nearest
 * training image is below a third of that to the second nearest). Compare with the same numbers for held-out images:
 * they show what an honest model would score. Duplicates in the training set make the ratio 1 and hide copies.
 */
export function memorisation(
  samples: Features,
  training: Features,
  { threshold = 1 / 3 }: MemorisationOptions = {},
): Memorisation {
  if (!(threshold > 0 && threshold <= 1))
    throw new ConfigError(`memorisation: threshold must be in (0, 1]; got ${threshold}.`);
  if (samples === training) throw new ConfigError("memorisation: samples and training set are the same object.");
  const { index, squaredDistance } = nearestNeighbours(samples, training, 2);
  const column = (j: number) => Float64Array.from({ length: samples.count }, (_, i) => squaredDistance[2 * i + j]);
  const [first, second] = [column(0), column(1)];
  const ratio = first.map((value, i) => (second[i] === 0 ? 1 : Math.sqrt(value / second[i])));
  return {
    nearest: Int32Array.from({ length: samples.count }, (_, i) => index[2 * i]),
    distance: first.map(Math.sqrt),
    ratio,
    copied: ratio.filter((value) => value < threshold).length / samples.count,
    exact: first.filter((value) => value === 0).length / samples.count,
  };
}
