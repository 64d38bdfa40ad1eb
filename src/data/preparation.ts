/** What is done to a micro-batch before the network sees it. Plain data in and out, so that a thread can do it. */
import { normalRows } from "../random/index.ts";
import type { AugmentSpec } from "./augment.ts";
import { augmentation, type Batch } from "./batch.ts";
import { elements } from "./dataset.ts";

/** Examples as they are in the data set, and what is to be done with them. */
export interface PreparationTask {
  readonly seed: number;
  /** The place of the first example in the run. */
  readonly position: number;
  /** Of one example. */
  readonly shape: readonly number[];
  /** Flat. */
  readonly x: Float32Array<ArrayBuffer>;
  readonly augment?: AugmentSpec;
  /** Whether each example gets noise of its own. */
  readonly noise: boolean;
}

/** The same examples afterwards. */
export interface Preparation {
  readonly x: Float32Array<ArrayBuffer>;
  /** What augmentation did; see {@link Batch.augment}. */
  readonly augment?: Float32Array<ArrayBuffer>;
  readonly noise?: Float32Array<ArrayBuffer>;
}

/** Augments in place, and draws noise: a function of the task alone, wherever it is done. */
export function prepare({ seed, position, shape, x, augment, noise }: PreparationTask): Preparation {
  const told = augment && augmentation(augment, shape, seed)(x, position);
  const count = elements(shape);
  return {
    x,
    ...(told && { augment: told }),
    ...(noise && { noise: normalRows(seed, "noise", position, x.length / count, count) }),
  };
}
