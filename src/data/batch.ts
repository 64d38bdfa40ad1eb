/** Batches: which examples, in which order, flipped or not, all of it a function of (seed, position). */
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { type Dataset, elements } from "./dataset.ts";
import { type Order, order } from "./order.ts";

/** Examples laid out for the network. */
export interface Batch {
  /** [size, ...shape]. */
  readonly x: Float32Array<ArrayBuffer>;
  /** [size]; there exactly when the data set has classes. */
  readonly labels?: Int32Array<ArrayBuffer>;
  /** [size]: where in the data set each example comes from. */
  readonly indices: Uint32Array<ArrayBuffer>;
}

/** What `batches` may be told. */
export interface BatchOptions {
  /** Keys the order and the flips. */
  readonly seed: number;
  /** Mirror half of the images left to right; wrong for letters and digits, hence off by default. */
  readonly flip?: boolean;
  /** Which example comes at which position; a new permutation every epoch by default. */
  readonly order?: Order;
}

/** The batch of the positions from `position` to `position + size − 1`. */
export type Batches = (position: number, size: number) => Batch;

/** Prepares to assemble batches of a data set. The same position always gives the same example and the same flip. */
export function batches(dataset: Dataset, { seed, flip = false, order: at }: BatchOptions): Batches {
  const stride = elements(dataset.shape);
  const exampleAt = at ?? order(seed, dataset.size);
  const flips = stream(seed, "flip");
  const width = dataset.shape[dataset.shape.length - 1];
  if (flip && dataset.shape.length !== 3)
    throw new ConfigError(`batches: flip needs images; ${dataset.name} has shape [${dataset.shape.join(", ")}].`);

  return (position, size) => {
    const x = new Float32Array(size * stride);
    const indices = new Uint32Array(size);
    const labels = dataset.label && new Int32Array(size);
    // A uniform takes one draw, so draw number p belongs to position p.
    flips.position = position;
    for (let i = 0; i < size; i++) {
      const index = exampleAt(position + i);
      indices[i] = index;
      dataset.read(index, x, i * stride);
      if (flip && flips.uniform() < 0.5) mirror(x, i * stride, (i + 1) * stride, width);
      if (labels && dataset.label) labels[i] = dataset.label(index);
    }
    return { x, indices, ...(labels && { labels }) };
  };
}

/** Reverses each row of `width` numbers between `start` and `end`. */
function mirror(x: Float32Array, start: number, end: number, width: number): void {
  for (let row = start; row < end; row += width) x.subarray(row, row + width).reverse();
}
