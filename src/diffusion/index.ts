export {
  type ErrorTarget,
  type Multiplier,
  type MultiplierOptions,
  type MultiplierSpec,
  multiplier,
  multiplierNames,
  multiplierOn,
} from "./multiplier.ts";
export { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
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
