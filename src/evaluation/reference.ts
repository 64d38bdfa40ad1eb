/** What generated examples are compared with: a data set as an extractor sees it. */
import { type Dataset, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  addFeatures,
  type FeatureGaussian,
  type FeatureStatistics,
  featureStatistics,
  gaussianOf,
} from "../metrics/index.ts";
import { stream } from "../random/index.ts";
import { areImages, type Examples, examplesAt, sliceExamples } from "./examples.ts";
import type { Extracted, Extractor, Rows } from "./extractor.ts";
import type { Role } from "./feature-spec.ts";

/** Examples as metrics see them. */
export interface Seen extends Extracted {
  /** The mean colour of each image, `[count, channels]`, in grey levels from 0 to 255. */
  readonly colour?: Rows;
  /** The class of each example: of data its label, of samples what was asked for. */
  readonly labels?: Int32Array;
}

/** Which data a reference is of. */
export interface ReferenceRecord {
  readonly name: string;
  /** SHA-256 of everything in it, in hex. */
  readonly hash: string;
  /** How many examples; null where only their statistics are known. */
  readonly size: number | null;
}

export interface Reference {
  readonly record: ReferenceRecord;
  /** Fitted to the features of every example. */
  readonly features: FeatureGaussian;
  readonly spatial?: FeatureGaussian;
  /** Some of the examples, in random order; none where only the Gaussians are known. */
  readonly sample?: Seen;
}

/** How far the reading of examples has come. */
export interface ReadingProgress {
  readonly done: number;
  readonly total: number;
}

/** Examples extracted at a time. */
const chunk = 512;
/** Examples whose features are kept: 10,000 for neighbours and kernels, and more, for copies, where that is little memory. */
const leastKept = 10_000;
const mostNumbers = 2 ** 24;
const mostKept = 100_000;

/** Extracts features, and what else metrics ask for. */
export async function see(extractor: Extractor, examples: Examples, labels?: Int32Array): Promise<Seen> {
  const extracted = await extractor.extract(examples);
  return {
    ...extracted,
    ...(areImages(examples) && { colour: meanColours(examples) }),
    ...(labels && { labels }),
  };
}

/** As {@link see}, of many examples, with progress. */
export async function* seeAll(
  extractor: Extractor,
  examples: Examples,
  labels?: Int32Array,
): AsyncGenerator<ReadingProgress, Seen, void> {
  const pieces: Seen[] = [];
  for (let start = 0; start < examples.count; start += chunk) {
    yield { done: start, total: examples.count };
    const end = Math.min(start + chunk, examples.count);
    pieces.push(await see(extractor, sliceExamples(examples, start, end), labels?.subarray(start, end)));
  }
  return joined(pieces);
}

/** Reads the whole data set once: statistics of all, and the features of a random part. */
export async function* referenceOf(
  dataset: Dataset,
  hash: string,
  extractor: Extractor,
): AsyncGenerator<ReadingProgress, Reference, void> {
  if (dataset.size < 2)
    throw new ConfigError(`${dataset.name}: has ${dataset.size} example (at least 2 to compare with).`);
  const order = stream(0, "reference").permutation(dataset.size);
  const kept: Seen[] = [];
  const statistics: { [R in Role]?: FeatureStatistics } = {};
  let keep = leastKept;
  for (let start = 0; start < dataset.size; start += chunk) {
    yield { done: start, total: dataset.size };
    const end = Math.min(start + chunk, dataset.size);
    const seen = await see(extractor, examplesAt(dataset, order.subarray(start, end)));
    for (const role of ["features", "spatial"] as const) {
      const rows = seen[role];
      if (rows) addFeatures((statistics[role] ??= featureStatistics(rows.dims)), rows);
    }
    if (areMany(dataset) && !seen.spatial)
      keep = Math.max(leastKept, Math.min(mostKept, Math.floor(mostNumbers / seen.features.dims)));
    if (start < keep) kept.push(seen);
  }
  const sample = joined(kept);
  const { label } = dataset;
  const labels = label && Int32Array.from(order.subarray(0, sample.features.count), (i) => label.call(dataset, i));
  return {
    record: { name: dataset.name, hash, size: dataset.size },
    features: gaussianOf(statistics.features!),
    ...(statistics.spatial && { spatial: gaussianOf(statistics.spatial) }),
    sample: { ...sample, ...(labels && { labels }) },
  };
}

/** Of points 10,000 are enough: nobody looks for copies among them. */
const areMany = ({ shape }: Dataset) => shape.length === 3;

const parts = ["features", "spatial", "logits", "colour"] as const;

/** Rows `start` to `end − 1` of everything. */
export function sliceSeen(seen: Seen, start: number, end: number): Seen {
  const cut = ({ data, dims }: Rows): Rows => ({
    data: data.subarray(start * dims, end * dims),
    count: end - start,
    dims,
  });
  return {
    ...Object.fromEntries(parts.flatMap((part) => (seen[part] ? [[part, cut(seen[part])]] : []))),
    features: cut(seen.features),
    ...(seen.labels && { labels: seen.labels.subarray(start, end) }),
  };
}

/** Several pieces as one. */
export function joined(pieces: readonly Seen[]): Seen {
  const [first] = pieces;
  const count = pieces.reduce((sum, { features }) => sum + features.count, 0);
  const join = (part: (typeof parts)[number], { dims }: Rows): Rows => {
    const data = new Float32Array(count * dims);
    let at = 0;
    for (const piece of pieces) {
      data.set(piece[part]!.data, at);
      at += piece[part]!.data.length;
    }
    return { data, count, dims };
  };
  return {
    ...Object.fromEntries(parts.flatMap((part) => (first[part] ? [[part, join(part, first[part])]] : []))),
    features: join("features", first.features),
    ...(first.labels && { labels: Int32Array.from(pieces.flatMap(({ labels }) => Array.from(labels ?? []))) }),
  };
}

function meanColours({ shape, count, data }: Examples): Rows {
  const [channels] = shape;
  const plane = elements(shape) / channels;
  const means = new Float32Array(count * channels);
  for (let i = 0; i < means.length; i++) {
    let sum = 0;
    for (let p = i * plane; p < (i + 1) * plane; p++) sum += data[p];
    means[i] = sum / plane;
  }
  return { data: means, count, dims: channels };
}
