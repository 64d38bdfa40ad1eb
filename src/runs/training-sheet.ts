/** The sheets of samples that a run in training leaves, to see how it comes along. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { columnsOf, draw, sheetSize } from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import type { Trainer } from "../training/index.ts";
import type { RunFolder } from "./run-folder.ts";
import { writeScatter, writeSheet } from "./sheet.ts";

const sheetPath = ({ path }: RunFolder, images: number): string =>
  join(path, "samples", `images-${String(images).padStart(9, "0")}.png`);

/** Whether there is a sheet of the latest checkpoint. */
export const hasTrainingSheet = (folder: RunFolder): boolean => existsSync(sheetPath(folder, folder.imagesSeen()));

export interface TrainingSheetOptions extends CompileOptions {
  /** Once it is given, drawing ends after the solver's present step. */
  readonly signal?: AbortSignal;
}

/**
 * Draws a sheet of samples from the averaged parameters, always of the same noise, so that sheets can be compared. Where
 * there are few classes each has its column. The path of the file, or undefined if the signal came before it was drawn.
 */
export async function drawTrainingSheet(
  folder: RunFolder,
  trainer: Trainer,
  { signal, ...options }: TrainingSheetOptions = {},
): Promise<string | undefined> {
  const { recipe, data } = folder.describe();
  const count = sheetSize(recipe, data);
  const { seed } = recipe.training;
  const drawing = draw(recipe, data, await trainer.read("ema"), { count, seed, batch: count, ...options });
  let next = await drawing.next();
  while (!next.done) next = await (signal?.aborted ? drawing.return(new Float64Array()) : drawing.next());
  if (signal?.aborted) return undefined;
  const path = sheetPath(folder, trainer.images);
  if (data.shape.length === 1) await writeScatter(path, next.value, { dims: data.shape[0] });
  else await writeSheet(path, next.value, { shape: data.shape, columns: columnsOf(recipe, data) ?? 8 });
  return path;
}
