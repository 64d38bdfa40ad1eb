/** The folder that keeps what was slow to read, a file of the format of `store.ts` a data set; built once. */
import { createHash, randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Holder, isLock, type Lock, makeFolder, tryLock } from "../../disk/index.ts";
import { ConfigError } from "../../errors/index.ts";
import { datasetFromArray, elements, imagesFromBytes } from "../dataset.ts";
import type { LoadedDataset, Loading, Progress } from "./loading.ts";
import { createStore, openStore, type StoreFacts, type StoreLayout, type StoreWriter } from "./store.ts";

/** Where decoded data is kept: ORNSTEIN_CACHE, or `ornstein` in XDG_CACHE_HOME, or ~/.cache/ornstein. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.ORNSTEIN_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "ornstein");
}

/** The ending of data files. */
export const storeEnding = ".ornstein";

/** The file for a data set that `key` describes completely, where a person can still tell what it is. */
export function cacheFile(folder: string, name: string, key: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  return join(folder, `${name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${hash}${storeEnding}`);
}

/** Takes examples as they come. */
export type Sink = Pick<StoreWriter, "append">;

/** Reads a data set into the sink that `begin` opens once their shape is known. Yields progress; returns the rest. */
export type Build = (
  begin: (layout: StoreLayout) => Promise<Sink>,
) => AsyncGenerator<Progress, Omit<StoreFacts, "name" | "fingerprint">, void>;

/** How often the end of another process's work is looked for, in milliseconds. */
const patience = 200;
/** As much as is held in memory where no cache can be written. */
const mostMemory = 2 ** 32;

/**
 * The data set in `file`, if it was made from a source of the same fingerprint; else `build` makes it, under another
 * name until it is whole. Where another process of this machine is building the same file, waits for it. What cannot be
 * written, as on a read-only disk, is held in memory: the next start is slow again, and that is all.
 */
export async function* cached(file: string, name: string, fingerprint: string, build: Build): Loading {
  for (;;) {
    const known = readCache(file, fingerprint);
    if (known) return { ...known, name };
    const lock = await lockOf(file);
    if (lock && !isLock(lock)) {
      yield { done: 0, total: 0, what: `waiting for process ${lock.pid}, which reads the same data` };
      await pause(patience);
      continue;
    }
    try {
      // It may have been finished between looking and locking.
      return readCache(file, fingerprint) ?? (yield* fresh(file, name, fingerprint, build, lock !== undefined));
    } finally {
      lock?.release();
    }
  }
}

