export { type Classifier, type ClassifierOptions, compileClassifier, logProbability } from "./classifier.ts";
export type { ConsistencyMetric, ConsistencyTargetSpec } from "./consistency-target.ts";
export {
  type Coupling,
  type CouplingSetting,
  type CouplingSpec,
  couplingNames,
  matchesPools,
  openCoupling,
  type PoolMatcher,
} from "./coupling.ts";
export {
  type BatchLabels,
  compileDenoiser,
  type DenoiseAndProduct,
  type DenoiseEach,
  type Denoiser,
  type DenoiserOptions,
  type GuidanceWeights,
} from "./denoiser.ts";
export { compileDiscriminator, type DiscriminatorOptions } from "./discriminator.ts";
export {
  type EmaDecay,
  type EmaOptions,
  type EmaSnapshot,
  type EmaSpec,
  emaDecay,
  emaNames,
  postHocEma,
  powerFunctionExponent,
  powerFunctionStd,
} from "./ema.ts";
export { flatFromCheckpoint } from "./flat-state.ts";
export {
  clipScale,
  firstLossScale,
  globalNorm,
  leastLossScale,
  lossScaleOf,
  nextLossScale,
  replaceNonFinite,
} from "./gradient.ts";
export {
  type DecayOptions,
  type DecaySpec,
  decayNames,
  type LearningRate,
  type LearningRateSpec,
  learningRate,
  type Progress,
  type WarmupOptions,
  type WarmupSpec,
  warmupNames,
} from "./learning-rate.ts";
export { compileLiveDenoiser, type LiveAnswer, type LiveDenoiser } from "./live-denoiser.ts";
export type { Distance } from "./loss-graph.ts";
export { type ModelSpec, networkOf, networkSides, oneHot } from "./model.ts";
export { type AdamRates, type AdamState, adam, adamFeeds, adamRates, type OptimizerSpec } from "./optimizer.ts";
export { averageName, type PowerAverages, powerAverages } from "./power-averages.ts";
export type { Preparer } from "./preparation.ts";
export { decodeSafetensors, encodeSafetensors, type NamedArray, type Safetensors } from "./safetensors.ts";
export { type NoiseKey, noiseOf, type SampleNoise } from "./sample-noise.ts";
export { comparesFeatures, type TargetSpec, type TrainerSpec } from "./spec.ts";
export {
  compileStableTarget,
  type GraphSizes,
  type StableTarget,
  type StableTargetSetting,
  type StableTargetSpec,
  stableTargetGraphs,
} from "./stable-target.ts";
export type { MovedTarget, Shift, TargetMemory, TargetRows, TargetTime } from "./target.ts";
export type { GuidedTargetSpec, ProgressiveTargetSpec, TeacherGuidance, TeacherTargetSpec } from "./teacher-target.ts";
export {
  createTrainer,
  NonFiniteError,
  type StepRecord,
  type Trainer,
  type TrainerOptions,
} from "./trainer.ts";
export {
  type MemorySpec,
  memorySpecs,
  type StateName,
  stateNames,
  type UpdateGraphs,
  type UpdateSpec,
  updateGraphs,
} from "./update-graphs.ts";
export { changesInPlace, compileUpdate, type Outcome, type Updater } from "./updater.ts";
