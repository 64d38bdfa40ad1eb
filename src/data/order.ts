/** The order in which training visits a data set, as a function of position alone. */
import { stream } from "../random/index.ts";

/** The example at a position; positions go on for ever, `size` of them to an epoch. */
export type Order = (position: number) => number;

/**
 * Every epoch is a fresh permutation, keyed by (seed, "data order", epoch): each example comes once an epoch, and a
 * resumed run needs to know its position and nothing else. The last two permutations are kept for speed.
 */
export function order(seed: number, size: number): Order {
  const epochs = new Map<number, Uint32Array>();
  const permutation = (epoch: number) => {
    const known = epochs.get(epoch);
    if (known) return known;
    const [oldest] = epochs.keys();
    if (epochs.size >= 2) epochs.delete(oldest);
    const fresh = stream(seed, "data order", epoch).permutation(size);
    epochs.set(epoch, fresh);
    return fresh;
  };
  return (position) => permutation(Math.floor(position / size))[position % size];
}

/** The examples from first to last, again and again. */
export function sequential(size: number): Order {
  return (position) => position % size;
}
