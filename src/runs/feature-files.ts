/** Feature networks on disk: files that a person brings, and the ones trained here, which are kept for the next time. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { makeFolder } from "../disk/index.ts";
import { ConfigError, reasonOf } from "../errors/index.ts";
import {
  type ClassifierOptions,
  type ClassifierStep,
  classifierFacts,
  classifierMap,
  type Extractor,
  type FeatureHints,
  featureSpec,
  networkExtractor,
  type OpenFeatureMap,
  parseHints,
  trainClassifier,
} from "../evaluation/index.ts";
import { type CompileOptions, loadModel } from "../runtime/index.ts";
import { explained, writeAtomic } from "./atomic.ts";
import { hashBytes, hashDataset } from "./data-hash.ts";

/** Changes when networks trained before must not be used any more. */
const version = "auto 1";

/** Opens a feature network. A file of the same name with .json added may say how it is fed: {@link FeatureHints}. */
export async function openFeatures(path: string, options: CompileOptions = {}): Promise<Extractor> {
  const bytes = read(path);
  const hash = hashBytes(bytes);
  const model = await loadModel(bytes, { ...options, where: path });
  try {
    const facts = classifierFacts(bytes);
    if (facts) {
      const { spec, task, accuracy } = facts;
      return networkExtractor(model, spec, { name: spec.name, hash, task, accuracy });
    }
    const spec = featureSpec(path, model.inputs, model.outputs, readHints(`${path}.json`));
    return networkExtractor(model, spec, { name: spec.name, hash });
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** The classifier of a data set: the one in the folder `cache`, or one trained now, with progress, and kept there. */
export async function* autoFeatures(
  dataset: Dataset,
  cache: string,
  options: ClassifierOptions = {},
): AsyncGenerator<ClassifierStep, Extractor, void> {
  const { path } = filesOf(dataset, cache, options);
  if (!isComplete(path)) yield* train(dataset, cache, options);
  return openFeatures(path, compileOptions(options));
}

/** The features of {@link autoFeatures}, to differentiate through. One kept without its gradient is trained again. */
export async function* autoFeatureMap(
  dataset: Dataset,
  cache: string,
  options: ClassifierOptions = {},
): AsyncGenerator<ClassifierStep, OpenFeatureMap, void> {
  const { path, gradient } = filesOf(dataset, cache, options);
  if (!isComplete(path) || !isComplete(gradient)) yield* train(dataset, cache, options);
  const bytes = read(path);
  const forward = await loadModel(bytes, { ...compileOptions(options), where: path });
  const backward = await loadModel(read(gradient), { ...compileOptions(options), where: gradient });
  return classifierMap(forward, backward, classifierFacts(bytes)!);
}

function filesOf(dataset: Dataset, cache: string, { heldOut, images, seed = 0 }: ClassifierOptions) {
  const [data, held] = [dataset, heldOut].map((set) => set && hashDataset(set));
  const key = hashBytes(JSON.stringify([version, data, held, images, seed])).slice(0, 16);
  const stem = join(cache, `features-${dataset.name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${key}`);
  return { path: `${stem}.onnx`, gradient: `${stem}-gradient.onnx` };
}

// The facts come last in a file: one that was cut short has none.
const isComplete = (path: string) => existsSync(path) && classifierFacts(read(path)) !== undefined;

async function* train(dataset: Dataset, cache: string, options: ClassifierOptions) {
  const files = filesOf(dataset, cache, options);
  const { model, gradient } = yield* trainClassifier(dataset, options);
  explained(cache, () => makeFolder(cache));
  writeAtomic(files.path, [model]);
  writeAtomic(files.gradient, [gradient]);
}

const compileOptions = ({ heldOut: _, images: __, seed: ___, ...rest }: ClassifierOptions): CompileOptions => rest;

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read: ${reasonOf(cause)}.`, { cause });
  }
}

function readHints(path: string): FeatureHints {
  if (!existsSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path}: is no JSON: ${reasonOf(cause)}.`, { cause });
  }
  return parseHints(value, path);
}
