/** Diagnostics of objectives, data and couplings: pure functions that return plain numbers, for plots made elsewhere. */
export {
  divergence,
  divergenceGenerator,
  divergenceSlope,
  largestDivergence,
  posteriorDivergence,
} from "./divergence.ts";
export {
  type Comparison,
  compareObjectives,
  type Mixture,
  type ObjectiveProfile,
  type ProfileOptions,
  profileOf,
  type ScheduleEstimate,
  scheduleInvariance,
} from "./effective-weighting.ts";
export { type Fft, fft } from "./fft.ts";
export {
  coordinates,
  type Directions,
  leadingDirections,
  linearSpread,
  type PairMoments,
  pairMoments,
} from "./linear-guess.ts";
export { type BitInformation, bitArea, bitInformation } from "./low-bit.ts";
export { type PairingGain, pairingGain } from "./pairing-gain.ts";
export { linePlot, type PlotOptions, type Series, ticks } from "./plot.ts";
export { type Posterior, posterior } from "./posterior.ts";
export {
  bandLogSnr,
  type RadialSpectrum,
  type Rounding,
  radialSpectrum,
  type SpectrumOptions,
  whiteNoisePower,
} from "./spectrum.ts";
export {
  type Phases,
  phases,
  type StablePoint,
  type TargetCurveOptions,
  type TargetPoint,
  targetPoint,
} from "./target-curve.ts";
export {
  type Draws,
  type DsmVariance,
  type DsmVarianceOptions,
  dsmVariance,
  dsmVariance1d,
  dsmVarianceGaussian,
  type StableVarianceOptions,
  sampledStableVariance,
  stableVariance,
  type TargetVariance,
} from "./target-variance.ts";
export { rowDistances, type Trajectories, type TrajectoryLevel, trajectories } from "./trajectory.ts";
export {
  contractionTime,
  type DecayOptions,
  type DecayPoint,
  estimateW2,
  type ForwardProcess,
  type GaussianDecay,
  gaussianDecay,
  noisedGaussian,
  significantTime,
  type W2Estimator,
  w2Decay,
} from "./w2-decay.ts";
