/** A folder that keeps what was slow to decode: one file a data set, a line of JSON and then the bytes. */
import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { elements } from "../dataset.ts";
import type { Report } from "./loading.ts";

/** Images as the cache keeps them. */
export interface CachedImages {
  /** [channels, height, width]. */
  readonly shape: readonly [number, number, number];
  /** All images, NCHW. */
  readonly pixels: Uint8Array;
  readonly labels?: Uint16Array;
  readonly classes?: readonly string[];
  readonly report: Report;
}

/** Where decoded data is kept: ORNSTEIN_CACHE, or `ornstein` in XDG_CACHE_HOME, or ~/.cache/ornstein. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.ORNSTEIN_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "ornstein");
}

/** The file for a data set that `key` describes completely, where a person can still tell what it is. */
export function cacheFile(folder: string, name: string, key: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  return join(folder, `${name.replace(/[^\w-]+/g, "_").slice(0, 40)}-${hash}.images`);
}

const magic = "ornstein images 1\n";
const longestHeader = 2 ** 28;
/** One read or write of the operating system takes less than 2 GiB. */
const chunk = 2 ** 28;

interface Header extends Omit<CachedImages, "pixels" | "labels"> {
  readonly fingerprint: string;
  readonly count: number;
  readonly labelled: boolean;
}

interface Checksum {
  /** Over the rest of the header and all bytes. */
  readonly sha256: string;
}

function checksum(header: Header, parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256").update(JSON.stringify(header));
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/**
 * What the cache has under that name, if its source had the same fingerprint then. A file that is missing, damaged or
 * of another version counts as nothing.
 */
export async function readCache(file: string, fingerprint: string): Promise<CachedImages | undefined> {
  const handle = await open(file).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    const start = magic.length + 4;
    if (size < start) return undefined;
    const prologue = await readBytes(handle, 0, start);
    if (text(prologue.subarray(0, magic.length)) !== magic) return undefined;
    const length = new DataView(prologue.buffer).getUint32(magic.length, true);
    if (length > Math.min(longestHeader, size - start)) return undefined;
    const { sha256, ...header }: Header & Checksum = JSON.parse(text(await readBytes(handle, start, length)));
    if (header.fingerprint !== fingerprint) return undefined;
    const { shape, count, labelled, classes, report } = header;
    const [pixels, labels] = [count * elements(shape), labelled ? 2 * count : 0];
    if (start + length + pixels + labels !== size) return undefined;
    const payload = await readBytes(handle, start + length, pixels + labels);
    if (checksum(header, [payload]) !== sha256) return undefined;
    return {
      shape,
      pixels: payload.subarray(0, pixels),
      ...(labelled && { labels: new Uint16Array(payload.slice(pixels).buffer) }),
      ...(classes && { classes }),
      report,
    };
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

/**
 * Writes a data set for later: into a file of its own, flushed to disk, then renamed. So the name only ever holds a
 * whole file, also when two programs build the same one. Throws what the file system throws.
 */
export async function writeCache(file: string, fingerprint: string, images: CachedImages): Promise<void> {
  const { pixels, labels, shape, classes, report } = images;
  const parts = [pixels, ...(labels ? [bytesOf(labels)] : [])];
  const header: Header = {
    fingerprint,
    shape,
    count: pixels.length / elements(shape),
    labelled: labels !== undefined,
    ...(classes && { classes }),
    report,
  };
  const json = new TextEncoder().encode(JSON.stringify({ ...header, sha256: checksum(header, parts) }));
  const prologue = new Uint8Array(magic.length + 4);
  prologue.set(new TextEncoder().encode(magic));
  new DataView(prologue.buffer).setUint32(magic.length, json.length, true);

  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    const handle = await open(temporary, "wx");
    try {
      for (const part of [prologue, json, ...parts])
        for (let at = 0; at < part.length; at += chunk) await handle.writeFile(part.subarray(at, at + chunk));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readBytes(handle: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(chunk, length - at), position + at);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    at += bytesRead;
  }
  return bytes;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (values: Uint16Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
