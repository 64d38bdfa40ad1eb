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
export { clipScale, globalNorm, nextLossScale, replaceNonFinite } from "./gradient.ts";
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
export { type AdamRates, type AdamState, adam, adamFeeds, adamRates, type OptimizerSpec } from "./optimizer.ts";
