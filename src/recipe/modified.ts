/** A model's denoiser for one batch, with all that sampling does to its answer: guidance, scaling, clipping. */
import { discreteSchedule, noiseSchedule } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  classifierFree,
  classifierGuided,
  clipped,
  type Denoise,
  type DenoiseBoth,
  type DiscriminatorRange,
  discriminatorGuided,
  dynamicallyThresholded,
  type EpsilonScale,
  epsilonScaled,
  linearScale,
} from "../sampling/index.ts";
import type { BatchLabels } from "../training/index.ts";
import type { TrainedClassifier } from "./classifier.ts";
import type { TrainedDiscriminator } from "./discriminator.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainedModel } from "./trained.ts";

/** Up to this many images a batch of twice the size is faster than two batches. */
const mostDoubled = 32;

/** A classifier that leads samples towards its classes. */
export interface ClassifierGuidance {
  readonly classifier: TrainedClassifier;
  /** How strongly: 1 is Bayes' rule. */
  readonly scale: number;
}

/** A discriminator of data and samples that makes samples look more like data. */
export interface DiscriminatorGuidance {
  readonly discriminator: TrainedDiscriminator;
  /** Of its correction; 1 is the score's own error, if the discriminator is right. */
  readonly weight: number;
  /** The weight at the second evaluation of a step of Heun's, where `weight` is that of the first; every evaluation has `weight` by default. */
  readonly second?: number;
  /** VP times at which it is asked; 0.01 to 1 by default. */
  readonly window?: readonly [low: number, high: number];
  /** More noise and weight for samples that look doubtful (Kim et al. 2023); Heun's method only. */
  readonly boosting?: boolean;
}

/** Other networks that change what a model draws. */
export interface Guides {
  /** A classifier to guide by, towards each sample's class: of a model without labels too, and there each class in turn. */
  readonly towards?: ClassifierGuidance;
  /** A discriminator that corrects the score. */
  readonly corrected?: DiscriminatorGuidance;
}
/** Whether the sampler itself must know of the discriminator. */
export const samplerAsks = ({ second, boosting }: DiscriminatorGuidance): boolean =>
  second !== undefined || boosting === true;

/** The VP times of a discriminator, as the samplers take them. */
export const timesOf = ({ window }: DiscriminatorGuidance): DiscriminatorRange =>
  window ? { timeMin: window[0], timeMax: window[1] } : {};

/**
 * D for a batch of labels, as `sampling` says: the network's answer, guided, then its noise scaled, then clipped.
 * `towards` adds a classifier's gradient, and the classes it is for; `corrected` a discriminator's.
 * @throws ConfigError for labels or guidance of a model without labels.
 */
export async function modifiedDenoiser(
  model: TrainedModel,
  labels: BatchLabels,
  { guidance, clip, threshold, epsilonScale }: Recipe["sampling"],
  towards?: ClassifierGuidance & { readonly labels: BatchLabels },
  corrected?: DiscriminatorGuidance,
): Promise<Denoise> {
  let denoise = await guided(model, labels, typeof guidance === "number" ? { scale: guidance } : guidance);
  if (towards) {
    const classifier = await towards.classifier.classifier(labels.length);
    denoise = classifierGuided(denoise, classifier.gradient(towards.labels), towards.scale);
  }
  if (corrected && !samplerAsks(corrected)) {
    const discriminator = await corrected.discriminator.discriminator(labels.length, labels);
    const { weight } = corrected;
    denoise = discriminatorGuided(denoise, discriminator, { weight, batch: labels.length, ...timesOf(corrected) });
  }
  if (epsilonScale !== undefined) denoise = epsilonScaled(denoise, epsilonScaleOf(model.recipe, epsilonScale));
  if (threshold !== undefined) return dynamicallyThresholded(denoise, { samples: labels.length, quantile: threshold });
  return clip ? clipped(denoise) : denoise;
}

type Guidance = Exclude<Recipe["sampling"]["guidance"], number>;

async function guided(model: TrainedModel, labels: BatchLabels, guidance: Guidance): Promise<Denoise> {
  const batch = labels.length;
  if (model.recipe.model.guidance) return (await model.denoiser(batch)).denoise(labels, guidance?.scale);
  if (!guidance || guidance.scale === 1) return (await model.denoiser(batch)).denoise(labels);
  if (model.classes === 0)
    throw new ConfigError("sampling.guidance: the model was trained without labels. Leave it out.");
  const none = labels.map(() => undefined);
  // Outside an interval the unconditional branch is not needed, and a doubled batch would compute it for nothing.
  if (guidance.interval || batch > mostDoubled) {
    const denoiser = await model.denoiser(batch);
    return classifierFree(denoiser.denoise(labels), denoiser.denoise(none), { ...guidance, batch });
  }
  const doubled = (await model.denoiser(2 * batch)).denoise([...labels, ...none]);
  const both: DenoiseBoth = async (x, sigma) => {
    const twice = new Float64Array(2 * x.length);
    twice.set(x);
    twice.set(x, x.length);
    const answers = await doubled(twice, sigma);
    return [answers.subarray(0, x.length), answers.subarray(x.length)];
  };
  const first = async (x: Float64Array, sigma: number) => (await both(x, sigma))[0];
  return classifierFree(first, first, { ...guidance, batch, both });
}

/** A number, or a line in the timestep of the recipe's discrete process. */
function epsilonScaleOf(
  { objective: { schedule } }: Recipe,
  scale: NonNullable<Recipe["sampling"]["epsilonScale"]>,
): EpsilonScale {
  if (typeof scale === "number") return scale;
  if (schedule?.kind !== "discrete")
    throw new ConfigError(
      "sampling.epsilonScale: a line in the timestep needs an objective with a discrete schedule. Give one number.",
    );
  const table = discreteSchedule(schedule.table);
  const { time } = noiseSchedule({ type: "discrete", table });
  const last = table.logSnr.filter(Number.isFinite).length - 1;
  return linearScale({ ...scale, time: (sigma) => last * time(-2 * Math.log(sigma)) });
}
