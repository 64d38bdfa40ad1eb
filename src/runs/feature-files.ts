/** Feature networks on disk: files that a person brings, and the ones trained here, which are kept for the next time. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type ClassifierOptions,
  type ClassifierStep,
  classifierFacts,
  type Extractor,
  type FeatureHints,
  featureSpec,
  networkExtractor,
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
  const { heldOut, images, seed = 0, ...compileOptions } = options;
  const [data, held] = [dataset, heldOut].map((set) => set && hashDataset(set));
  const key = hashBytes(JSON.stringify([version, data, held, images, seed])).slice(0, 16);
  const path = join(cache, `features-${dataset.name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${key}.onnx`);
  // The facts come last in the file: one that was cut short has none.
  if (!existsSync(path) || !classifierFacts(read(path))) {
    const { model } = yield* trainClassifier(dataset, options);
    explained(cache, () => mkdirSync(cache, { recursive: true }));
    writeAtomic(path, [model]);
  }
  return openFeatures(path, compileOptions);
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read: ${cause instanceof Error ? cause.message : cause}.`, { cause });
  }
}

function readHints(path: string): FeatureHints {
  if (!existsSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`${path}: is no JSON: ${cause instanceof Error ? cause.message : cause}.`, { cause });
  }
  return parseHints(value, path);
}
