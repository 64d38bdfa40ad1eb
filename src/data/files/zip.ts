/**
 * Zip archives by random access: the directory is read once, an entry when it is asked for. So an archive larger than
 * memory can be read, and nothing is ever unpacked to disk. Checked against what a hostile archive may claim.
 */
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";
import { ConfigError } from "../../errors/index.ts";
import type { ByteSource } from "./byte-source.ts";

/** A file inside an archive. */
export interface ZipEntry {
  /** Its path, with "/" between folders; never absolute, never with "..". */
  readonly name: string;
  /** Uncompressed, as the directory claims; `read` holds it to that. */
  readonly size: number;
  /** Changes with the contents. */
  readonly crc: number;
}

/** An open archive. */
export interface Zip {
  /** Files only, in the order of the directory. */
  readonly entries: readonly ZipEntry[];
  /** Reads and checks one entry of at most `most` bytes. Damage is a ConfigError. */
  read(entry: ZipEntry, most?: number): Promise<Uint8Array<ArrayBuffer>>;
}

interface Stored extends ZipEntry {
  readonly method: number;
  readonly encrypted: boolean;
  readonly compressed: number;
  /** Of the local header. */
  readonly offset: number;
}

const signature = { local: 0x04034b50, entry: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 };
const length = { local: 30, entry: 46, end: 22, end64: 56, locator64: 20 };
const stored = 0;
const deflated = 8;
/** No deflate stream expands more than this. */
const greatestRatio = 1032;
const mostDirectory = 2 ** 30;

/** Reads the directory of an archive. `where` names the file in errors, which are ConfigErrors. */
export async function openZip(source: ByteSource, where: string): Promise<Zip> {
  const { count, size, start, shift } = await findDirectory(source, where);
  const directory = await source.read(start, size);
  const entries = parseDirectory(directory, count, shift, where);
  checkPlaces(entries, start, where);
  const known = new Map<ZipEntry, Stored>(entries.map((entry) => [entry, entry]));
  return {
    entries,
    async read(entry, most = 2 ** 32 - 1) {
      const found = known.get(entry);
      if (!found) throw new Error("internal: the entry is of another archive.");
      if (found.size > most) throw new ConfigError(`${where}: ${entry.name}: ${entry.size} bytes (at most ${most}).`);
      return extract(source, found, start, `${where}: ${entry.name}`);
    },
  };
}

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly start: number;
  /** How much later everything is than it says, because something was put before the archive. */
  readonly shift: number;
}

/** Finds the end record, which a comment of up to 64 KiB may follow, and what it says about the directory. */
async function findDirectory(source: ByteSource, where: string): Promise<Directory> {
  const tailLength = Math.min(source.size, length.end + 0xffff);
  const tailStart = source.size - tailLength;
  const tail = viewOf(await source.read(tailStart, tailLength));
  let at = tailLength - length.end;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === signature.end && at + length.end + tail.getUint16(at + 20, true) <= tailLength)
  )
    at--;
  if (at < 0) throw new ConfigError(`${where}: is not a zip archive, or is cut short: it has no directory at its end.`);

  let [count, size, offset] = [
    tail.getUint16(at + 10, true),
    tail.getUint32(at + 12, true),
    tail.getUint32(at + 16, true),
  ];
  let end = tailStart + at;
  if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    const end64 = await findEnd64(source, end, where);
    if (end64) [count, size, offset, end] = [end64.count, end64.size, end64.offset, end64.at];
  }
  const start = end - size;
  const shift = start - offset;
  if (shift < 0 || start < 0 || size > mostDirectory || count * length.entry > size)
    throw new ConfigError(
      `${where}: is damaged: ${count} entries in ${size} bytes at ${offset} do not fit its ${source.size} bytes.`,
    );
  return { count, size, start, shift };
}

/** The larger end record of archives with more than 65,535 entries or 4 GiB, if there is one. */
async function findEnd64(source: ByteSource, end: number, where: string) {
  if (end < length.locator64) return undefined;
  const locator = viewOf(await source.read(end - length.locator64, length.locator64));
  if (locator.getUint32(0, true) !== signature.locator64) return undefined;
  // Right before the locator, whatever was put before the archive.
  const at = end - length.locator64 - length.end64;
  const record = at < 0 ? undefined : viewOf(await source.read(at, length.end64));
  if (record?.getUint32(0, true) !== signature.end64)
    throw new ConfigError(`${where}: is damaged: it has no zip64 directory where it should be.`);
  return {
    count: uint64(record, 32),
    size: uint64(record, 40),
    offset: uint64(record, 48),
    at,
  };
}

