/**
 * The one file format for data that is ready to be trained on. Bytes or float32 lie one example after the other from
 * byte 4096 on, so that other programs can map them; a checksum for every 4 MiB, labels and a directory follow. The
 * directory comes last: a file that was cut short has none, and is nothing.
 *
 *     0      "ornstein data 1\n", then zeros
 *     4096   numbers, little-endian, row-major          count × shape × 1 or 4 bytes
 *            labels, uint16, if there are any           count × 2 bytes
 *            SHA-256 of each 4 MiB of the numbers       chunks × 32 bytes
 *            the directory, JSON
 *     −56    length of the directory, uint64; SHA-256 of everything from the labels to here; "ornstein end 1\n\n"
 */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError, reasonOf } from "../../errors/index.ts";
import { elements } from "../dataset.ts";
import { pixelConventions } from "../pixels.ts";
import { alignedBytes, isNotDirect, openDirect } from "./direct.ts";
import type { LoadedDataset, Report } from "./loading.ts";

/** How examples are kept: images as bytes, everything else as numbers. */
export interface StoreLayout {
  readonly type: "uint8" | "float32";
  /** Of one example. */
  readonly shape: readonly number[];
}

/** What is known once all examples have been written. */
export interface StoreFacts {
  readonly name: string;
  /** Of what the file was made from: another one means that it is out of date. */
  readonly fingerprint: string;
  readonly labels?: Uint16Array;
  /** There exactly when `labels` is. */
  readonly classes?: readonly string[];
  readonly report: Report;
}

interface Directory extends StoreLayout, Omit<StoreFacts, "labels"> {
  readonly count: number;
  readonly labelled: boolean;
}

/** A file being written. */
export interface StoreWriter {
  /** Adds whole examples. */
  append(values: Uint8Array | Float32Array): Promise<void>;
  /** Writes what comes last, syncs, and gives the file its name. */
  finish(facts: StoreFacts): Promise<void>;
  /** Removes what was written; does nothing after `finish`. */
  abandon(): Promise<void>;
}

/** An open file. */
export interface Store {
  readonly dataset: LoadedDataset;
  readonly fingerprint: string;
  readonly type: StoreLayout["type"];
}

const magic = "ornstein data 1\n";
const endMagic = "ornstein end 1\n\n";
const headerBytes = 4096;
const tailBytes = 8 + 32 + endMagic.length;
/** Checked as a whole. */
const chunkBytes = 2 ** 22;
/** What is written goes to the disk on the way, so that the last sync has little left to do. */
const chunksPerSync = 16;
const longestDirectory = 2 ** 28;
/** Bytes of numbers that are read into memory at once. */
const mostResident = 2 ** 28;

/**
 * Begins a file beside `path`, under the name `temporary`, which `finish` changes to `path`. After its first `resident` bytes
 * of numbers (256 MiB), about as many as are read into memory at once, it is written past the system's cache.
 */
