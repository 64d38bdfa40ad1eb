/** Data sets: the contract, sets in memory, order, batches, statistics. Files and folders are in `ornstein/data/files`. */

export {
  type AugmentDraws,
  type AugmentOperation,
  type AugmentPipe,
  type AugmentSpec,
  augmentOperations,
  augmentPipe,
  edmMultipliers,
} from "./augment.ts";
export { augmentation, type Batch, type Batches, type BatchOptions, batches } from "./batch.ts";
export { concatenate } from "./concatenate.ts";
export {
  type ArrayExamples,
  type Dataset,
  datasetFromArray,
  elements,
  example,
  type ImageBytes,
  imagesFromBytes,
  type Labels,
  subset,
} from "./dataset.ts";
export { withMirrorImages } from "./mirror.ts";
export { type Order, order, sequential } from "./order.ts";
export { dequantize, type PixelConvention, type Pixels, pixelConventions, pixels, toBytes } from "./pixels.ts";
export { mixture, type PointsName, type PointsOptions, type PointsSpec, points, pointsNames } from "./points.ts";
export { type Preparation, type PreparationTask, prepare } from "./preparation.ts";
export { grayToColor, pad } from "./reshape.ts";
export {
  type Duplicate,
  duplicates,
  labelCounts,
  type Moments,
  type Statistics,
  type StatisticsOptions,
  statistics,
} from "./statistics.ts";
