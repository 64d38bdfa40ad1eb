/** Drawing samples from trained parameters, as a recipe says. */
import { ConfigError } from "../errors/index.ts";
import { type Stream, stream } from "../random/index.ts";
import {
  counted,
  type Denoise,
  type DiscriminatorHeunOptions,
  discriminatorHeun,
  inpainted,
  type Noise,
  solve,
  solvePath,
} from "../sampling/index.ts";
import type { BatchLabels } from "../training/index.ts";
import {
  type ClassifierGuidance,
  type DiscriminatorGuidance,
  type Guides,
  modifiedDenoiser,
  samplerAsks,
  timesOf,
} from "./modified.ts";
import type { DataFacts, Recipe } from "./recipe.ts";
import { type SamplingPlan, samplingPlan } from "./sampling-plan.ts";
import { type TrainedModel, type TrainedModelOptions, trainedModel } from "./trained.ts";
import { trainedLevels, usualLevels } from "./trained-levels.ts";

/** What to draw. */
export interface DrawRequest extends Guides {
  readonly count: number;
  /** Sample i of a seed is the same picture whatever the count and the batch (up to rounding). */
  readonly seed: number;
  /** The index of the first sample; 0. Samples 64 to 127 are the same whether drawn by themselves or after the others. */
  readonly first?: number;
  /** The class of sample i; left out: none, or for a conditional model each class in turn. */
  readonly label?: (index: number) => number | undefined;
  /** Samples in one call of the network; 64 or the count, whichever is less. */
  readonly batch?: number;
  /** The sampler, its options and its steps, in place of the recipe's. */
  readonly sampling?: Recipe["sampling"];
  /** The unit noise that sample i starts from, in place of its own. */
  readonly latent?: (index: number) => Float64Array;
  /** What samples begin from or keep, in place of pure noise. */
  readonly edit?: Edit;
}

/** Drawing on top of images that are there. */
export interface Edit {
  /** The image for sample i, flat in [−1, 1]. */
  readonly image: (index: number) => Float64Array;
  /**
   * Image-to-image (Meng et al. 2022): sampling begins at the grid's highest level that is not above this one, from the
   * image with that much noise. Left out: from pure noise.
   */
  readonly sigma?: number;
  /** Inpainting: 1 for each number of the image that is drawn anew, 0 for each that is kept. Left out: all is drawn. */
  readonly mask?: Float64Array;
}

export interface DrawOptions extends DrawRequest, TrainedModelOptions {}

/** Samples of one batch, and how far the drawing has come. */
export interface Drawn {
  /** Samples finished so far, of `count`. */
  readonly done: number;
  /** Share of all steps finished, for a progress bar. */
  readonly share: number;
  /** Network calls so far. */
  readonly evaluations: number;
  /** Evaluations of D so far for a sample of the present batch (NFE). */
  readonly perSample: number;
}

/** Yields after every step of the sampler; returns all samples, flat in [−1, 1], `[count × dims]`. */
export async function* draw(
  recipe: Recipe,
  facts: DataFacts,
  params: Float32Array,
  { count, seed, first, label, batch, sampling, latent, edit, towards, corrected, ...options }: DrawOptions,
): AsyncGenerator<Drawn, Float64Array, void> {
  const model = trainedModel(recipe, facts, params, options);
  const request = {
    count,
    seed,
    ...(first !== undefined && { first }),
    ...(label && { label }),
    ...(batch !== undefined && { batch }),
    ...(sampling && { sampling }),
    ...(latent && { latent }),
    ...(edit && { edit }),
    ...(towards && { towards }),
    ...(corrected && { corrected }),
  };
  try {
    return yield* drawFrom(model, request);
  } finally {
    await model.close();
  }
}

/** As {@link draw}, from a model that stays open. */
export async function* drawFrom(
  model: TrainedModel,
  {
    count,
    seed,
    first = 0,
    label,
    batch: asked,
    sampling = model.recipe.sampling,
    latent,
    edit,
    towards,
    corrected,
  }: DrawRequest,
): AsyncGenerator<Drawn, Float64Array, void> {
  const { dims, classes } = model;
  const batch = Math.min(asked ?? 64, count);
  const plan = samplingPlan(model.recipe, sampling, edit?.sigma);
  const { steps, startStd } = plan;
  const { temperature = 1 } = sampling;
  const samples = new Float64Array(count * dims);
  const known = towards ? towards.classifier.facts.classes : classes;
  const labelOf = label ?? ((i: number) => (known > 0 ? i % known : undefined));
  if (towards) checkGuide(model, towards);
  if (corrected) checkJudge(corrected, known, plan);
  const callsBefore = model.calls;
  for (let start = 0; start < count; start += batch) {
    const indices = Array.from({ length: batch }, (_, i) => first + start + i);
    const wanted = (i: number) => i < first + count;
    const streams = indices.map((i) => stream(seed, "sample", i));
    const noise = () => fill(streams, new Float64Array(batch * dims));
    const x = noise();
    for (const [row, i] of indices.entries()) if (latent && wanted(i)) x.set(latent(i), row * dims);
    for (let i = 0; i < x.length; i++) x[i] *= temperature * startStd;
    const drawnOn = indices.map((i) => (wanted(i) ? i : first));
    const known = edit && rows(drawnOn.map(edit.image), dims);
    if (known && edit.sigma !== undefined) for (let i = 0; i < x.length; i++) x[i] += known[i];
    const labels = indices.map((i) => (wanted(i) ? labelOf(i) : undefined));
    const told = classes > 0 ? labels : towards ? labels.map(() => undefined) : labels;
    const guide = towards && { ...towards, labels };
    const modified = await modifiedDenoiser(model, told, sampling, guide, corrected);
    const denoise = counted(known && edit.mask ? inpainted(modified, { known, mask: edit.mask }) : modified);
    let last = x;
    const factors = plan.path ? undefined : plan.factors;
    const handed = {
      noise,
      ...(plan.spec.type === "ancestral" && { varianceOutput: learnedVariance(model, batch, sampling) }),
      ...(factors && { factors }),
    };
    const solving = plan.path
      ? solvePath(plan.spec, denoise, x, plan.path, { noise, samples: batch })
      : corrected && samplerAsks(corrected)
        ? await correctedHeun(corrected, labels, plan, { denoise, x, noise })
        : solve(plan.spec, denoise, x, plan.sigmas, handed);
    for await (const step of solving) {
      last = step.x;
      const share = (start + batch * ((step.index + 1) / steps)) / (Math.ceil(count / batch) * batch);
      yield {
        done: start,
        share: Math.min(share, 1),
        evaluations: model.calls - callsBefore,
        perSample: denoise.sigmas.length,
      };
    }
    samples.set(last.subarray(0, Math.min(batch, count - start) * dims), start * dims);
  }
  return samples;
}

