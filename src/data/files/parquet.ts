/** Parquet files with a column of encoded images, as Hugging Face's data sets are stored. */
import { createHash } from "node:crypto";
import { readdir, stat } from "node:fs/promises";
import { basename, join, sep } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import type { FolderOptions } from "./folder.ts";
import { imageSet } from "./images.ts";
import { classNames, type FileLabels, type LabelSource } from "./labels.ts";
import type { Loading } from "./loading.ts";
import { type TableThread, tableThread } from "./parquet-thread.ts";
import type { PackedImages, Table } from "./parquet-worker.ts";

/** One file of a table. */
interface Shard extends Table {
  readonly path: string;
}

/** A run of rows that is read as a whole. */
interface Group {
  readonly path: string;
  /** Of its first row, within the file and among all images. */
  readonly row: number;
  readonly first: number;
  readonly rows: number;
}

/** Columns of a kind, the likeliest name first. */
const labelColumns: { readonly [S in "coarse" | "fine" | "any"]: readonly string[] } = {
  coarse: ["coarse_label"],
  fine: ["fine_label"],
  any: ["label", "labels", "fine_label", "class", "cls", "target", "y"],
};
const splitPatterns = { train: /(^|\/)train/, test: /(^|\/)(test|val)/ };

/** Whether a folder holds Parquet files rather than images. */
export const isParquet = (files: readonly string[]) => files.some((file) => file.endsWith(".parquet"));

/**
 * The images of a Parquet file, or of all Parquet files below a folder, in order of their names; files whose names begin
 * with train, test or val are splits. The images are a column of bytes, or of records with a field `bytes`; the labels a
 * column called label, fine_label or the like, of numbers or words. Rows are read a group at a time.
 */
export async function* imageTable(
  path: string,
  { cache, split, ...requested }: FolderOptions,
  thread = tableThread(),
): Loading {
  try {
    yield { done: 0, total: 0, what: `listing ${path}` };
    const files = await shardFiles(path, split);
    const hash = createHash("sha256");
    const shards: Shard[] = [];
    for (const [done, file] of files.entries()) {
      yield { done, total: files.length, what: "reading tables" };
      const { size, mtimeMs } = await stat(file);
      hash.update(JSON.stringify([file, size, mtimeMs]));
      shards.push({ path: file, ...(await thread.ask("describe", { path: file })) });
    }
    const groups = groupsOf(shards);
    const read = groupReader(thread, imageColumn(shards[0]));
    const collection = {
      where: path,
      name: basename(path).replace(/\.parquet$/, "") + (split ? ` ${split}` : ""),
      files: groups.flatMap(({ path: file, row, rows }) =>
        Array.from({ length: rows }, (_, i) => `${basename(file)} row ${row + i}`),
      ),
      ignored: [],
      fingerprint: hash.digest("hex"),
      open: async (i: number) => {
        const group = groupAt(groups, i);
        const { bytes, ends } = await read(group);
        const [start, end] = [ends[i - group.first], ends[i - group.first + 1]];
        if (!(end > start)) throw new ConfigError("it holds no bytes");
        return bytes.subarray(start, end);
      },
      labels: (from: LabelSource | undefined) => labelsOf(thread, path, shards, from),
    };
    return yield* imageSet(collection, requested, cache);
  } finally {
    await thread.close();
  }
}

async function shardFiles(path: string, split: FolderOptions["split"]): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) {
    if (split) throw new ConfigError(`${path}: has no split "${split}" (a folder of files train-….parquet has).`);
    return [path];
  }
  const all = (await readdir(path, { recursive: true })).filter((file) => file.endsWith(".parquet")).sort();
  const matching = (pattern: RegExp) => all.filter((file) => pattern.test(file.replaceAll(sep, "/")));
  const splits = matching(splitPatterns.train).length > 0;
  const chosen = splits ? matching(splitPatterns[split ?? "train"]) : split ? [] : all;
  if (chosen.length === 0)
    throw new ConfigError(`${path}: has no split "${split}"; it has ${all.slice(0, 3).join(", ")}.`);
  return chosen.map((file) => join(path, file));
}

function groupsOf(shards: readonly Shard[]): Group[] {
  const groups: Group[] = [];
  let first = 0;
  for (const { path, groups: sizes } of shards) {
    let row = 0;
    for (const rows of sizes) {
      if (rows > 0) groups.push({ path, row, first, rows });
      row += rows;
      first += rows;
    }
  }
  return groups;
}

function groupAt(groups: readonly Group[], i: number): Group {
  let [low, high] = [0, groups.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (groups[middle].first <= i) low = middle;
    else high = middle - 1;
  }
  return groups[low];
}

function imageColumn({ path, columns, imageColumn: found }: Shard): string {
  if (found !== undefined) return found;
  throw new ConfigError(`${path}: has no column of images: ${quoted(columns)} (bytes, or records with a field bytes).`);
}

/** Reads groups, and keeps the two last ones: images are asked for in order, several at a time. */
function groupReader(thread: TableThread, column: string) {
  const kept = new Map<Group, Promise<PackedImages>>();
  return (group: Group) => {
    const known = kept.get(group);
    if (known) return known;
    const [oldest] = kept.keys();
    if (kept.size >= 2) kept.delete(oldest);
    const { path, row, rows } = group;
    const images = thread.ask("images", { path, column, start: row, end: row + rows });
    kept.set(group, images);
    return images;
  };
}

async function labelsOf(
  thread: TableThread,
  path: string,
  shards: readonly Shard[],
  from: LabelSource | undefined,
): Promise<FileLabels | undefined> {
  if (from === "none") return undefined;
  const [{ columns, classes }] = shards;
  const wanted = labelColumns[from === "coarse" || from === "fine" ? from : "any"];
  const column = wanted.find((name) => columns.includes(name));
  if (column === undefined) {
    if (from === undefined) return undefined;
    throw new ConfigError(`${path}: has no column ${wanted.join(" or ")}; it has ${quoted(columns)}.`);
  }
  const of: (string | undefined)[] = [];
  for (const shard of shards)
    for (const name of await thread.ask("labels", { path: shard.path, column })) of.push(name);
  const named = Object.hasOwn(classes, column) ? classes[column] : undefined;
  if (named) return { from: column, of: of.map((label) => named[Number(label)]), classes: named };
  return { from: column, of, classes: classNames([...new Set(of.filter((name) => name !== undefined))]) };
}

const quoted = (names: readonly string[]) => names.map((name) => JSON.stringify(name)).join(", ");
