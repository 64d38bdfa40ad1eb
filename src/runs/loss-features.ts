/** The classifier that a loss looks through: trained on a run's data, and kept for the next run and with the run itself. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { makeFolder } from "../disk/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type ClassifierStep, trainClassifier } from "../evaluation/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { decodeSafetensors, encodeSafetensors } from "../training/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import { hashBytes, hashDataset } from "./data-hash.ts";

/** A trained classifier, for a loss. */
export interface LossFeatures {
  /** Its parameters, flat. */
  readonly params: Float32Array;
  /** Share of images that it had not seen and gets right. */
  readonly accuracy: number;
}

export interface LossFeaturesOptions extends CompileOptions {
  /** Folder where it is looked for, and kept. Left out: it is trained for this run only. */
  readonly cache?: string;
  /** Images to learn from, as for the classifier that evaluation trains. */
  readonly images?: number;
}

const format = "ornstein features 1";
/** Evaluation has 0: another network judges than the one that taught. */
const seed = 1;

/** The classifier for losses on a data set: the one in the cache, or one trained now, with progress. */
export async function* lossFeatures(
  dataset: Dataset,
  { cache, images, ...options }: LossFeaturesOptions = {},
): AsyncGenerator<ClassifierStep, LossFeatures, void> {
  const key = hashBytes(JSON.stringify([format, hashDataset(dataset), images, seed])).slice(0, 16);
  const name = `loss-${dataset.name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${key}.safetensors`;
  const path = cache === undefined ? undefined : join(cache, name);
  if (path !== undefined && existsSync(path)) return readLossFeatures(path);
  const { params, accuracy } = yield* trainClassifier(dataset, { seed, ...(images && { images }), ...options });
  const found = { params, accuracy };
  if (cache !== undefined && path !== undefined) {
    explained(cache, () => makeFolder(cache));
    writeLossFeatures(path, found);
  }
  return found;
}

/** Writes a classifier to a file. */
export function writeLossFeatures(path: string, { params, accuracy }: LossFeatures): void {
  const tensors = { params: { shape: [params.length], data: params } };
  writeAtomic(path, encodeSafetensors({ tensors, metadata: { format, accuracy: String(accuracy) } }));
}

/** Reads what {@link writeLossFeatures} wrote. Throws ConfigError for other files. */
export function readLossFeatures(path: string): LossFeatures {
  const { tensors, metadata } = decodeSafetensors(Uint8Array.from(readFileSync(path)), path);
  const params = tensors["params"]?.data;
  if (metadata.format !== format || !(params instanceof Float32Array))
    throw new ConfigError(`${path}: holds no classifier for a loss. Delete it, and it is trained again.`);
  return { params, accuracy: Number(metadata.accuracy) };
}