function parseDirectory(directory: Uint8Array, count: number, shift: number, where: string): Stored[] {
  const view = viewOf(directory);
  const entries: Stored[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + length.entry > directory.length || view.getUint32(at, true) !== signature.entry)
      throw new ConfigError(`${where}: is damaged: its directory ends at entry ${i} of ${count}.`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const next = at + length.entry + nameLength + extraLength + commentLength;
    if (next > directory.length)
      throw new ConfigError(`${where}: is damaged: entry ${i} of ${count} runs out of the directory.`);
    const nameStart = at + length.entry;
    const name = nameOf(directory.subarray(nameStart, nameStart + nameLength), where);
    const long = longFields(view, nameStart + nameLength, extraLength, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    const [size, compressed, offset] = long;
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    // The file type in the upper half of the attributes, on archives made by a Unix.
    const link = directory[at + 5] === 3 && view.getUint32(at + 38, true) >>> 28 === 0xa;
    if (!name.endsWith("/") && !link)
      entries.push({
        name,
        size,
        crc: view.getUint32(at + 16, true),
        method,
        encrypted: (flags & 1) === 1,
        compressed,
        offset: offset + shift,
      });
    at = next;
  }
  return entries;
}

/** Replaces each field that is all ones by the next 8 bytes of the zip64 extra field. */
function longFields(view: DataView, start: number, extraLength: number, fields: readonly number[]): number[] {
  if (!fields.includes(0xffffffff)) return [...fields];
  const end = start + extraLength;
  for (let at = start; at + 4 <= end; ) {
    const [id, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    let from = at + 4;
    at = from + size;
    if (id !== 1) continue;
    return fields.map((field) => {
      if (field !== 0xffffffff || from + 8 > Math.min(at, end)) return field;
      from += 8;
      return uint64(view, from - 8);
    });
  }
  return [...fields];
}

/** The path of an entry, refused if it leads out of the archive. Windows' separators become "/". */
function nameOf(bytes: Uint8Array, where: string): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    name = new TextDecoder("latin1").decode(bytes);
  }
  const path = name.replaceAll("\\", "/");
  if (
    path === "" ||
    path.startsWith("/") ||
    /^[a-z]:/i.test(path) ||
    path.split("/").includes("..") ||
    [...path].some((letter) => letter < " ")
  )
    throw new ConfigError(
      `${where}: holds ${JSON.stringify(name)}, a path out of the archive. It was not made in good faith.`,
    );
  return path;
}

/** Entries must lie before the directory and must not share bytes: that is how a small archive becomes a huge one. */
function checkPlaces(entries: readonly Stored[], directory: number, where: string): void {
  const sorted = entries.toSorted((a, b) => a.offset - b.offset);
  for (const [i, { name, offset, compressed }] of sorted.entries())
    if (offset + length.local + compressed > (sorted[i + 1]?.offset ?? directory))
      throw new ConfigError(`${where}: is damaged: ${name} overlaps what follows it.`);
}

async function extract(source: ByteSource, entry: Stored, directory: number, where: string) {
  const { method, encrypted, size, compressed, offset, crc } = entry;
  if (encrypted) throw new ConfigError(`${where}: is encrypted.`);
  if (method !== stored && method !== deflated)
    throw new ConfigError(`${where}: is compressed by method ${method} (0, stored, or 8, deflate).`);
  const damaged = (what: string, cause?: Error) =>
    new ConfigError(`${where}: is damaged: ${what}.`, ...(cause ? [{ cause }] : []));
  const header = viewOf(await source.read(offset, length.local));
  if (header.getUint32(0, true) !== signature.local) throw damaged("it has no header");
  const start = offset + length.local + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + compressed > directory) throw damaged("it ends inside the directory");
  if (method === stored ? size !== compressed : size > (compressed + 1) * greatestRatio)
    throw damaged(`${compressed} bytes cannot become ${size}`);

  const raw = await source.read(start, compressed);
  const bytes =
    method === stored
      ? raw
      : new Uint8Array(
          await promisify<Uint8Array, object, Buffer<ArrayBuffer>>(inflateRaw)(raw, {
            maxOutputLength: Math.max(size, 1),
          }).catch((error: Error) => {
            throw damaged(`it cannot be decompressed to ${size} bytes: ${error.message}`, error);
          }),
        );
  if (bytes.length !== size) throw damaged(`it has ${bytes.length} bytes (${size})`);
  if (crc32(bytes) !== crc) throw damaged("its checksum is wrong");
  return bytes;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Inexact beyond 2⁵³, but then no file is that long. */
const uint64 = (view: DataView, at: number) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
