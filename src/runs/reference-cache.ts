/** References on disk: reading a data set through a feature network takes long, so what came out is kept. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { makeFolder } from "../disk/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type Extractor,
  type ReadingProgress,
  type Reference,
  type Rows,
  referenceOf,
  type Seen,
} from "../evaluation/index.ts";
import type { FeatureGaussian } from "../metrics/index.ts";
import { decodeSafetensors, encodeSafetensors, type NamedArray, type Safetensors } from "../training/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import { hashBytes, hashDataset } from "./data-hash.ts";

const format = "ornstein reference 2";

/** The reference that `dataset` makes through `extractor`: the one in the folder `cache`, or a new one, kept there. */
export async function* cachedReference(
  dataset: Dataset,
  extractor: Extractor,
  cache: string,
): AsyncGenerator<ReadingProgress, Reference, void> {
  const hash = hashDataset(dataset);
  const key = hashBytes(JSON.stringify([format, hash, extractor.record.hash, extractor.record.name])).slice(0, 16);
  const path = join(cache, `reference-${dataset.name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${key}.safetensors`);
  const known = readReference(path);
  if (known) return known;
  const reference = yield* referenceOf(dataset, hash, extractor);
  explained(cache, () => makeFolder(cache));
  writeReference(path, reference);
  return reference;
}

const gaussians = ["features", "spatial"] as const;
const samples = ["features", "spatial", "logits", "colour"] as const;

function writeReference(path: string, { record, sample, ...reference }: Reference): void {
  const tensors: Record<string, NamedArray> = {};
  for (const name of gaussians) {
    const gaussian = reference[name];
    if (!gaussian) continue;
    const dims = gaussian.mean.length;
    tensors[`${name}/mean`] = { shape: [dims], data: gaussian.mean };
    tensors[`${name}/covariance`] = { shape: [dims, dims], data: gaussian.covariance };
  }
  for (const name of samples) {
    const rows = sample?.[name];
    if (rows) tensors[`sample/${name}`] = { shape: [rows.count, rows.dims], data: rows.data };
  }
  if (sample?.labels)
    tensors["sample/labels"] = { shape: [sample.labels.length], data: Float32Array.from(sample.labels) };
  const metadata = { format, record: JSON.stringify(record), sha256: checksum(tensors) };
  writeAtomic(path, encodeSafetensors({ tensors, metadata }));
}

/** The reference in a file; nothing where it is missing or damaged. */
function readReference(path: string): Reference | undefined {
  if (!existsSync(path)) return undefined;
  let file: Safetensors;
  try {
    file = decodeSafetensors(new Uint8Array(readFileSync(path)), path);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
  const { tensors, metadata } = file;
  if (metadata["format"] !== format || metadata["sha256"] !== checksum(tensors)) return undefined;
  const record: Reference["record"] = JSON.parse(metadata["record"]);
  const gaussian = (name: string): FeatureGaussian | undefined => {
    const [mean, covariance] = [tensors[`${name}/mean`]?.data, tensors[`${name}/covariance`]?.data];
    if (!(mean instanceof Float64Array && covariance instanceof Float64Array)) return undefined;
    return { mean, covariance, ...(record.size !== null && { count: record.size }) };
  };
  const rows = (name: string): Rows | undefined => {
    const { shape, data } = tensors[`sample/${name}`] ?? {};
    return shape && data instanceof Float32Array ? { data, count: shape[0], dims: shape[1] } : undefined;
  };
  const [features, spatial] = gaussians.map(gaussian);
  const kept = Object.fromEntries(samples.flatMap((name) => (rows(name) ? [[name, rows(name)]] : []))) as Partial<Seen>;
  const labels = tensors["sample/labels"]?.data;
  if (!features || !kept.features) return undefined;
  const sample: Seen = { ...kept, features: kept.features, ...(labels && { labels: Int32Array.from(labels) }) };
  return { record, features, ...(spatial && { spatial }), sample };
}

const checksum = (tensors: Safetensors["tensors"]): string =>
  hashBytes(
    ...Object.keys(tensors)
      .sort()
      .flatMap((name) => [name, tensors[name].data]),
  );
