/** Discriminators of data and samples: the recipe of one, what it learns from, and a trained one as guidance asks it. */
import { type Dataset, elements } from "../data/index.ts";
import { alphaOf, softplus, vpSigma } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { Discriminator } from "../sampling/index.ts";
import { type BatchLabels, compileDiscriminator } from "../training/index.ts";
import { classifierRecipe } from "./classifier.ts";
import { perBatch } from "./per-batch.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";

/** What a discriminator tells apart, in the order of its logits. */
export const discriminatorClasses = ["sample", "data"] as const;

export interface DiscriminatorPlan {
  /** Examples of both kinds that it sees. */
  readonly images: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Which noise meets which example; with `aot` data and samples are matched each for themselves. */
  readonly coupling?: Recipe["training"]["coupling"];
  /** Whether it is told the class of what it judges; not by default. */
  readonly conditional?: boolean;
  readonly seed: number;
}

/**
 * The discriminator of a model (Kim et al. 2023): a classifier of two classes whose inputs are diffused by the VP process with
 * β from 0.1 to 20, whatever the model's own is, at times drawn by importance; the label of time t is 999 t.
 */
export function discriminatorRecipe(model: Recipe, plan: DiscriminatorPlan): Recipe {
  const { images, batch, learningRate, coupling, conditional = false, seed } = plan;
  const base = classifierRecipe(model);
  const schedule = { type: "linear" } as const;
  if (conditional && !model.model.conditional)
    throw new ConfigError("discriminate: --conditional: the model was trained without labels. Leave it out.");
  return {
    ...base,
    model: { ...base.model, conditional },
    objective: {
      prediction: { type: "eps", path: "vp", label: { type: "time", schedule, scale: 999 } },
      schedule: { kind: "continuous", schedule },
      timesteps: { type: "discriminator" },
      loss: { multiplier: { type: "simple" } },
    },
    training: {
      images,
      batch,
      optimizer: { type: "adamw", weightDecay: 1e-7 },
      learningRate: { peak: learningRate, decay: { type: "linear", over: "images", to: images } },
      ema: { type: "half-life", images: Math.max(1, Math.round(images / 20)) },
      clip: 1,
      labelDropout: 0,
      ...(coupling && { coupling }),
      seed,
    },
  };
}

/**
 * Data and samples in turn, as examples of the two classes; as many of each. If `conditional`, labels say what each is of besides:
 * sample or data + 2·class.
 */
export function againstSamples(data: Dataset, samples: Dataset, conditional = false): Dataset {
  if (data.shape.join() !== samples.shape.join())
    throw new ConfigError(`discriminate: samples are [${samples.shape}] (the data's are [${data.shape}]).`);
  if (conditional && !(data.label && samples.label))
    throw new ConfigError("discriminate: --conditional: data or samples have no labels. Leave it out.");
  const size = 2 * Math.min(data.size, samples.size);
  const source = (index: number) => (index % 2 === 1 ? data : samples);
  const named = (data.classes ?? []).flatMap((name) => discriminatorClasses.map((kind) => `${kind} of ${name}`));
  return {
    name: `${data.name} and samples`,
    size,
    shape: data.shape,
    classes: conditional ? named : discriminatorClasses,
    label: (index) => (index % 2) + (conditional ? 2 * (source(index).label?.(index >> 1) ?? 0) : 0),
    read: (index, out, offset) => source(index).read(index >> 1, out, offset),
  };
}

/** A trained discriminator, compiled for the batches that are asked for. */
export interface TrainedDiscriminator {
  readonly facts: DataFacts;
  /** Flat. */
  readonly params: Float32Array;
  /** Classes that it is told; 0 if none. */
  readonly classes: number;
  /** What it says of a batch, of examples of these classes where it is told. */
  discriminator(batch: number, labels?: BatchLabels): Promise<Discriminator>;
  close(): Promise<void>;
}

/** A discriminator from flat parameters. Close it when done. */
export function trainedDiscriminator(
  recipe: Recipe,
  facts: DataFacts,
  params: Float32Array,
  options: CompileOptions = {},
): TrainedDiscriminator {
  const { classifies, ...spec } = modelOf(recipe, facts);
  if (classifies !== 2 || recipe.objective.timesteps.type !== "discriminator")
    throw new ConfigError("discriminator: the run is none. Make one with: ornstein discriminate RUN.");
  const { precondition } = objectiveOf(recipe);
  const { sigma } = vpSigma({ betaMin: 0.1, betaMax: 20 });
  const { of, close } = perBatch((batch) =>
    compileDiscriminator({ ...spec, classifies }, params, { precondition, sigma, batch, ...options }),
  );
  return {
    facts,
    params,
    classes: spec.classes,
    discriminator: async (batch, labels) => (await of(batch)).verdict(labels),
    close,
  };
}

/** Times at which a discriminator is tested, over the range in which it guides. */
const testTimes = [0.02, 0.1, 0.2, 0.35, 0.5, 0.7];

/** The mean of −ln p(right) in nats over held-out examples and times; ln 2 is knowing nothing. */
export async function discriminatorLoss(
  trained: TrainedDiscriminator,
  dataset: Dataset,
  { count, seed, batch = 64 }: { readonly count: number; readonly seed: number; readonly batch?: number },
): Promise<number> {
  const dims = elements(dataset.shape);
  const { sigma } = vpSigma({ betaMin: 0.1, betaMax: 20 });
  const values = new Float32Array(batch * dims);
  let [sum, asked] = [0, 0];
  for (let start = 0; start + batch <= count; start += batch)
    for (const tau of testTimes) {
      const [level, alpha] = [sigma(tau), alphaOf("vp", sigma(tau))];
      const z = new Float64Array(batch * dims);
      for (let row = 0; row < batch; row++) {
        dataset.read(start + row, values, row * dims);
        stream(seed, "discriminator test", start + row).fillNormal(z.subarray(row * dims, (row + 1) * dims));
      }
      for (let i = 0; i < z.length; i++) z[i] = alpha * (values[i] + level * z[i]);
      const labels = Array.from({ length: batch }, (_, row) => dataset.label?.(start + row) ?? 0);
      const ask = await trained.discriminator(
        batch,
        labels.map((label) => label >> 1),
      );
      const { logit } = await ask(z, tau);
      for (let row = 0; row < batch; row++) sum += softplus(labels[row] % 2 === 1 ? -logit[row] : logit[row]);
      asked += batch;
    }
  return sum / asked;
}
