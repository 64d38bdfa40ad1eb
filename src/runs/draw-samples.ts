/** Samples of a run for its evaluation: drawn where they are not on disk yet. */
import { join } from "node:path";
import { type Dataset, elements, labelCounts, type PixelConvention } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type Examples, examplesOf } from "../evaluation/index.ts";
import type { Precision } from "../graph/index.ts";
import { stream } from "../random/index.ts";
import {
  type DiscriminatorGuidance,
  drawFrom,
  type Guides,
  modelOf,
  type Recipe,
  samplingPlan,
  type TrainedModel,
  trainedModel,
} from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { hashBytes } from "./data-hash.ts";
import type { RunSubject, Subject } from "./evaluation-log.ts";
import { type ParametersOf, parametersOf } from "./parameters.ts";
import type { RunFolder } from "./run-folder.ts";
import { sampleStore } from "./sample-store.ts";

/** Which samples of a run. */
export interface SamplesOf extends ParametersOf, Guides {
  readonly sampling: Recipe["sampling"];
  readonly n: number;
  readonly seeds: readonly number[];
  /** Samples in one call of the network. */
  readonly batch: number;
  readonly rounding: PixelConvention;
  /** What the network computes in; float32 by default. */
  readonly precision?: Precision;
}

export interface DrawingProgress {
  /** Samples on disk, of all seeds. */
  readonly done: number;
  readonly total: number;
  /** How many of `done` were there before. */
  readonly found: number;
}

export interface DrawnSamples {
  readonly subject: Subject;
  /** One set a seed, of n samples. */
  readonly sets: readonly Examples[];
  /** Their classes; there if the model has classes. */
  readonly labels?: readonly Int32Array[];
}

/** Draws samples into the folder `eval` of the run and returns them. Stopped or killed, it goes on where it was. */
export async function* drawSamples(
  folder: RunFolder,
  dataset: Dataset,
  { checkpoint, weights, ema, images: upTo, sampling, n, seeds, batch, rounding, precision, ...guides }: SamplesOf,
  options: CompileOptions = {},
): AsyncGenerator<DrawingProgress, DrawnSamples, void> {
  const { recipe, data } = folder.describe();
  const spec = modelOf(recipe, data);
  const { params, step, images } = parametersOf(folder, {
    checkpoint,
    weights,
    ...(ema !== undefined && { ema }),
    ...(upTo !== undefined && { images: upTo }),
  });
  const { evaluations } = samplingPlan(recipe, sampling);
  const known = guides.towards ? guides.towards.classifier.facts.classes : spec.classes;
  const classOf = classes(dataset, known);
  const guidedBy = recordOf(guides);
  const halved = precision === "float16" ? { precision } : {};
  const made = {
    parameters: hashBytes(params),
    sampling,
    rounding,
    classes: classOf.kind,
    ...guidedBy,
    ...halved,
    // The model's meaning: the same parameters under another objective denoise otherwise.
    objective: recipe.objective,
    sigmaData: recipe.data.sigmaData,
  };
  const total = n * seeds.length;
  const batches = Math.ceil(n / batch);
  const stores = seeds.map((seed) => sampleStore(join(folder.path, "eval"), { shape: data.shape, batch, made }, seed));
  const missing = stores.flatMap((store, s) =>
    Array.from({ length: batches }, (_, index) => ({ store, seed: seeds[s], index })).filter(
      ({ index }) => !store.has(index),
    ),
  );
  const found = total - Math.min(total, missing.length * batch);
  const model: TrainedModel = trainedModel(recipe, data, params, { ...options, ...halved });
  let measured = 0;
  try {
    for (const [i, { store, seed, index }] of missing.entries()) {
      yield { done: Math.min(total, found + i * batch), total, found };
      const first = index * batch;
      const label = (sample: number) => classOf.of(seed, sample);
      const drawing = drawFrom(model, { count: batch, first, seed, batch, sampling, label, ...guides });
      let next = await drawing.next();
      for (; !next.done; next = await drawing.next()) {
        measured = next.value.perSample;
        yield { done: Math.min(total, found + (i + next.value.share) * batch), total, found };
      }
      const bad = next.value.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw new ConfigError(
          `${folder.path}: sample ${first + Math.floor(bad / elements(data.shape))} of seed ${seed} is not finite. Has training diverged, or does the sampler not fit the model?`,
        );
      store.write(index, examplesOf(next.value, data.shape, rounding));
    }
  } finally {
    await model.close();
  }
  return {
    subject: {
      type: "run",
      step,
      images,
      weights,
      ...(ema !== undefined && { ema }),
      parameters: made.parameters,
      sampling,
      evaluations: evaluations ?? (measured || null),
      classes: classOf.kind,
      ...guidedBy,
      ...halved,
    },
    sets: stores.map((store) => store.read(n)),
    ...(known > 0 && {
      labels: seeds.map((seed) => Int32Array.from({ length: n }, (_, i) => classOf.of(seed, i)!)),
    }),
  };
}

/** Which networks guide, and how strongly. */
function recordOf({ towards, corrected }: Guides): Pick<RunSubject, "classifier" | "discriminator"> {
  return {
    ...(towards && { classifier: { parameters: hashBytes(towards.classifier.params), scale: towards.scale } }),
    ...(corrected && { discriminator: correctionOf(corrected) }),
  };
}

function correctionOf({ discriminator, ...settings }: DiscriminatorGuidance) {
  return { parameters: hashBytes(discriminator.params), ...settings };
}

/** The class of every sample: what compares with data has its classes as often as they are there. */
function classes(dataset: Dataset, known: number) {
  if (known === 0) return { kind: "none" as const, of: () => undefined };
  const counts = labelCounts(dataset) ?? Array.from({ length: known }, () => 1);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const of = (seed: number, sample: number) => {
    let left = stream(seed, "class", sample).uniform() * total;
    const label = counts.findIndex((count) => (left -= count) < 0);
    return label < 0 ? counts.length - 1 : label;
  };
  return { kind: "as in the data" as const, of };
}
