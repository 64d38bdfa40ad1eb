/** The safetensors format: a JSON header that names typed arrays, then their bytes. Nothing in a file is executed. */
import { ConfigError } from "../errors/index.ts";

export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

export interface Safetensors {
  readonly tensors: Readonly<Record<string, NamedArray>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A header longer than this is not believed (the limit of the reference implementation). */
const longestHeader = 100_000_000;

const dtypes = {
  F32: { bytes: 4, view: (b: ArrayBuffer, at: number, n: number) => new Float32Array(b, at, n) },
  F64: { bytes: 8, view: (b: ArrayBuffer, at: number, n: number) => new Float64Array(b, at, n) },
} as const;
type TensorType = keyof typeof dtypes;

/** The file as consecutive pieces, so that large arrays need not be copied together. */
export function encodeSafetensors({ tensors, metadata }: Safetensors): Uint8Array[] {
  // float64 first: with the header padded to 8 bytes every array is then aligned.
  const entries = Object.entries(tensors).sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of entries) {
    const dtype: TensorType = data instanceof Float64Array ? "F64" : "F32";
    header[name] = { dtype, shape, data_offsets: [offset, (offset += data.byteLength)] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(32);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  return [padded, ...entries.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))];
}

/**
 * Reads a file's bytes; the arrays are views of them where alignment allows. Everything the header claims is checked
 * before anything is allocated. `where` names the file in errors.
 */
export function decodeSafetensors(bytes: Uint8Array<ArrayBuffer>, where: string): Safetensors {
  const refuse = (what: string): never => {
    throw new ConfigError(`${where}: not a usable safetensors file: ${what}. Is it complete?`);
  };
  if (bytes.length < 8) return refuse(`${bytes.length} bytes`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > Math.min(longestHeader, bytes.length - 8))
    return refuse(`its header claims ${length} bytes, the file has ${bytes.length - 8}`);

  const header = parseHeader(bytes.subarray(8, 8 + length));
  if (header === undefined) return refuse("its header is no JSON object");
  const body = bytes.subarray(8 + length);
  const tensors: [string, NamedArray][] = [];
  const ranges: [number, number][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const entry = parseEntry(value);
    if (!entry)
      return refuse(
        `"${name}" has no valid dtype, shape and data_offsets (dtypes are ${Object.keys(dtypes).join(", ")})`,
      );
    const { dtype, shape, start, end } = entry;
    const size = shape.reduce((n, s) => n * s, 1) * dtypes[dtype].bytes;
    if (end > body.length || end - start !== size)
      return refuse(
        `"${name}" ${dtype} [${shape}] needs ${size} bytes, its offsets are ${start}–${end} of ${body.length}`,
      );
    ranges.push([start, end]);
    tensors.push([name, { shape, data: view(body, start, end, dtype) }]);
  }
  ranges.sort(([a], [b]) => a - b);
  if (ranges.some(([start], i) => i > 0 && start < ranges[i - 1][1])) return refuse("two arrays overlap");
  return { tensors: Object.fromEntries(tensors), metadata: parseMetadata(header.__metadata__) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(value: unknown) {
  if (!isRecord(value)) return undefined;
  const { dtype, shape, data_offsets: offsets } = value;
  if (dtype !== "F32" && dtype !== "F64") return undefined;
  if (!Array.isArray(shape) || !shape.every(isCount) || !Array.isArray(offsets) || offsets.length !== 2)
    return undefined;
  const [start, end]: unknown[] = offsets;
  if (!isCount(start) || !isCount(end) || end < start) return undefined;
  return { dtype, shape: shape as number[], start, end } as const;
}

function view(body: Uint8Array<ArrayBuffer>, start: number, end: number, dtype: TensorType): NamedArray["data"] {
  const { bytes, view: as } = dtypes[dtype];
  const at = body.byteOffset + start;
  if (at % bytes === 0) return as(body.buffer, at, (end - start) / bytes);
  return as(body.slice(start, end).buffer, 0, (end - start) / bytes);
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
