/** The samples that stable targets are made of: a window over the data that moves a little with every update. */
import { type Dataset, elements } from "../data/index.ts";
import { stream } from "../random/index.ts";

/** The part of the references that each step replaces: reading images is what they cost most of all. */
const turnover = 1 / 8;

/**
 * The references of one step at a time: `count` different examples, or all of them, in one array. They are a window that
 * moves along a random permutation of the data, and starts on a new one where the next step would leave it. Whatever the
 * window, a target has no bias; what steps share are references, never samples.
 */
export function referenceWindow(population: Dataset, n: number, seed: number) {
  const dims = elements(population.shape);
  const { size } = population;
  const count = Math.min(n, size);
  const replaced = Math.ceil(count * turnover);
  const stepsOfEpoch = count === size ? Infinity : Math.floor((size - count) / replaced) + 1;
  const values = new Float32Array(count * dims);
  const labels = new Int32Array(count);
  const squares = new Float64Array(count);
  /** Where an example is in the array. */
  const places = new Map<number, number>();
  /** ‖x‖² of every example seen so far. */
  const known = new Float64Array(size).fill(Number.NaN);
  let permutation: Uint32Array = new Uint32Array();
  let [epoch, first, longest] = [-1, 0, 0];

  const put = (position: number) => {
    const [index, k] = [permutation[position], position % count];
    population.read(index, values, k * dims);
    labels[k] = population.label?.(index) ?? 0;
    places.set(index, k);
    if (Number.isNaN(known[index])) known[index] = sumOfSquares(values, k * dims, dims);
    squares[k] = known[index];
  };
  return {
    count,
    values,
    labels,
    squares,
    places,
    /** The length of the longest reference. */
    get longest() {
      return longest;
    },
    prepare(step: number): void {
      const wanted = stepsOfEpoch === Infinity ? 0 : Math.floor(step / stepsOfEpoch);
      const start = stepsOfEpoch === Infinity ? 0 : (step % stepsOfEpoch) * replaced;
      if (wanted === epoch && start === first) return;
      const overlaps = wanted === epoch && start > first && start < first + count;
      if (wanted !== epoch)
        permutation =
          count === size
            ? Uint32Array.from({ length: size }, (_, i) => i)
            : stream(seed, "references", wanted).permutation(size);
      if (overlaps) for (let p = first; p < start; p++) places.delete(permutation[p]);
      else places.clear();
      for (let p = overlaps ? first + count : start; p < start + count; p++) put(p);
      [epoch, first] = [wanted, start];
      longest = Math.sqrt(squares.reduce((most, square) => Math.max(most, square), 0));
    },
  };
}

function sumOfSquares(values: Float32Array, at: number, dims: number): number {
  let sum = 0;
  for (let i = at; i < at + dims; i++) sum += values[i] * values[i];
  return sum;
}
