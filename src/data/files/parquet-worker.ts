/**
 * The thread that parses Parquet files. The parser follows whatever a file says, into endless loops and beyond all
 * memory if the file is damaged, so it runs where it can be stopped.
 */

import { parentPort } from "node:worker_threads";
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { reasonOf } from "../../errors/index.ts";
import { openFile } from "./byte-source.ts";

/** What the thread can be asked, by the name of the task. */
export interface TableTasks {
  describe: { readonly given: { readonly path: string }; readonly found: Table };
  images: {
    readonly given: { readonly path: string; readonly column: string; readonly start: number; readonly end: number };
    readonly found: PackedImages;
  };
  labels: {
    readonly given: { readonly path: string; readonly column: string };
    readonly found: readonly (string | undefined)[];
  };
}

/** A Parquet file without its rows. */
export interface Table {
  /** The top-level columns. */
  readonly columns: readonly string[];
  /** The column with records that have bytes, else the first of plain bytes, if there is one. */
  readonly imageColumn: string | undefined;
  /** The number of rows in each group of rows. */
  readonly groups: readonly number[];
  /** Names of classes by column, as Hugging Face's library leaves them in the file. */
  readonly classes: Readonly<Record<string, readonly string[]>>;
}

/** The bytes of several cells, one after the other. */
export interface PackedImages {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each cell ends; one more than there are cells, from 0 on. A cell that ends where it begins has no bytes. */
  readonly ends: Float64Array;
}

/** A task as it is sent to the thread, and what comes back. */
export type TableMessage = {
  readonly [T in keyof TableTasks]: { readonly task: T } & TableTasks[T]["given"];
}[keyof TableTasks];
export type TableAnswer = { readonly found: unknown } | { readonly reason: string };

type Handlers = {
  readonly [T in keyof TableTasks]: (given: TableTasks[T]["given"]) => Promise<TableTasks[T]["found"]>;
};

const handlers: Handlers = {
  describe: ({ path }) => withBuffer(path, async (file) => describe(await metadataOf(file))),
  images: async ({ path, column, start, end }) => pack((await readRows(path, column, start, end)).map(imageBytes)),
  labels: async ({ path, column }) => (await readRows(path, column, 0)).map(nameOf),
};

function handle<T extends keyof TableTasks>(task: T, given: TableTasks[T]["given"]) {
  return handlers[task](given);
}

parentPort?.on("message", async ({ task, ...given }: TableMessage) => {
  try {
    const found = await handle(task, given as TableTasks[typeof task]["given"]);
    const transfer = "bytes" in found ? [found.bytes.buffer] : [];
    parentPort?.postMessage({ found } satisfies TableAnswer, transfer);
  } catch (error) {
    parentPort?.postMessage({ reason: reasonOf(error) } satisfies TableAnswer);
  }
});

async function withBuffer<T>(path: string, use: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  const source = await openFile(path);
  const slice = async (start: number, end = source.size) => {
    if (!(start >= 0 && end >= start && end <= source.size))
      throw new RangeError(`bytes ${start} to ${end} of ${source.size}`);
    return (await source.read(start, end - start)).buffer;
  };
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: (start, end) => {
      const bytes = slice(start, end);
      // The parser starts several reads and waits for them in turn: one behind another that fails has no one to catch it.
      bytes.catch(() => undefined);
      return bytes;
    },
  };
  try {
    return await use(file);
  } finally {
    await source.close();
  }
}

/** More rows than any set of images has; a damaged file may claim more. */
const mostRows = 2 ** 28;

async function metadataOf(file: AsyncBuffer): Promise<FileMetaData> {
  const metadata = await parquetMetadataAsync(file, { geoparquet: false });
  const { num_rows, row_groups } = metadata;
  const inGroups = row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  const possible = row_groups.every((group) => group.num_rows >= 0n) && inGroups <= mostRows;
  if (!possible || inGroups !== Number(num_rows)) throw new RangeError(`${num_rows} rows, ${inGroups} in groups`);
  return metadata;
}

function describe(metadata: FileMetaData): Table {
  const columns = parquetSchema(metadata).children;
  const record = columns.find(({ children }) => children.some(({ element }) => element.name === "bytes"));
  const bytes = columns.find(
    ({ element: { type, converted_type, logical_type } }) =>
      type === "BYTE_ARRAY" && converted_type === undefined && logical_type === undefined,
  );
  const names = columns.map(({ element }) => element.name);
  return {
    columns: names,
    imageColumn: (record ?? bytes)?.element.name,
    groups: metadata.row_groups.map(({ num_rows }) => Number(num_rows)),
    classes: Object.fromEntries(
      names.map((name) => [name, declaredClasses(metadata, name)] as const).filter(([, found]) => found.length > 0),
    ),
  };
}

function declaredClasses({ key_value_metadata = [] }: FileMetaData, column: string): readonly string[] {
  const text = key_value_metadata.find(({ key }) => key === "huggingface")?.value;
  if (!text) return [];
  try {
    const names: unknown = JSON.parse(text).info.features[column].names;
    return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : [];
  } catch {
    return [];
  }
}

/** No page of images expands more than this. */
const greatestRatio = 2 ** 14;

/** The decompressors, held to what a page may become. */
const guarded = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (!(length >= 0 && length <= 2 ** 20 + greatestRatio * input.length))
        throw new RangeError(`${input.length} bytes cannot become ${length}`);
      return decompress(input, length);
    },
  ]),
);

/** One column of some rows; of all, without `rowEnd`. */
function readRows(path: string, column: string, rowStart: number, rowEnd?: number): Promise<unknown[]> {
  return withBuffer(path, async (file) => {
    const rows = await parquetReadObjects({
      file,
      metadata: await metadataOf(file),
      columns: [column],
      rowStart,
      ...(rowEnd !== undefined && { rowEnd }),
      utf8: false,
      geoparquet: false,
      compressors: guarded,
    });
    return rows.map((row) => row[column]);
  });
}

/** The bytes of a cell, which may be in a record. */
function imageBytes(cell: unknown): Uint8Array {
  const bytes = typeof cell === "object" && cell !== null && "bytes" in cell ? cell.bytes : cell;
  return bytes instanceof Uint8Array ? bytes : new Uint8Array();
}

function pack(cells: readonly Uint8Array[]): PackedImages {
  const ends = new Float64Array(cells.length + 1);
  for (const [i, cell] of cells.entries()) ends[i + 1] = ends[i] + cell.length;
  const bytes = new Uint8Array(ends[cells.length]);
  for (const [i, cell] of cells.entries()) bytes.set(cell, ends[i]);
  return { bytes, ends };
}

/** A label as the name of its class; a number in digits. */
function nameOf(cell: unknown): string | undefined {
  if (typeof cell === "number" || typeof cell === "bigint") return cell.toString();
  if (typeof cell === "string") return cell;
  return cell instanceof Uint8Array ? new TextDecoder().decode(cell) : undefined;
}
