/** Sampling: solvers in σ-space, guidance, step grids, likelihood. */

export {
  type AncestralHanded,
  type AncestralOptions,
  type AncestralStep,
  ancestral,
  ancestralLaw,
  ancestralOptions,
  type Leap,
  posteriorVariance,
  reverseVariances,
} from "./ancestral.ts";
export { type AncestralSplit, ancestralNoiseOptions, ancestralSplit } from "./ancestral-noise.ts";
export { type AnnealedLangevinOptions, annealedLangevin, annealedLangevinOptions } from "./annealed-langevin.ts";
export { type ChurnHanded, churnOptions } from "./churn.ts";
export { clipped } from "./clip.ts";
export { type ConsistencyOptions, consistency, consistencyOptions } from "./consistency.ts";
export { type Counted, counted } from "./counted.ts";
export { type DdimHanded, type DdimOptions, ddim, ddimEncode, ddimOptions } from "./ddim.ts";
export {
  type DeisOptions,
  type DeisVariable,
  deis,
  deisOptions,
  deisUpdates,
  type RhoRungeKuttaOptions,
  rhoRungeKutta,
  rhoRungeKuttaOptions,
} from "./deis.ts";
export { type Denoise, finish, type Noise, type Sigmas, type Step } from "./denoise.ts";
export {
  type Correction,
  type Discriminator,
  type DiscriminatorGuidedOptions,
  type DiscriminatorHeunOptions,
  type DiscriminatorRange,
  discriminatorCorrection,
  discriminatorGuided,
  discriminatorHeun,
  discriminatorHeunOptions,
  type Verdict,
} from "./discriminator.ts";
export {
  type Attempt,
  type DormandPrinceOptions,
  dormandPrince,
  dormandPrinceOptions,
  type Field,
} from "./dormand-prince.ts";
export { type DpmAdaptiveOptions, dpmAdaptive, dpmAdaptiveOptions } from "./dpm-adaptive.ts";
export { type DpmFastOptions, dpmFast, dpmFastOptions, fastOrders } from "./dpm-fast.ts";
export {
  type Coefficients,
  type DpmSolverOptions,
  dpmSolver,
  dpmSolverOptions,
  singlestepOrders,
} from "./dpm-solver.ts";
export {
  type DpmSolverAdaptiveOptions,
  dpmSolverAdaptive,
  dpmSolverAdaptiveOptions,
} from "./dpm-solver-adaptive.ts";
export {
  type Dpm2AncestralOptions,
  type Dpm2Options,
  type Dpmpp2sAncestralOptions,
  dpm2,
  dpm2Ancestral,
  dpmpp2sAncestral,
} from "./dpm2.ts";
export {
  type Dpmpp2mSdeOptions,
  type Dpmpp3mSdeOptions,
  dpmpp2m,
  dpmpp2mSde,
  dpmpp2mSdeOptions,
  dpmpp3mSde,
  dpmpp3mSdeOptions,
} from "./dpmpp-multistep.ts";
export { type DpmppSdeOptions, dpmppSde, dpmppSdeOptions } from "./dpmpp-sde.ts";
export { type DynamicThresholdOptions, dynamicallyThresholded, dynamicThreshold } from "./dynamic-threshold.ts";
export { type EdmAblationOptions, edmAblation, edmAblationOptions } from "./edm-ablation.ts";
export { type EpsilonScale, epsilonScaled, linearScale } from "./epsilon-scaling.ts";
export { type EulerAncestralOptions, type EulerOptions, euler, eulerAncestral } from "./euler.ts";
export { type EulerMaruyamaOptions, eulerMaruyama, eulerMaruyamaOptions } from "./euler-maruyama.ts";
export type { Predicts, Update } from "./exponential.ts";
export { karrasSigmas, type SigmaGridSpec, sigmaGrid, sigmaGridNames, sigmaSteps } from "./grids.ts";
export {
  type ClassifierFreeOptions,
  classifierFree,
  classifierGuided,
  type DenoiseBoth,
  type GuidanceInterval,
  type GuideOptions,
  guidanceActive,
  guide,
  type LogGradient,
} from "./guidance.ts";
export { type HeunOptions, heun, heunOptions } from "./heun.ts";
export { type Inpainting, inpainted } from "./inpainting.ts";
export { slerp, tempered } from "./latent.ts";
export {
  bitsPerDim,
  bitsPerDimOffset,
  byDifferences,
  type JacobianProduct,
  type Likelihood,
  type LikelihoodOptions,
  type LikelihoodStep,
  likelihood,
  likelihoodEnds,
  likelihoodSteps,
  natsPerDim,
  type Product,
  type Quantization,
  type Trace,
} from "./likelihood.ts";
export { type LmsOptions, lms, lmsOptions } from "./lms.ts";
export { type Network, networkDenoiser } from "./network-denoiser.ts";
export type { Handed } from "./noise.ts";
export type { Given, Option, OptionTable, Resolved } from "./options.ts";
export type { PathHanded, PathSampler, PathStep } from "./path-sampler.ts";
export {
  type PathSamplerName,
  type PathSamplerSpec,
  pathEvaluations,
  pathSamplers,
  solvePath,
} from "./path-samplers.ts";
export { type PlmsOptions, type PndmOptions, plms, plmsOptions, plmsUpdates, pndm, pndmOptions } from "./pndm.ts";
export {
  type PredictorCorrectorOptions,
  predictorCorrector,
  predictorCorrectorOptions,
} from "./predictor-corrector.ts";
export { type Estimate, estimate, type Process, probabilityFlow, sigmaProcess } from "./probability-flow.ts";
export { renoisedDdim } from "./renoised-ddim.ts";
export {
  type DenoiseEach,
  oneByOne,
  type Rk45PathOptions,
  rk45,
  rk45Each,
  rk45Path,
  rk45PathOptions,
} from "./rk45.ts";
export {
  energyDistance,
  type FeatureMap,
  featureKernelLoss,
  kernelLoss,
  type LossAndGradient,
  type SampleLoss,
} from "./sample-loss.ts";
export type { AdaptiveStep, Sampler } from "./sampler.ts";
export {
  evaluations,
  leastSteps,
  type SamplerMember,
  type SamplerName,
  type SamplerSpec,
  samplers,
  solve,
} from "./samplers.ts";
export { type SolverGrid, type Spacing, sigmaAt, solverSigmas, solverSpacingNames } from "./solver-grid.ts";
export {
  type JumpCost,
  type JumpOptions,
  jumpCost,
  type MeasuredNode,
  type MeasureOptions,
  measureNodes,
  type NodeQuality,
  priorTerm,
  type StepCostOptions,
  stepCosts,
} from "./step-cost.ts";
export { planSteps, type StepPlans } from "./step-plan.ts";
export { type DenoiseProduct, runSteps, type SearchedSteps, type StepGradient, stepGradient } from "./step-search.ts";
export { type UnipcOptions, unipc, unipcOptions } from "./unipc.ts";