/** What the cache has under that name. A file that is missing, damaged, of another source or version counts as nothing. */
export function readCache(file: string, fingerprint: string): LoadedDataset | undefined {
  try {
    const { dataset, fingerprint: found } = openStore(file);
    return found === fingerprint ? dataset : undefined;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

async function* fresh(file: string, name: string, fingerprint: string, build: Build, alone: boolean): Loading {
  if (alone) removeParts(file);
  let sink: (Sink & { end(facts: StoreFacts): Promise<LoadedDataset>; abandon(): Promise<void> }) | undefined;
  try {
    const facts = yield* build(async (layout) => {
      sink = (await fileSink(file, layout)) ?? memorySink(name, layout);
      return sink;
    });
    if (!sink) throw new Error("internal: a data set was read into nothing.");
    return await sink.end({ ...facts, name, fingerprint });
  } finally {
    await sink?.abandon();
  }
}

/** The lock on a file that is to be made, or its holder; nothing where there are no locks, or this process has it. */
async function lockOf(file: string): Promise<Lock | Holder | undefined> {
  try {
    makeFolder(dirname(file));
    const lock = tryLock(`${file}.lock`);
    return isLock(lock) || (lock.host === hostname() && lock.pid !== process.pid) ? lock : undefined;
  } catch {
    return undefined;
  }
}

const partOf = (file: string) => `${file}.${process.pid}.${randomUUID()}.part`;

/** What builders that were killed left behind. */
function removeParts(file: string): void {
  const [all, own] = [`${basename(file)}.`, `${basename(file)}.${process.pid}.`];
  for (const name of readdirSync(dirname(file)))
    if (name.startsWith(all) && name.endsWith(".part") && !name.startsWith(own))
      rmSync(join(dirname(file), name), { force: true });
}

async function fileSink(file: string, layout: StoreLayout) {
  const writer = await createStore(file, partOf(file), layout).catch(() => undefined);
  if (!writer) return undefined;
  return {
    append: (values: Uint8Array | Float32Array) => explained(file, writer.append(values)),
    end: async (facts: StoreFacts) => {
      await explained(file, writer.finish(facts));
      return openStore(file).dataset;
    },
    abandon: () => writer.abandon(),
  };
}

function memorySink(name: string, { type, shape }: StoreLayout) {
  const parts: (Uint8Array | Float32Array)[] = [];
  let bytes = 0;
  return {
    async append(values: Uint8Array | Float32Array) {
      bytes += values.byteLength;
      if (bytes > mostMemory)
        throw new ConfigError(
          `${name}: more than ${mostMemory / 2 ** 30} GiB, and the cache cannot be written to. Say where it can, in ORNSTEIN_CACHE.`,
        );
      parts.push(values.slice());
    },
    end({ report, labels, classes }: StoreFacts) {
      const labelled = labels && classes ? { labels, classes } : {};
      const count = parts.reduce((sum, { length }) => sum + length, 0);
      const values = type === "uint8" ? new Uint8Array(count) : new Float32Array(count);
      let at = 0;
      for (const part of parts) {
        values.set(part, at);
        at += part.length;
      }
      const dataset =
        values instanceof Uint8Array
          ? imagesFromBytes({ name, pixels: values, shape: shape as [number, number, number], ...labelled })
          : datasetFromArray({ name, values, shape, ...labelled });
      return Promise.resolve({ ...dataset, report });
    },
    abandon: () => Promise.resolve(),
  };
}

/** What a full disk means to a person. */
async function explained<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause)
      throw new ConfigError(
        `${file}: cannot be written: ${cause.message}. Free some space, or keep data elsewhere, by ORNSTEIN_CACHE.`,
        { cause },
      );
    throw cause;
  }
}

/** Examples written together, and numbers at most. */
const [together, mostNumbers] = [1024, 2 ** 24];

/**
 * Writes any data set into a file that {@link openStore} reads: images as bytes where that loses nothing, everything else
 * as float32. The file has its name when it is whole, never before. Throws ConfigError where it cannot be written.
 */
export async function* writeStore(file: string, dataset: LoadedDataset): AsyncGenerator<Progress, void, void> {
  await explained(
    file,
    Promise.resolve().then(() => makeFolder(dirname(file))),
  );
  const stride = elements(dataset.shape);
  const { name, size, shape, classes, label, report } = dataset;
  for (const type of shape.length === 3 ? (["uint8", "float32"] as const) : (["float32"] as const)) {
    const writer = await explained(file, createStore(file, partOf(file), { type, shape }));
    try {
      const rows = Math.max(1, Math.min(together, Math.floor(mostNumbers / stride)));
      const values = new Float32Array(rows * stride);
      let exact = true;
      for (let start = 0; start < size && exact; start += rows) {
        yield { done: start, total: size, what: `writing ${basename(file)}` };
        const count = Math.min(rows, size - start);
        for (let i = 0; i < count; i++) dataset.read(start + i, values, i * stride);
        const part = values.subarray(0, count * stride);
        const bytes = type === "uint8" ? exactBytes(part) : part;
        exact = bytes !== undefined;
        if (bytes) await explained(file, writer.append(bytes));
      }
      if (!exact) continue;
      if (classes && classes.length > 0xffff)
        throw new ConfigError(`${name}: ${classes.length} classes (at most 65,535).`);
      const labels = classes && label && Uint16Array.from({ length: size }, (_, i) => label.call(dataset, i));
      await explained(
        file,
        writer.finish({ name, fingerprint: "", report, ...(labels && classes && { labels, classes }) }),
      );
      return;
    } finally {
      await writer.abandon();
    }
  }
}

/** The bytes that the numbers stand for; nothing unless every number is that of a byte. */
function exactBytes(values: Float32Array): Uint8Array | undefined {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const byte = Math.round((values[i] + 1) * 127.5);
    if (!(byte >= 0 && byte <= 255 && Math.fround(byte / 127.5 - 1) === values[i])) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
