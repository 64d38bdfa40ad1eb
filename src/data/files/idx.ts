/** IDX, the format of MNIST: two zero bytes, a type, the number of dimensions, the dimensions, big-endian data. */
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, gunzip } from "node:zlib";
import { ConfigError } from "../../errors/index.ts";

/** The contents of an IDX file. */
export interface Idx {
  /** Every one at least 1. */
  readonly dims: readonly number[];
  /** Row-major, as many as the product of `dims`. */
  readonly values: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
}

interface ElementType {
  readonly bytes: number;
  make(length: number): Exclude<Idx["values"], Uint8Array>;
  get(view: DataView, at: number): number;
}

/** Types by code; unsigned bytes, 0x08, are taken as they are. */
const types: Readonly<Record<number, ElementType>> = {
  9: { bytes: 1, make: (n) => new Int8Array(n), get: (view, at) => view.getInt8(at) },
  11: { bytes: 2, make: (n) => new Int16Array(n), get: (view, at) => view.getInt16(at) },
  12: { bytes: 4, make: (n) => new Int32Array(n), get: (view, at) => view.getInt32(at) },
  13: { bytes: 4, make: (n) => new Float32Array(n), get: (view, at) => view.getFloat32(at) },
  14: { bytes: 8, make: (n) => new Float64Array(n), get: (view, at) => view.getFloat64(at) },
};
const unsignedByte = 8;

/** Reads the bytes of an IDX file, gzipped or not. `where` names the file in errors, which are ConfigErrors. */
export async function parseIdx(bytes: Uint8Array, where: string): Promise<Idx> {
  const plain = isGzip(bytes) ? await inflate(bytes, where) : bytes;
  const { type, dims, start, length, end } = header(plain, where);
  if (plain.length !== end)
    throw new ConfigError(
      `${where}: is ${plain.length < end ? "cut short" : "too long"}: ${plain.length} bytes (${end} for dimensions ${dims.join("×")}).`,
    );
  if (type === unsignedByte) return { dims, values: plain.subarray(start) };
  const { bytes: size, make, get } = types[type];
  const values = make(length);
  const view = new DataView(plain.buffer, plain.byteOffset + start);
  for (let i = 0; i < length; i++) values[i] = get(view, i * size);
  return { dims, values };
}

/** Reads an IDX file from disk; one that is missing, damaged or not an IDX file at all is a ConfigError. */
export async function readIdx(path: string): Promise<Idx> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${error.message}.`, { cause: error });
  });
  return parseIdx(bytes, path);
}

/** Where the data of an IDX file begins and ends, from its first bytes; nothing is allocated for it. */
function header(bytes: Uint8Array, where: string) {
  const [zero0, zero1, type, rank] = bytes;
  const bad = (what: string) => new ConfigError(`${where}: is not an IDX file: ${what}.`);
  if (bytes.length < 4) throw bad(`it has ${bytes.length} bytes (at least 4)`);
  if (zero0 !== 0 || zero1 !== 0) throw bad(`it begins with the bytes ${zero0}, ${zero1} (two zeros)`);
  const size = type === unsignedByte ? 1 : types[type]?.bytes;
  if (size === undefined) throw bad(`its type code is ${type} (8, 9, 11, 12, 13 or 14)`);
  const start = 4 + 4 * rank;
  if (rank === 0 || rank > 8) throw bad(`it has ${rank} dimensions (1 to 8)`);
  if (bytes.length < start) throw bad(`its ${bytes.length} bytes end inside the header (${start})`);

  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  // Inexact beyond 2⁵³, but then no file is that long.
  const length = dims.reduce((product, dim) => product * dim, 1);
  if (length === 0) throw new ConfigError(`${where}: holds nothing: dimensions ${dims.join("×")}.`);
  return { type, dims, start, length, end: start + length * size };
}

const isGzip = (bytes: Uint8Array) => bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
/** No deflate stream expands more than this. */
const greatestRatio = 1032;

/** Decompresses no more than the header inside announces, and that only if the file is long enough to hold it. */
async function inflate(bytes: Uint8Array, where: string): Promise<Uint8Array> {
  const unpack = (part: Uint8Array, options: object) =>
    promisify<Uint8Array, object, Buffer>(gunzip)(part, options).catch((error: Error) => {
      throw new ConfigError(`${where}: cannot be decompressed: ${error.message}.`, { cause: error });
    });
  const head = await unpack(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
  const { end, dims } = header(head, where);
  if (end > (bytes.length + 1) * greatestRatio)
    throw new ConfigError(`${where}: is cut short: ${bytes.length} gzipped bytes for dimensions ${dims.join("×")}.`);
  return unpack(bytes, { maxOutputLength: end });
}
