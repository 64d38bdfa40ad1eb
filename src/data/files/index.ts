/** Data sets from files and packages, on Node: by name or path, with progress, a cache and a report. */

export { type ByteSource, type OpenFile, openFile, sourceOf } from "./byte-source.ts";
export { cacheFolder, storeEnding, writeStore } from "./cache.ts";
export { emojiGroup, emojiGroups } from "./emoji-groups.ts";
export {
  type FeatureStatisticsFile,
  featureStatisticsBytes,
  holdsFeatureStatistics,
  readFeatureStatistics,
  type StatisticsLayout,
  type StoredImages,
} from "./feature-statistics.ts";
export { imageFiles } from "./folder.ts";
export { type Format, fileFormats, folderFormats } from "./formats.ts";
export { type Crop, crops, type Filter, filters } from "./framing.ts";
export { type Idx, parseIdx, readIdx } from "./idx.ts";
export type { Split } from "./idx-dataset.ts";
export { isImage } from "./images.ts";
export { type Inspection, inspect, type Recommendation, recommend } from "./inspect.ts";
export type { LabelSource } from "./labels.ts";
export { loadDataset, sources } from "./load.ts";
export {
  type ImageSummary,
  type LoadedDataset,
  type Loading,
  loaded,
  type Progress,
  type Report,
  type Skipped,
} from "./loading.ts";
export {
  type NpyArray,
  type NpyValues,
  type Npz,
  npyBytes,
  npzBytes,
  openNpz,
  parseNpy,
  readNpy,
  type ToNpy,
} from "./npy.ts";
export type { LoadOptions } from "./request.ts";
export { type SplitIndices, type SplitOptions, splitByHash } from "./split.ts";
export { openStore, type Store, type StoreLayout } from "./store.ts";
export { openZip, type Zip, type ZipEntry } from "./zip.ts";
