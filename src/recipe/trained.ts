/** A trained model at work: its parameters, what they mean, and its network compiled for the batches that are asked for. */
import { ConfigError } from "../errors/index.ts";
import type { Precision } from "../graph/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { compileDenoiser, type Denoiser } from "../training/index.ts";
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
  const compiled = new Map<number, Promise<Denoiser>>();
  const ready: Denoiser[] = [];
  return {
    recipe,
    facts,
    dims: spec.shape.reduce((n, size) => n * size, 1),
    classes: spec.classes,
    denoiser(batch) {
      const known = compiled.get(batch);
      if (known) return known;
      const fresh = compileDenoiser(spec, params, { precondition, batch, ...options }).then((denoiser) => {
        ready.push(denoiser);
        return denoiser;
      });
      compiled.set(batch, fresh);
      return fresh;
    },
    get calls() {
      return ready.reduce((sum, { calls }) => sum + calls, 0);
    },
    async close() {
      await Promise.all(ready.map((denoiser) => denoiser.close()));
    },
  };
}

/** The batch size that cuts `count` samples into equal batches of at most `most`. */
export const evenBatch = (count: number, most: number): number => Math.ceil(count / Math.ceil(count / most));
