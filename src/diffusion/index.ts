export { type BetaRange, betasFromSigmas, linearBeta, type VpSigma, vpSigma } from "./beta.ts";
export {
  type BoundOptions,
  type BoundSample,
  type BoundStep,
  boundTerm,
  discreteBound,
  isLearned,
  levelAt,
  posteriorMean,
  priorTerm,
  type ReverseOutput,
  type ReverseStep,
  type ReverseVariance,
  reverseLogVariance,
  reverseStep,
  reverseVarianceNames,
} from "./bound-discrete.ts";
export {
  type DiscretizedCdf,
  discretizedCdfs,
  discretizedGradient,
  discretizedLogLikelihood,
  normalKl,
} from "./bound-gaussian.ts";
export { type VdmBound, type VdmOptions, type VdmSample, vdmBound, vdmLatent, vdmReconstruction } from "./bound-vdm.ts";
export {
  type DiscreteSchedule,
  type DiscreteSpec,
  discreteNames,
  discreteSchedule,
  fromBetas,
  zeroTerminalSnr,
} from "./discrete.ts";
export {
  type ConditionalPath,
  type ConditionalPathSpec,
  conditionalPath,
  conditionalPathNames,
  type FlowSample,
  flowSample,
} from "./flow-matching.ts";
export {
  type AtLevel,
  atLevel,
  type ClosedForm,
  type Gaussian,
  type GaussianOptions,
  gaussian,
  priorLogDensity,
} from "./gaussian.ts";
export { type IddpmOptions, iddpmSigmas, nearestIndex } from "./iddpm.ts";
export { type DiscreteInterpolation, interpolate } from "./interpolation.ts";
export { alphaOf, logAlphaSlope, type PathType, pathNames } from "./kernel.ts";
export { type NoiseLabel, type NoiseLabelSpec, noiseLabel, noiseLabelNames } from "./label.ts";
export { type NoiseScheduleSpec, noiseSchedule, noiseScheduleNames, type ScheduleAdjustments } from "./log-snr.ts";
export { type DenoisingSample, denoisingLoss, meanSquaredError, noised, perturbedNoise, targetValues } from "./loss.ts";
export {
  type DiscreteLoss,
  type DiscreteLossOptions,
  type DiscreteLossValue,
  type DiscreteSample,
  discreteLoss,
} from "./loss-hybrid.ts";
export {
  type ScoreConvention,
  type ScoreMatchingOptions,
  type ScoreSample,
  scoreConvention,
  scoreMatchingLoss,
} from "./loss-score.ts";
export { type MixtureOptions, mixture } from "./mixture.ts";
export {
  type Multiplier,
  type MultiplierOptions,
  type MultiplierSpec,
  multiplier,
  multiplierNames,
  multiplierOn,
} from "./multiplier.ts";
export { type NoiseAxis, noiseAxis, type ScheduleSpec } from "./noise-axis.ts";
export { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
export {
  type Coefficients,
  type Draw,
  type NoiseSpec,
  type Objective,
  type ObjectiveSpec,
  objective,
} from "./objective.ts";
export { type DiscreteOu, discreteOu, type OuMixing, ouMixing, ouStartError, type StartError } from "./ou.ts";
export { type ForwardStep, type Path, type PathSpec, path } from "./path.ts";
export {
  type BasePreconditioningSpec,
  type Precondition,
  type Preconditioning,
  type PreconditioningSpec,
  type PredictionSpec,
  precondition,
  preconditioningNames,
} from "./preconditioning.ts";
export {
  type Combination,
  conversion,
  convert,
  errorFactor,
  type Level,
  type Prediction,
  predictionNames,
  targetOf,
} from "./prediction.ts";
export {
  respace,
  type Spacing,
  type SpacingOptions,
  spaceTimesteps,
  spacingNames,
  timestepSpacing,
} from "./respace.ts";
export { type NoiseSchedule, numericSchedule, shift, truncate } from "./schedule.ts";
export { logExpm1, roundHalfEven, sech, sigmoid, softplus } from "./special.ts";
export {
  leastExponent,
  type StableTargetBatch,
  type StableTargets,
  stableExponent,
  stableTargets,
  stableWeights,
} from "./stf.ts";
export {
  importanceWeight,
  type TimestepOptions,
  type TimestepSpec,
  timestepNames,
  timestepSampler,
} from "./timestep.ts";
export {
  type BernoulliDensities,
  type BernoulliOptions,
  type BernoulliStepsOptions,
  bernoulliDensities,
  bernoulliStep,
} from "./timestep-bernoulli.ts";
export { type DiscriminatorTime, type DiscriminatorTimeOptions, discriminatorTime } from "./timestep-discriminator.ts";
export {
  drawAll,
  fixed,
  logSnrOfSigma,
  overQuantiles,
  type TimestepLaw,
  type TimestepSampler,
  type TimestepVariable,
} from "./timestep-law.ts";
export { logNormalSigma, splitLogNormalSigma } from "./timestep-sigma.ts";
export {
  arrangeUniforms,
  type BatchShare,
  lowDiscrepancy,
  stratified,
  type UniformsSpec,
  uniformsNeeded,
} from "./timestep-uniforms.ts";
export { type VarianceCoefficients, type VarianceSpec, type VarianceTerm, varianceTerm } from "./variance.ts";
export {
  type Gamma,
  gammaSchedule,
  linearGamma,
  type MonotoneWeights,
  monotoneGamma,
  normalizeGamma,
} from "./vdm-gamma.ts";
export {
  type EdmConstants,
  edmPeak,
  effectiveWeighting,
  firstRise,
  isMonotonic,
  type LogSnrRange,
  unbiasedMultiplier,
  type Weighting,
  type WeightingOptions,
  type WeightingSpec,
  weighting,
  weightingNames,
} from "./weighting.ts";
