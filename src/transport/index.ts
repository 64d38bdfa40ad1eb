export { type Assignment, assign, type Certificate, certify } from "./assignment.ts";
export { type Costs, type DistanceOptions, distances, type Metric, type Points } from "./costs.ts";
export { type DivergenceOptions, type SinkhornDivergence, selfTransport, sinkhornDivergence } from "./divergence.ts";
export { applyToEigenvalues, type Eigen, symmetricEigen, symmetricSqrt } from "./eigen.ts";
export {
  drawFromPlan,
  greedyPairing,
  matchPool,
  nearestCandidates,
  optimalPairing,
  type Pairing,
  type PairingOptions,
  type Pool,
  permute,
} from "./pairing.ts";
export { type EntropicTransport, type SinkhornOptions, sinkhorn } from "./sinkhorn.ts";
export { isUnique } from "./uniqueness.ts";
export {
  exactTransport,
  type Gaussian,
  gaussianW2Squared,
  slicedW2,
  unitDirections,
  wasserstein1d,
} from "./wasserstein.ts";
