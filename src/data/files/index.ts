/** Data sets from files and packages, on Node: by name or path, with progress, a cache and a report. */
export { cacheFolder } from "./cache.ts";
export { emojiGroup, emojiGroups } from "./emoji-groups.ts";
export type { FolderLabels } from "./folder.ts";
export { type Idx, parseIdx, readIdx } from "./idx.ts";
export type { Split } from "./idx-dataset.ts";
export { type LoadOptions, loadDataset, sources } from "./load.ts";
export { type LoadedDataset, type Loading, loaded, type Progress, type Report, type Skipped } from "./loading.ts";
