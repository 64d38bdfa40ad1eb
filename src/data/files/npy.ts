/** NumPy's .npy arrays and .npz archives of them, read and written. Nothing pickled is ever read. */
import { zipSync } from "fflate";
import { ConfigError } from "../../errors/index.ts";
import { type ByteSource, readWhole } from "./byte-source.ts";
import { openZip } from "./zip.ts";

/** The numbers of an array in the type that holds them; 64-bit integers become float64, half floats float32. */
export type NpyValues =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** An array, row-major whatever the file's order is. */
export interface NpyArray {
  /** Empty for a single number; a dimension may be 0. */
  readonly dims: readonly number[];
  readonly values: NpyValues;
}

interface ElementType {
  readonly bytes: number;
  /** One number; `little` is the byte order. */
  get(view: DataView, at: number, little: boolean): number;
  make(length: number): NpyValues;
  /** The file's bits are not those of the array that `make` makes. */
  readonly converted?: true;
}

/** Element types by NumPy's code without byte order. */
const types: Readonly<Record<string, ElementType>> = {
  b1: { bytes: 1, get: (view, at) => view.getUint8(at), make: (n) => new Uint8Array(n) },
  u1: { bytes: 1, get: (view, at) => view.getUint8(at), make: (n) => new Uint8Array(n) },
  i1: { bytes: 1, get: (view, at) => view.getInt8(at), make: (n) => new Int8Array(n) },
  u2: { bytes: 2, get: (view, at, little) => view.getUint16(at, little), make: (n) => new Uint16Array(n) },
  i2: { bytes: 2, get: (view, at, little) => view.getInt16(at, little), make: (n) => new Int16Array(n) },
  u4: { bytes: 4, get: (view, at, little) => view.getUint32(at, little), make: (n) => new Uint32Array(n) },
  i4: { bytes: 4, get: (view, at, little) => view.getInt32(at, little), make: (n) => new Int32Array(n) },
  u8: {
    bytes: 8,
    get: (view, at, little) => Number(view.getBigUint64(at, little)),
    make: (n) => new Float64Array(n),
    converted: true,
  },
  i8: {
    bytes: 8,
    get: (view, at, little) => Number(view.getBigInt64(at, little)),
    make: (n) => new Float64Array(n),
    converted: true,
  },
  f2: {
    bytes: 2,
    get: (view, at, little) => half(view.getUint16(at, little)),
    make: (n) => new Float32Array(n),
    converted: true,
  },
  f4: { bytes: 4, get: (view, at, little) => view.getFloat32(at, little), make: (n) => new Float32Array(n) },
  f8: { bytes: 8, get: (view, at, little) => view.getFloat64(at, little), make: (n) => new Float64Array(n) },
};

const magic = "\x93NUMPY";
const longestHeader = 2 ** 20;

/** Reads the bytes of an .npy file. `where` names it in errors, which are ConfigErrors. */
export function parseNpy(bytes: Uint8Array, where: string): NpyArray {
  const { type, little, fortran, dims, start } = header(bytes, where);
  const length = dims.reduce((product, size) => product * size, 1);
  const end = start + length * type.bytes;
  if (bytes.length !== end)
    throw new ConfigError(
      `${where}: is ${bytes.length < end ? "cut short" : "too long"}: ${bytes.length} bytes (${end} for dimensions ${dims.join("×")}).`,
    );
  const values = type.make(length);
  if (!type.converted && (type.bytes === 1 || little)) new Uint8Array(values.buffer).set(bytes.subarray(start, end));
  else {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start);
    for (let i = 0; i < length; i++) values[i] = type.get(view, i * type.bytes, little);
  }
  return { dims, values: fortran && dims.length > 1 ? rowMajor(values, type.make(length), dims) : values };
}

/** Reads an .npy file from disk. */
export async function readNpy(path: string): Promise<NpyArray> {
  return parseNpy(await readWhole(path), path);
}

/** The arrays of an .npz archive, read when asked for. */
export interface Npz {
  readonly names: readonly string[];
  /** An array by its name; an unknown one is a ConfigError. */
  read(name: string): Promise<NpyArray>;
}