/** A discriminator that is told classes must know the model's; Heun's method is the one that has a place for it in its steps. */
function checkJudge(corrected: DiscriminatorGuidance, known: number, { spec }: SamplingPlan): void {
  const { classes } = corrected.discriminator;
  if (classes > 0 && classes !== known)
    throw new ConfigError(`discriminator: is told ${classes} classes (the model's are ${known}).`);
  if (samplerAsks(corrected) && spec.type !== "heun")
    throw new ConfigError(
      `discriminator: boosting and a second weight are of Heun's steps; the sampler is ${spec.type}. Take heun.`,
    );
}

/** Heun's method as Kim et al. (2023) have it, which asks the discriminator itself. */
async function correctedHeun(
  corrected: DiscriminatorGuidance,
  labels: BatchLabels,
  { spec: { type: _, ...options }, sigmas }: SamplingPlan,
  { denoise, x, noise }: { readonly denoise: Denoise; readonly x: Float64Array; readonly noise: Noise },
) {
  const { discriminator: judge, weight, second = 0, boosting } = corrected;
  const batch = labels.length;
  return discriminatorHeun(denoise, x, sigmas, {
    ...(options as DiscriminatorHeunOptions),
    noise,
    discriminator: await judge.discriminator(batch, labels),
    batch,
    range: timesOf(corrected),
    weightFirstOrder: weight,
    weightSecondOrder: second,
    boosting: boosting ? "on" : "off",
  });
}

/** A classifier must have learnt from examples of the same kind, and at the noise levels where it is asked. */
function checkGuide({ facts, classes, recipe }: TrainedModel, { classifier }: ClassifierGuidance): void {
  const own = classifier.facts;
  if (own.shape.join() !== facts.shape.join() || (classes > 0 && own.classes !== classes))
    throw new ConfigError(
      `classifier: knows ${own.classes} classes of [${own.shape}] (the model's examples are [${facts.shape}]${classes > 0 ? `, in ${classes} classes` : ""}).`,
    );
  const [known, asked] = [trainedLevels(classifier.recipe), usualLevels(recipe)];
  if (known.min > asked.sigmaMin * 1.000001 || known.max < asked.sigmaMax / 1.000001)
    throw new ConfigError(
      `classifier: was trained at noise levels ${known.min} to ${known.max} (the model samples from ${asked.sigmaMax} to ${asked.sigmaMin}). Train it on the run's own recipe.`,
    );
}

/** The variance output of the call that the sampler has just made. */
function learnedVariance(model: TrainedModel, batch: number, { guidance }: Recipe["sampling"]) {
  return async () => {
    if (guidance !== undefined && guidance !== 1)
      throw new ConfigError(
        "ancestral: a learned variance is that of one call, and guidance makes two. Take fixed-large, or no guidance.",
      );
    const { variance } = await model.denoiser(batch);
    if (variance) return variance;
    throw new ConfigError("ancestral: variance: the model has learned none. Take fixed-small or fixed-large.");
  };
}

/** The unit noise that sample i of a seed starts from. */
export const latentOf = (seed: number, index: number, dims: number): Float64Array =>
  stream(seed, "sample", index).fillNormal(new Float64Array(dims));

/** Samples one after the other; each must be of `dims` numbers. */
function rows(samples: readonly Float64Array[], dims: number): Float64Array {
  const out = new Float64Array(samples.length * dims);
  for (const [row, sample] of samples.entries()) {
    if (sample.length !== dims)
      throw new ConfigError(`draw: an image of ${sample.length} numbers (the model takes ${dims}).`);
    out.set(sample, row * dims);
  }
  return out;
}

/** Each sample's part of `out` from that sample's own stream. */
function fill(streams: readonly Stream[], out: Float64Array): Float64Array {
  const dims = out.length / streams.length;
  for (const [i, own] of streams.entries()) own.fillNormal(out.subarray(i * dims, (i + 1) * dims));
  return out;
}
