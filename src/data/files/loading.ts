/** What it means to load a data set: progress while it lasts, a data set with a report at its end. */
import type { Dataset } from "../dataset.ts";

/** One step of loading. */
export interface Progress {
  readonly done: number;
  /** Of how many; 0 when that is not known yet. */
  readonly total: number;
  /** What is being done, such as "reading images". */
  readonly what: string;
}

/** A file that could not be used. */
export interface Skipped {
  /** Its path, relative to the folder that was asked for. */
  readonly file: string;
  readonly reason: string;
}

/** What image files were before they were brought to one size; each value with how many files have it, most first. */
export interface ImageSummary {
  /** Such as png. */
  readonly formats: Readonly<Record<string, number>>;
  /** Such as "rgb 8", "gray 16" or "rgb 8 alpha". */
  readonly modes: Readonly<Record<string, number>>;
  /** Height and width, such as "48x64". */
  readonly sizes: Readonly<Record<string, number>>;
}

/** What a person should know about how a data set came to be. */
export interface Report {
  /** Sentences: what was cropped, ignored, taken from the cache. */
  readonly notes: readonly string[];
  /** Files that look like images and could not be read. */
  readonly skipped: readonly Skipped[];
  /** Of image files only. */
  readonly images?: ImageSummary;
}

/** A data set read from files. */
export interface LoadedDataset extends Dataset {
  readonly report: Report;
}

/** Yields progress and returns the data set; stop by leaving the loop. */
export type Loading = AsyncGenerator<Progress, LoadedDataset, void>;

/** Lets a loader run to its end, without watching. */
export async function loaded(loading: Loading): Promise<LoadedDataset> {
  for (;;) {
    const { done, value } = await loading.next();
    if (done) return value;
  }
}
