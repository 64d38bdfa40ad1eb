/** Batches: which examples, in which order, flipped or not, all of it a function of (seed, position). */
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { type AugmentSpec, augmentPipe } from "./augment.ts";
import { type Dataset, elements } from "./dataset.ts";
import { mirrorRows } from "./mirror.ts";
import { type Order, order } from "./order.ts";

/** Examples laid out for the network. */
export interface Batch {
  /** [size, ...shape]. */
  readonly x: Float32Array<ArrayBuffer>;
  /** [size]; there exactly when the data set has classes. */
  readonly labels?: Int32Array<ArrayBuffer>;
  /** [size]: where in the data set each example comes from. */
  readonly indices: Uint32Array<ArrayBuffer>;
  /** [size]: 1 for a mirrored example; there exactly when `flip` is on. */
  readonly flipped?: Uint8Array<ArrayBuffer>;
  /** [size, labelSize]: what augmentation did to each example; there exactly when `augment` is given. */
  readonly augment?: Float32Array<ArrayBuffer>;
}

/** What `batches` may be told. */
export interface BatchOptions {
  /** Keys the order and the flips. */
  readonly seed: number;
  /** Mirror half of the images left to right; wrong for letters and digits, hence off by default. */
  readonly flip?: boolean;
  /** Geometric augmentation, after the flip; none by default. */
  readonly augment?: AugmentSpec;
  /** Which example comes at which position; a new permutation every epoch by default. */
  readonly order?: Order;
}

/** The batch of the positions from `position` to `position + size − 1`. */
export type Batches = (position: number, size: number) => Batch;

/** Prepares to assemble batches of a data set. The same position always gives the same example, flipped and augmented alike. */
export function batches(dataset: Dataset, { seed, flip = false, augment, order: at }: BatchOptions): Batches {
  const stride = elements(dataset.shape);
  const exampleAt = at ?? order(seed, dataset.size);
  const flips = stream(seed, "flip");
  const width = dataset.shape[dataset.shape.length - 1];
  if (flip && dataset.shape.length !== 3)
    throw new ConfigError(`batches: flip needs images; ${dataset.name} has shape [${dataset.shape.join(", ")}].`);

  const augmented = augment && augmentation(augment, dataset.shape, seed);

  return (position, size) => {
    const x = new Float32Array(size * stride);
    const indices = new Uint32Array(size);
    const labels = dataset.label && new Int32Array(size);
    const flipped = flip ? new Uint8Array(size) : undefined;
    // A uniform takes one draw, so draw number p belongs to position p.
    flips.position = position;
    for (let i = 0; i < size; i++) {
      const index = exampleAt(position + i);
      indices[i] = index;
      dataset.read(index, x, i * stride);
      if (flipped && flips.uniform() < 0.5) {
        flipped[i] = 1;
        mirrorRows(x, i * stride, (i + 1) * stride, width);
      }
      if (labels && dataset.label) labels[i] = dataset.label(index);
    }
    const told = augmented?.(x, position);
    return { x, indices, ...(labels && { labels }), ...(flipped && { flipped }), ...(told && { augment: told }) };
  };
}

/**
 * Augments examples in place, flat, of which the first is at `position` of the run; returns what was done to each,
 * [size, labelSize]. An example's draws are those of its own position.
 */
export function augmentation(
  spec: AugmentSpec,
  shape: readonly number[],
  seed: number,
): (x: Float32Array, position: number) => Float32Array<ArrayBuffer> {
  const pipe = augmentPipe(spec, shape);
  const stride = elements(shape);
  return (x, position) => {
    const size = x.length / stride;
    const told = new Float32Array(size * pipe.labelSize);
    for (let i = 0; i < size; i++) {
      const label = told.subarray(i * pipe.labelSize, (i + 1) * pipe.labelSize);
      pipe.apply(x.subarray(i * stride, (i + 1) * stride), stream(seed, "augment", position + i), label);
    }
    return told;
  };
}
