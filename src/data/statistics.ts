/** What a data set looks like in numbers: its moments, its labels, its repetitions. */
import { type Dataset, elements, example } from "./dataset.ts";

/** Mean and standard deviation of some numbers. */
export interface Moments {
  readonly mean: number;
  readonly std: number;
}

/** The numbers of a data set. Those that are not finite count as such and nowhere else. */
export interface Statistics extends Moments {
  /** Over every number of every example, about the one mean: this is EDM's σ_data. */
  readonly std: number;
  /** Of each channel of images, or each coordinate of points. */
  readonly channels: readonly Moments[];
  readonly min: number;
  readonly max: number;
  /** How many numbers are NaN or infinite. */
  readonly nonFinite: number;
  /** How many examples were read. */
  readonly examples: number;
}

/** What `statistics` may be told. */
export interface StatisticsOptions {
  /** At most this many examples are read, evenly spread over the set. All by default. */
  readonly examples?: number;
}

/** Reads the data set once and sums it up. */
export function statistics(dataset: Dataset, { examples = dataset.size }: StatisticsOptions = {}): Statistics {
  const used = Math.max(1, Math.min(Math.floor(examples), dataset.size));
  const channels = dataset.shape[0];
  const plane = elements(dataset.shape) / channels;
  const x = new Float32Array(channels * plane);
  const running = Array.from({ length: channels }, () => ({ n: 0, mean: 0, m2: 0 }));
  let [min, max, nonFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];

  for (let i = 0; i < used; i++) {
    dataset.read(Math.floor((i * dataset.size) / used), x, 0);
    for (let c = 0; c < channels; c++) {
      let [n, sum] = [0, 0];
      for (let k = c * plane; k < (c + 1) * plane; k++) {
        const value = x[k];
        if (!Number.isFinite(value)) continue;
        n++;
        sum += value;
        if (value < min) min = value;
        if (value > max) max = value;
      }
      nonFinite += plane - n;
      if (n === 0) continue;
      const mean = sum / n;
      let m2 = 0;
      for (let k = c * plane; k < (c + 1) * plane; k++) if (Number.isFinite(x[k])) m2 += (x[k] - mean) ** 2;
      running[c] = merge(running[c], { n, mean, m2 });
    }
  }
  const total = running.reduce(merge);
  return { ...moments(total), channels: running.map(moments), min, max, nonFinite, examples: used };
}

interface Sums {
  readonly n: number;
  readonly mean: number;
  /** Sum of squared deviations from `mean`. */
  readonly m2: number;
}

/** Chan, Golub & LeVeque (1979): the sums of two groups together, without cancellation. */
function merge(a: Sums, b: Sums): Sums {
  const n = a.n + b.n;
  if (n === 0) return a;
  const delta = b.mean - a.mean;
  return { n, mean: a.mean + (delta * b.n) / n, m2: a.m2 + b.m2 + (delta * delta * a.n * b.n) / n };
}

const moments = ({ n, mean, m2 }: Sums): Moments => ({ mean, std: Math.sqrt(m2 / n) });

/** How many examples each class has, in label order; nothing for unlabelled data. */
export function labelCounts(dataset: Dataset): number[] | undefined {
  if (!dataset.classes || !dataset.label) return undefined;
  const counts = dataset.classes.map(() => 0);
  for (let i = 0; i < dataset.size; i++) counts[dataset.label(i)]++;
  return counts;
}

/** An example that is, number for number, the same as an earlier one. */
export interface Duplicate {
  readonly index: number;
  readonly of: number;
}

/** All repetitions in a data set, in order of `index`. */
export function duplicates(dataset: Dataset): Duplicate[] {
  const seen = new Map<number, number[]>();
  const found: Duplicate[] = [];
  const x = new Float32Array(elements(dataset.shape));
  const bits = new Uint32Array(x.buffer);
  for (let index = 0; index < dataset.size; index++) {
    dataset.read(index, x, 0);
    // FNV-1a over words, as two halves of different offsets in one safe integer; equality is checked below.
    let [low, high] = [0x811c9dc5, 0x050c5d1f];
    for (const word of bits) {
      low = Math.imul(low ^ word, 0x01000193);
      high = Math.imul(high ^ (word >>> 7) ^ (word << 3), 0x01000193);
    }
    const hash = (low >>> 0) + (high & 0x1fffff) * 2 ** 32;
    const alike = seen.get(hash) ?? [];
    const of = alike.find((earlier) => example(dataset, earlier).every((value, k) => Object.is(value, x[k])));
    if (of === undefined) seen.set(hash, [...alike, index]);
    else found.push({ index, of });
  }
  return found;
}
