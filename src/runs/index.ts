export { explained, writeAtomic } from "./atomic.ts";
export { averageOfLength, storedAverages } from "./averages.ts";
export { type OpenBatchPreparer, openBatchPreparer } from "./batch-preparer.ts";
export { dataFingerprint, type HashOptions, hashBytes, hashDataset } from "./data-hash.ts";
export {
  type DiscriminatorProgress,
  type DiscriminatorRunOptions,
  openDiscriminator,
  trainDiscriminator,
} from "./discriminator-run.ts";
export { type DrawingProgress, type DrawnSamples, drawSamples, type SamplesOf } from "./draw-samples.ts";
export {
  appendEvaluation,
  type Evaluation,
  type RunSubject,
  readEvaluations,
  type Subject,
} from "./evaluation-log.ts";
export { autoFeatureMap, autoFeatures, openFeatures } from "./feature-files.ts";
export { checkFree } from "./free-folder.ts";
export { type LossFeatures, type LossFeaturesOptions, lossFeatures } from "./loss-features.ts";
export { nearRuns } from "./no-run.ts";
export { type FoundParameters, type ParametersOf, parametersOf } from "./parameters.ts";
export { writePlot } from "./plot.ts";
export { type OpenPoolMatcher, openPoolMatcher } from "./pool-matcher.ts";
export { type Fit, fitMicroBatch, type Probe, probe } from "./probe.ts";
export { cachedReference } from "./reference-cache.ts";
export { type RunDescription, RunFolder, type StatsLine, type TeacherDescription } from "./run-folder.ts";
export { type SampleStore, type SampleStoreKey, sampleStore } from "./sample-store.ts";
export { type ScatterOptions, type SheetOptions, writeScatter, writeSheet } from "./sheet.ts";
export { createStudentRun, type TeacherChoice } from "./student-run.ts";
export { type Ending, type TrainEvent, type TrainRunOptions, trainRun } from "./train.ts";
export { hasTrainingSheet } from "./training-sheet.ts";
