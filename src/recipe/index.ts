export {
  type Answer,
  type BoundForm,
  type BoundFormName,
  type BoundFormOptions,
  boundForm,
  type Visit,
} from "./bound-form.ts";
export {
  type AccuracyAt,
  type AccuracyRequest,
  classifierAccuracy,
  classifierRecipe,
  type TrainedClassifier,
  trainedClassifier,
} from "./classifier.ts";
export {
  type ConsistencyStudentOptions,
  consistencyMetrics,
  consistencyStudent,
  consistencyTarget,
  type OpenTeacher,
} from "./consistency.ts";
export {
  againstSamples,
  type DiscriminatorPlan,
  discriminatorClasses,
  discriminatorLoss,
  discriminatorRecipe,
  type TrainedDiscriminator,
  trainedDiscriminator,
} from "./discriminator.ts";
export { type Drawn, type DrawOptions, type DrawRequest, draw, drawFrom, type Edit, latentOf } from "./draw.ts";
export { decode, type EncodeOptions, encode } from "./encode.ts";
export {
  type DenoisingError,
  type DenoisingRequest,
  type ExamineRequest,
  examineDenoising,
  examineTrajectories,
} from "./examine.ts";
export type { Estimate } from "./examples.ts";
export {
  type DrawingExpense,
  drawingExpense,
  type Expense,
  expenseOf,
  type MeasureOptions,
  measureSpeed,
  type Speed,
} from "./expense.ts";
export { blankFeatures, checkFeatures, needsFeatures } from "./feature-metric.ts";
export { lasting } from "./lasting.ts";
export {
  adaptiveDensity,
  type ErrorsRequest,
  type Estimator,
  estimatorOf,
  type LossBin,
  type LossSpread,
  lawRange,
  lossSpread,
  measureErrors,
  type NoiseErrors,
} from "./loss-spread.ts";
export { type Memory, wholeBytes } from "./memory.ts";
export type { ClassifierGuidance, DiscriminatorGuidance, Guides } from "./modified.ts";
export { type RecipePathSampler, recipePathSamplers } from "./path-names.ts";
export { type PathRun, pathOf } from "./path-plan.ts";
export { type PresetName, preset, presetNames, presetSummaries } from "./presets.ts";
export {
  type DataFacts,
  defineRecipe,
  modelOf,
  objectiveOf,
  type Recipe,
  recipeSchema,
  setField,
  trainerOf,
} from "./recipe.ts";
export { factsOf, resolveRecipe } from "./resolve.ts";
export { type RunBound, type RunBoundRequest, runBound } from "./run-bound.ts";
export {
  type Dequantisation,
  type LikelihoodProgress,
  type RunLikelihood,
  type RunLikelihoodRequest,
  runLikelihood,
} from "./run-likelihood.ts";
export { type SamplingPlan, samplingPlan, sigmasOf } from "./sampling-plan.ts";
export { columnsOf, sheetSize } from "./sheet-size.ts";
export { candidateLevels, usualGrids } from "./step-levels.ts";
export {
  measureLevels,
  type StepMeasurement,
  type StepMeasurementRequest,
  type StepProgress,
} from "./step-measurement.ts";
export { type StepLoss, type StepSearch, type StepSearchRequest, searchSteps } from "./step-search.ts";
export {
  type CheckedGrid,
  checkGrids,
  type PlannedGrid,
  type StepSelection,
  type StepSelectionRequest,
  selectSteps,
} from "./step-selection.ts";
export {
  type GuidedStudentOptions,
  guidedStudent,
  type StudentLoss,
  type StudentOptions,
  type StudentTraining,
  studentLevels,
  studentLosses,
  studentRecipe,
  teacherLevels,
} from "./student.ts";
export {
  blankTeacher,
  guidedTargets,
  type LearningOptions,
  needsTeacher,
  progressiveTargets,
  type Teacher,
  taught,
  teacherCalls,
  trainerOptions,
} from "./teacher.ts";
export { resolveThreshold } from "./threshold.ts";
export { evenBatch, type TrainedModel, trainedModel } from "./trained.ts";
export { type Levels, trainedLevels, usualLevels } from "./trained-levels.ts";
export { withoutLabels } from "./without-labels.ts";
