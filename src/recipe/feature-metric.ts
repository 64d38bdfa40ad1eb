/** The distance of features that a consistency model's loss may be: what it needs, and whether the data have it. */
import { ConfigError } from "../errors/index.ts";
import { classifierParameters, featureDistance } from "../evaluation/index.ts";
import { initialize, parameterCount } from "../nn/index.ts";
import { comparesFeatures, type Distance } from "../training/index.ts";
import type { DataFacts, Recipe } from "./recipe.ts";

/** Whether a recipe's loss compares what a classifier of the data sees. */
export const needsFeatures = ({ training }: Recipe): boolean => comparesFeatures(training.target);

/** Refuses data that no classifier of images can be trained on. `where` names what asks for it. */
export function checkFeatures({ shape, classes }: DataFacts, where = "training.target.metric"): void {
  const lacks = shape.length !== 3 ? "are points, no images" : classes < 2 ? "have no labels" : undefined;
  if (lacks)
    throw new ConfigError(
      `${where}: features are those of a classifier of images, and the data ${lacks} (labelled images, of two classes or more). Take l2 or pseudo-huber, or other data.`,
    );
}

/** The distance that a recipe's loss is, through a classifier's parameters; undefined for recipes with another loss. */
export function distanceOf(recipe: Recipe, facts: DataFacts, features: Float32Array | undefined): Distance | undefined {
  const { target } = recipe.training;
  if (!target || !("metric" in target) || target.metric?.type !== "features") return undefined;
  checkFeatures(facts);
  if (!features)
    throw new ConfigError(
      "training.target.metric: features needs a classifier trained on the data. trainRun trains one and keeps it with the run.",
    );
  const expected = parameterCount(classifierParameters(facts.shape, facts.classes));
  if (features.length !== expected)
    throw new ConfigError(
      `training.target.metric: the classifier has ${features.length} parameters (${expected} for these images). Give one trained on the run's data.`,
    );
  const { pixels } = target.metric;
  return featureDistance({ params: features, classes: facts.classes, ...(pixels !== undefined && { pixels }) });
}

/** A classifier of the right size that has learnt nothing: what training with one takes can be measured with it. */
export function blankFeatures(recipe: Recipe, facts: DataFacts): Float32Array | undefined {
  if (!needsFeatures(recipe)) return undefined;
  checkFeatures(facts);
  return initialize(classifierParameters(facts.shape, facts.classes), 0);
}
