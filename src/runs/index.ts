export { writeAtomic } from "./atomic.ts";
export { writePlot } from "./plot.ts";
export { type RunDescription, RunFolder, type StatsLine } from "./run-folder.ts";
export { type ScatterOptions, type SheetOptions, writeScatter, writeSheet } from "./sheet.ts";
export { columnsOf, type Ending, type TrainEvent, type TrainRunOptions, trainRun } from "./train.ts";