/** Opens an .npz archive. `where` names it in errors. */
export async function openNpz(source: ByteSource, where: string): Promise<Npz> {
  const zip = await openZip(source, where);
  const entries = new Map(
    zip.entries.filter(({ name }) => name.endsWith(".npy")).map((entry) => [entry.name.slice(0, -4), entry]),
  );
  const names = [...entries.keys()];
  return {
    names,
    async read(name) {
      const entry = entries.get(name);
      if (!entry)
        throw new ConfigError(`${where}: has no array ${JSON.stringify(name)} (it has ${names.join(", ") || "none"}).`);
      return parseNpy(await zip.read(entry), `${where}: ${name}`);
    },
  };
}

/** An array to write; float64 and float32, and the integers, keep their type. */
export interface ToNpy {
  readonly dims: readonly number[];
  readonly values: NpyValues;
}

/** An array as the bytes of an .npy file. */
export function npyBytes({ dims, values }: ToNpy): Uint8Array<ArrayBuffer> {
  const length = dims.reduce((product, size) => product * size, 1);
  if (length !== values.length)
    throw new RangeError(`internal: ${values.length} numbers for dimensions ${dims.join("×")}.`);
  const kind = values instanceof Float32Array || values instanceof Float64Array ? "f" : isSigned(values) ? "i" : "u";
  const descr = `${values.BYTES_PER_ELEMENT === 1 ? "|" : "<"}${kind}${values.BYTES_PER_ELEMENT}`;
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(", ");
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The header ends with a newline, and the numbers begin at a multiple of 64.
  const start = Math.ceil((11 + dictionary.length) / 64) * 64;
  const out = new Uint8Array(start + values.byteLength).fill(0x20, 0, start);
  out.set(Uint8Array.from(magic, (letter) => letter.charCodeAt(0)));
  out.set([1, 0, (start - 10) & 0xff, (start - 10) >> 8], 6);
  out.set(new TextEncoder().encode(dictionary), 10);
  out[start - 1] = 0x0a;
  out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start);
  return out;
}

/** Named arrays as the bytes of an .npz archive, not compressed. */
export function npzBytes(arrays: Readonly<Record<string, ToNpy>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npyBytes(array)] as const);
  return zipSync(Object.fromEntries(files), { level: 0, mtime: new Date(1980, 0, 1) });
}

const isSigned = (values: NpyValues) =>
  values instanceof Int8Array || values instanceof Int16Array || values instanceof Int32Array;

/** What the text in front of the numbers says. */
function header(bytes: Uint8Array, where: string) {
  const bad = (what: string) => new ConfigError(`${where}: is not an .npy array: ${what}.`);
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== magic)
    throw bad("it does not begin with \\x93NUMPY");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = bytes[6];
  if (version < 1 || version > 3) throw bad(`its format version is ${version} (1, 2 or 3)`);
  const textStart = version === 1 ? 10 : 12;
  const textLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = textStart + textLength;
  if (textLength > longestHeader || start > bytes.length) throw bad(`its header of ${textLength} bytes is cut short`);

  const text = new TextDecoder().decode(bytes.subarray(textStart, start));
  const descr = /'descr'\s*:\s*'([<>|=]?)([a-zA-Z]\d*)'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text);
  if (!descr || !Object.hasOwn(types, descr[2])) {
    const given = (/'descr'\s*:\s*('[^']*'|\[)/.exec(text)?.[1] ?? "nothing").replace(/\s+/g, " ");
    throw new ConfigError(
      `${where}: holds elements of type ${given === "[" ? "record" : given} (booleans, integers or floats of at most 8 bytes).`,
    );
  }
  if (!order || !shape) throw bad("its header lacks fortran_order or shape");
  const dims = shape[1].split(",").flatMap((size) => (size.trim() === "" ? [] : [Number.parseInt(size, 10)]));
  if (dims.length > 32 || !dims.every((size) => Number.isSafeInteger(size))) throw bad(`its shape is (${shape[1]})`);
  return { type: types[descr[2]], little: descr[1] !== ">", fortran: order[1] === "True", dims, start };
}

/** Column-major numbers in row-major order. */
function rowMajor(values: NpyValues, out: NpyValues, dims: readonly number[]): NpyValues {
  const strides = dims.map((_, d) => dims.slice(0, d).reduce((product, size) => product * size, 1));
  const index = dims.map(() => 0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = values[from];
    for (let d = dims.length - 1; d >= 0; d--) {
      index[d]++;
      from += strides[d];
      if (index[d] < dims[d]) break;
      from -= strides[d] * dims[d];
      index[d] = 0;
    }
  }
  return out;
}

/** IEEE 754 half precision. */
function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const sign = bits >> 15 === 1 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
