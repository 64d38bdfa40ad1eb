/** A trained model at work: its parameters, what they mean, and its network compiled for the batches that are asked for. */
import { ConfigError } from "../errors/index.ts";
import type { Precision } from "../graph/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { compileDenoiser, type Denoiser } from "../training/index.ts";
import { perBatch } from "./per-batch.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";

export interface TrainedModel {
  readonly recipe: Recipe;
  readonly facts: DataFacts;
  /** Numbers in one example. */
  readonly dims: number;
  /** Classes that the network knows; 0 for a model without labels. */
  readonly classes: number;
  /** The network for batches of a size; compiled when first asked for. */
  denoiser(batch: number): Promise<Denoiser>;
  /** Network calls so far. */
  readonly calls: number;
  close(): Promise<void>;
}

export interface TrainedModelOptions extends CompileOptions {
  /** What the network computes in; float32 by default, however it was trained. */
  readonly precision?: Precision;
}

/** A model from flat parameters. Close it when done. */
export function trainedModel(
  recipe: Recipe,
  facts: DataFacts,
  params: Float32Array,
  options: TrainedModelOptions = {},
): TrainedModel {
  const spec = modelOf(recipe, facts);
  if (spec.classifies !== undefined)
    throw new ConfigError(
      "model: the run is a classifier's, which cannot denoise. It guides others: sample RUN --classifier.",
    );
  const { precondition } = objectiveOf(recipe);
  const denoisers = perBatch((batch) => compileDenoiser(spec, params, { precondition, batch, ...options }));
  return {
    recipe,
    facts,
    dims: spec.shape.reduce((n, size) => n * size, 1),
    classes: spec.classes,
    denoiser: denoisers.of,
    get calls() {
      return denoisers.ready.reduce((sum, { calls }) => sum + calls, 0);
    },
    close: denoisers.close,
  };
}

/** The batch size that cuts `count` samples into equal batches of at most `most`. */
export const evenBatch = (count: number, most: number): number => Math.ceil(count / Math.ceil(count / most));
