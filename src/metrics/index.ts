export { type ColourDistance, colourDistance, type MeanColour, meanColour } from "./colour.ts";
export { symmetricEigenvalues } from "./eigenvalues.ts";
export { type Features, featuresOf, spatialFeatures } from "./features.ts";
export { type FrechetDistance, frechetDistance } from "./frechet.ts";
export { type InceptionScore, type InceptionScoreOptions, inceptionScore } from "./inception-score.ts";
export {
  type Bootstrap,
  type BootstrapOptions,
  bootstrap,
  type Interval,
  type IntervalOptions,
  type MetricDifference,
  metricDifference,
  type Repetitions,
  repetitions,
} from "./intervals.ts";
export {
  type KernelDistance,
  kernelDistance,
  kernelDistanceOfSubsets,
  type SubsetDistances,
  type SubsetDraws,
  type SubsetPair,
} from "./kernel-distance.ts";
export { type Memorisation, type MemorisationOptions, memorisation } from "./memorisation.ts";
export { type Neighbours, nearestNeighbours } from "./neighbours.ts";
export { type PrecisionRecall, type PrecisionRecallOptions, precisionRecall } from "./precision-recall.ts";
export {
  addFeatures,
  type FeatureGaussian,
  type FeatureStatistics,
  featureStatistics,
  fitGaussian,
  gaussianOf,
  mergeStatistics,
} from "./statistics.ts";
export { drawSubset, type Uniform } from "./subsets.ts";
export { type TwoSampleOptions, type TwoSampleTest, twoSampleTest } from "./two-sample.ts";
