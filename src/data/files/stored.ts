/** Data sets in the format of `store.ts`, given by name rather than found in the cache. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { storeEnding } from "./cache.ts";
import type { Split } from "./idx-dataset.ts";
import type { Loading } from "./loading.ts";
import { openStore } from "./store.ts";

/** The data set in a file. */
export async function* storedDataset(path: string): Loading {
  yield { done: 0, total: 1, what: `reading ${path}` };
  return openStore(path).dataset;
}

const fileOf = (split: Split) => `${split}${storeEnding}`;

/** Whether a folder holds the two parts of a data set. */
export const isStore = (files: readonly string[]): boolean => files.includes(fileOf("train"));

/** One part of a data set in a folder. */
export async function* storedSplit(path: string, split: Split = "train"): Loading {
  const file = join(path, fileOf(split));
  if (!existsSync(file)) throw new ConfigError(`${path}: has no split "${split}": there is no ${fileOf(split)}.`);
  return yield* storedDataset(file);
}
