/** Judging generated examples: feature networks, metrics with intervals, and what a number was made with. */
export {
  type ClassifierFacts,
  type ClassifierOptions,
  type ClassifierStep,
  type ClassifierTask,
  classifierFacts,
  type TrainedClassifier,
  trainClassifier,
} from "./classifier.ts";
export { areImages, type Examples, examplesAt, examplesOf, type Images, sliceExamples } from "./examples.ts";
export {
  type Extracted,
  type Extractor,
  type ExtractorRecord,
  networkExtractor,
  pixelExtractor,
  pointExtractor,
  type Rows,
} from "./extractor.ts";
export { classifierParameters, type FeatureDistanceOptions, featureDistance } from "./feature-distance.ts";
export { classifierMap, type OpenFeatureMap } from "./feature-map.ts";
export {
  type FeatureHints,
  type FeatureSpec,
  featureSpec,
  layoutNames,
  parseHints,
  type Role,
  roles,
} from "./feature-spec.ts";
export { type Measurement, measure } from "./measure.ts";
export {
  chooseMetrics,
  type Figure,
  type MetricEntry,
  type MetricName,
  metricNames,
  metricTable,
  type Need,
  parseMetrics,
} from "./metric-table.ts";
export { cautions, incomparable, type Protocol } from "./protocol.ts";
export {
  joined,
  type ReadingProgress,
  type Reference,
  type ReferenceRecord,
  referenceOf,
  type Seen,
  see,
  seeAll,
  sliceSeen,
} from "./reference.ts";
export { type Resize, type Resizer, resizeNames, resizer } from "./resize.ts";