export async function createStore(
  path: string,
  temporary: string,
  layout: StoreLayout,
  resident = mostResident,
): Promise<StoreWriter> {
  const handle = await open(temporary, "wx");
  const header = new Uint8Array(headerBytes);
  header.set(new TextEncoder().encode(magic));
  const size = layout.type === "uint8" ? 1 : 4;
  const stride = size * elements(layout.shape);
  // One is filled while the other is written.
  let [chunk, other] = [new Uint8Array(chunkBytes), new Uint8Array(chunkBytes)];
  let direct: FileHandle | undefined;
  let writing: Promise<void> = Promise.resolve();
  let syncing: Promise<void> | undefined;
  const sums: Uint8Array[] = [];
  let [filled, written, done] = [0, 0, false];
  const write = async (part: Uint8Array, position: number) => {
    if (direct && part.length === chunkBytes)
      try {
        return await writeAll(direct, part, position);
      } catch (error) {
        if (!isNotDirect(error)) throw error;
        await direct.close();
        direct = undefined;
      }
    await writeAll(handle, part, position);
  };
  const flush = async () => {
    if (filled === 0) return;
    const part = chunk.subarray(0, filled);
    const position = headerBytes + sums.length * chunkBytes;
    sums.push(createHash("sha256").update(part).digest());
    await writing;
    writing = write(part, position);
    // Failures of this and of what follows are heard of where they are awaited.
    writing.catch(() => {});
    [chunk, other] = [other, chunk];
    filled = 0;
    if (sums.length === Math.ceil(resident / chunkBytes)) {
      await writing;
      direct = await openDirect(temporary);
      if (direct) [chunk, other] = [alignedBytes(chunkBytes), alignedBytes(chunkBytes)];
    }
    if (sums.length % chunksPerSync === 0 && syncing === undefined) {
      syncing = handle.datasync().then(() => {
        syncing = undefined;
      });
      syncing.catch(() => {});
    }
  };
  try {
    await writeAll(handle, header, 0);
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  return {
    async append(values) {
      const bytes = bytesOf(values);
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(chunkBytes - filled, bytes.length - at);
        chunk.set(bytes.subarray(at, at + length), filled);
        filled += length;
        at += length;
        if (filled === chunkBytes) await flush();
      }
      written += bytes.length;
    },
    async finish({ labels, ...facts }) {
      await flush();
      await Promise.all([writing, syncing]);
      const count = written / stride;
      if (!Number.isInteger(count) || (labels && labels.length !== count))
        throw new Error(`internal: ${written} bytes in examples of ${stride}, ${labels?.length} labels.`);
      const directory: Directory = { ...layout, ...facts, count, labelled: labels !== undefined };
      const json = new TextEncoder().encode(JSON.stringify(directory));
      const parts = [...(labels ? [bytesOf(labels)] : []), ...sums, json];
      const tail = new Uint8Array(tailBytes);
      new DataView(tail.buffer).setBigUint64(0, BigInt(json.length), true);
      const hash = createHash("sha256");
      for (const part of [...parts, tail.subarray(0, 8)]) hash.update(part);
      tail.set(hash.digest(), 8);
      tail.set(new TextEncoder().encode(endMagic), 40);
      await writeAll(handle, Buffer.concat([...parts, tail]), headerBytes + written);
      await handle.sync();
      await direct?.close();
      await handle.close();
      await rename(temporary, path);
      done = true;
      await syncFolder(dirname(path));
    },
    async abandon() {
      if (done) return;
      done = true;
      await Promise.allSettled([writing, syncing]);
      for (const open of [handle, direct]) await open?.close().catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}

/**
 * Opens a file. One with at most `resident` bytes of numbers (256 MiB) is read into memory and checked now; of a larger
 * one each part is checked when it is first read, and `read` throws if it is damaged. Damage is a ConfigError.
 */
export function openStore(path: string, resident = mostResident): Store {
  const file = openForReading(path);
  let kept = false;
  try {
    const store = readStore(file, path, resident);
    kept = !store.whole;
    return store;
  } finally {
    if (!kept) close(file);
  }
}

function readStore(file: OpenDescriptor, path: string, resident: number): Store & { readonly whole: boolean } {
  const refuse = (what: string) => new ConfigError(`${path}: ${what}.`);
  const { size } = fstatSync(file.descriptor);
  if (size < headerBytes + tailBytes) throw refuse("is no data file, or is cut short");
  const header = readAt(file, path, 0, headerBytes);
  if (text(header.subarray(0, magic.length)) !== magic || header.subarray(magic.length).some((byte) => byte !== 0))
    throw refuse("is no data file of this version");
  const tail = readAt(file, path, size - tailBytes, tailBytes);
  const length = Number(new DataView(tail.buffer).getBigUint64(0, true));
  if (text(tail.subarray(40)) !== endMagic || length > Math.min(longestDirectory, size - headerBytes - tailBytes))
    throw refuse("is cut short or damaged: it does not end as it should");
  const json = readAt(file, path, size - tailBytes - length, length);
  const directory = parseDirectory(json) ?? fail(refuse("is damaged: its directory cannot be read"));
  const { name, fingerprint, type, shape, count, labelled, classes, report } = directory;
  const stride = (type === "uint8" ? 1 : 4) * elements(shape);
  const payload = count * stride;
  const chunks = Math.ceil(payload / chunkBytes);
  const before = (labelled ? 2 * count : 0) + 32 * chunks;
  if (headerBytes + payload + before + length + tailBytes !== size)
    throw refuse(`is damaged: ${size} bytes for ${count} examples of [${shape.join(", ")}]`);
  const tables = readAt(file, path, headerBytes + payload, before);
  const sum = createHash("sha256").update(tables).update(json).update(tail.subarray(0, 8)).digest();
  if (!sum.equals(tail.subarray(8, 40))) throw refuse("is damaged: the checksum of its directory is wrong");
  const labels = labelled ? new Uint16Array(tables.slice(0, 2 * count).buffer) : undefined;
  if (labels?.some((label) => label >= (classes?.length ?? 0))) throw refuse("is damaged: a label has no class");

  const sums = tables.subarray(tables.length - 32 * chunks);
  const check = (chunk: number, bytes: Uint8Array) => {
    const found = createHash("sha256").update(bytes).digest();
    if (!found.equals(sums.subarray(32 * chunk, 32 * chunk + 32)))
      throw refuse(`is damaged: part ${chunk + 1} of ${chunks} has changed. Delete it and build it again`);
  };
  const whole = payload <= resident;
  const bytes = (whole ? wholePayload : checkedReads)(file, path, payload, check);
  const numbers = type === "uint8" ? fromBytes : fromFloats;
  return {
    whole,
    fingerprint,
    type,
    dataset: {
      name,
      size: count,
      shape,
      ...(labels && classes && { classes, label: (index: number) => labels[inRange(name, index, count)] }),
      report,
      read(index, out, offset) {
        numbers(bytes(inRange(name, index, count) * stride, stride), out, offset);
      },
    },
  };
}

/** The numbers from byte `start` on. */
type Bytes = (start: number, length: number) => Uint8Array;

interface OpenDescriptor {
  readonly descriptor: number;
}

/** Files stay open as long as somebody can read from them. */
const closing = new FinalizationRegistry((descriptor: number) => closeSync(descriptor));

function openForReading(path: string): OpenDescriptor {
  try {
    const file = { descriptor: openSync(path, "r") };
    closing.register(file, file.descriptor, file);
    return file;
  } catch (cause) {
    throw new ConfigError(`${path}: cannot be read: ${reasonOf(cause)}.`, { cause });
  }
}

function close(file: OpenDescriptor): void {
  closing.unregister(file);
  closeSync(file.descriptor);
}

function wholePayload(
  file: OpenDescriptor,
  path: string,
  payload: number,
  check: (chunk: number, bytes: Uint8Array) => void,
): Bytes {
  const all = readAt(file, path, headerBytes, payload);
  for (let chunk = 0; chunk * chunkBytes < payload; chunk++)
    check(chunk, all.subarray(chunk * chunkBytes, Math.min((chunk + 1) * chunkBytes, payload)));
  return (start, length) => all.subarray(start, start + length);
}

function checkedReads(
  file: OpenDescriptor,
  path: string,
  payload: number,
  check: (chunk: number, bytes: Uint8Array) => void,
): Bytes {
  const checked = new Uint8Array(Math.ceil(payload / chunkBytes));
  const scratch = new Uint8Array(chunkBytes);
  let out = new Uint8Array(0);
  return (start, length) => {
    for (let chunk = Math.floor(start / chunkBytes); chunk * chunkBytes < start + length; chunk++) {
      if (checked[chunk] === 1) continue;
      const part = scratch.subarray(0, Math.min(chunkBytes, payload - chunk * chunkBytes));
      fill(file, path, headerBytes + chunk * chunkBytes, part);
      check(chunk, part);
      checked[chunk] = 1;
    }
    if (out.length !== length) out = new Uint8Array(length);
    fill(file, path, headerBytes + start, out);
    return out;
  };
}

const floats = Float32Array.from({ length: 256 }, (_, byte) => pixelConventions.edm.toFloat(byte));

function fromBytes(bytes: Uint8Array, out: Float32Array, offset: number): void {
  for (let i = 0; i < bytes.length; i++) out[offset + i] = floats[bytes[i]];
}

function fromFloats(bytes: Uint8Array, out: Float32Array, offset: number): void {
  out.set(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), offset);
}

function parseDirectory(json: Uint8Array): Directory | undefined {
  try {
    const found: Directory = JSON.parse(text(json));
    const { type, shape, count, labelled, classes, report, name, fingerprint } = found;
    const sound =
      (type === "uint8" || type === "float32") &&
      Array.isArray(shape) &&
      shape.length > 0 &&
      [...shape, count].every((n) => Number.isSafeInteger(n) && n > 0) &&
      typeof labelled === "boolean" &&
      labelled === (classes !== undefined) &&
      (classes === undefined || (Array.isArray(classes) && classes.every((one) => typeof one === "string"))) &&
      typeof name === "string" &&
      typeof fingerprint === "string" &&
      Array.isArray(report?.notes) &&
      Array.isArray(report.skipped);
    return sound ? found : undefined;
  } catch {
    return undefined;
  }
}

function readAt(file: OpenDescriptor, path: string, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  fill(file, path, position, bytes);
  return bytes;
}

function fill({ descriptor }: OpenDescriptor, path: string, position: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(descriptor, bytes, at, Math.min(2 ** 30, bytes.length - at), position + at);
    if (read === 0) throw new ConfigError(`${path}: became shorter while it was read. Build it again.`);
    at += read;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

/** Makes a rename last through a power failure, where the system can. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

function inRange(name: string, index: number, size: number): number {
  if (Number.isInteger(index) && index >= 0 && index < size) return index;
  throw new RangeError(`${name}: no example ${index} (0 to ${size - 1}).`);
}

const fail = (error: Error): never => {
  throw error;
};
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array | Uint16Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
