/** Classifiers of noisy examples: the recipe of one, a trained one at work, and how often it is right at every noise level. */
import { batches, type Dataset, order } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { sigmaSteps } from "../sampling/index.ts";
import { type Classifier, compileClassifier } from "../training/index.ts";
import { checkExamples, estimate } from "./examples.ts";
import { perBatch } from "./per-batch.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";
import { evenBatch } from "./trained.ts";
import { usualLevels } from "./trained-levels.ts";

/**
 * The classifier that guides models of a recipe: the same data and noise levels, and the descending half of ADM's U-Net as
 * wide as the recipe's network (Dhariwal and Nichol 2021). A perceptron stays one.
 */
export function classifierRecipe(recipe: Recipe): Recipe {
  const { data, model, objective, training, sampling } = recipe;
  const { variance: _, noise: __, ...kept } = objective;
  const { coupling: ___, target: ____, ...plan } = training;
  return {
    task: "classify",
    data,
    model: { network: encoderOf(model.network), patch: model.patch, conditional: false },
    objective: kept,
    training: { ...plan, labelDropout: 0 },
    sampling,
  };
}

type Network = Recipe["model"]["network"];

function encoderOf(network: Network): Network {
  if (network.type === "mlp" || network.type === "adm-encoder") return network;
  const { modelChannels = 128, channelMult = [1, 2, 2] } = network;
  const groups = [32, 16, 8, 4, 2, 1].find((size) => modelChannels % size === 0) ?? 1;
  return {
    type: "adm-encoder",
    modelChannels,
    channelMult: [...channelMult],
    numResBlocks: 1,
    attentionDownsampleFactors: [2 ** (channelMult.length - 1)],
    channelsPerHead: Math.min(64, modelChannels),
    groups,
    pool: "attention",
  };
}

/** A trained classifier, compiled for the batches that are asked for. */
export interface TrainedClassifier {
  readonly recipe: Recipe;
  readonly facts: DataFacts;
  /** Flat. */
  readonly params: Float32Array;
  classifier(batch: number): Promise<Classifier>;
  close(): Promise<void>;
}

/** A classifier from flat parameters. Close it when done. */
export function trainedClassifier(
  recipe: Recipe,
  facts: DataFacts,
  params: Float32Array,
  options: CompileOptions = {},
): TrainedClassifier {
  const { classifies, ...spec } = modelOf(recipe, facts);
  if (classifies === undefined)
    throw new ConfigError(
      "classifier: the run is a denoiser's. Train one with: ornstein train RECIPE --objective classifier.",
    );
  const { precondition } = objectiveOf(recipe);
  const { of: classifier, close } = perBatch((batch) =>
    compileClassifier({ ...spec, classifies }, params, { precondition, batch, ...options }),
  );
  return { recipe, facts, params, classifier, close };
}

export interface AccuracyRequest {
  readonly count: number;
  readonly seed: number;
  /** Noise levels, evenly spaced in log-SNR over the classifier's usual range; 9 by default. */
  readonly levels?: number;
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

/** How often a classifier is right at a noise level. */
export interface AccuracyAt {
  readonly sigma: number;
  readonly accuracy: number;
  /** Standard error over examples. */
  readonly error: number;
}

/** Asks about noisy examples; yields level by level, from the least noise up. */
export async function* classifierAccuracy(
  { recipe, facts, ...trained }: TrainedClassifier,
  dataset: Dataset,
  { count, seed, levels = 9, batch: most = 64 }: AccuracyRequest,
): AsyncGenerator<AccuracyAt, void, void> {
  checkExamples("classifier", { facts }, dataset, count);
  const batch = evenBatch(count, most);
  const classifier = await trained.classifier(batch);
  const assemble = batches(dataset, { seed, order: order(seed, dataset.size) });
  const dims = facts.shape.reduce((product, size) => product * size, 1);
  const { classes } = facts;
  for (const sigma of sigmaSteps({ type: "exponential", steps: levels, ...usualLevels(recipe) }).toReversed()) {
    const right = new Float64Array(count);
    for (let start = 0; start < count; start += batch) {
      const { x: clean, labels } = assemble(start, batch);
      const x = Float64Array.from(clean);
      for (let row = 0; row < batch; row++) {
        const noise = stream(seed, "accuracy", start + row).fillNormal(new Float64Array(dims));
        for (let i = 0; i < dims; i++) x[row * dims + i] += sigma * noise[i];
      }
      const logits = await classifier.logits(x, sigma);
      for (let row = 0; row < Math.min(batch, count - start); row++) {
        const own = logits.subarray(row * classes, (row + 1) * classes);
        right[start + row] = own.indexOf(Math.max(...own)) === labels?.[row] ? 1 : 0;
      }
    }
    const { mean: accuracy, error } = estimate(right);
    yield { sigma, accuracy, error };
  }
}
