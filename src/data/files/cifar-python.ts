/** CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in their Python version: pickled dicts, read as data. */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { imagesFromBytes } from "../dataset.ts";
import { readWhole } from "./byte-source.ts";
import type { Split } from "./idx-dataset.ts";
import type { LabelSource } from "./labels.ts";
import type { Loading } from "./loading.ts";
import { bytesArray, type Pickled, readPickle } from "./pickle.ts";

const side = 32;
const pixelBytes = 3 * side * side;

interface Version {
  readonly name: string;
  /** The file of class names. */
  readonly meta: string;
  readonly files: { readonly [S in Split]: readonly string[] };
  /** Keys of the labels in a batch and of their names in `meta`, by kind. */
  readonly labels: readonly {
    readonly kind: "coarse" | "fine";
    readonly key: string;
    readonly names: string;
    readonly count: number;
  }[];
}

const versions: readonly Version[] = [
  {
    name: "cifar-10",
    meta: "batches.meta",
    files: { train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}`), test: ["test_batch"] },
    labels: [{ kind: "fine", key: "labels", names: "label_names", count: 10 }],
  },
  {
    name: "cifar-100",
    meta: "meta",
    files: { train: ["train"], test: ["test"] },
    labels: [
      { kind: "fine", key: "fine_labels", names: "fine_label_names", count: 100 },
      { kind: "coarse", key: "coarse_labels", names: "coarse_label_names", count: 20 },
    ],
  },
];

/** The batches of CIFAR-10 have names of their own; those of CIFAR-100 are told by `meta` beside them. */
const versionOf = (files: readonly string[]) =>
  versions.find(({ name, meta, files: { train, test } }) => {
    const there = [...train, ...test].some((file) => files.includes(file));
    return there && (name === "cifar-10" || files.includes(meta));
  });

/** Whether a folder holds CIFAR's pickles. */
export const isPythonCifar = (files: readonly string[]): boolean => versionOf(files) !== undefined;

/** A folder with CIFAR's Python files, as they come out of its archive: 32×32 colour images with labels. */
export async function* pythonCifar(
  path: string,
  files: readonly string[],
  split: Split = "train",
  from?: LabelSource,
): Loading {
  const { name, meta, labels, files: parts } = versionOf(files) ?? versions[0];
  const wanted = parts[split].filter((file) => files.includes(file));
  if (wanted.length === 0) throw new ConfigError(`${path}: has no split "${split}" (${parts[split].join(", ")}).`);
  const chosen = labels.find(({ kind }) => kind === (from === undefined || from === "none" ? "fine" : from));
  if (!chosen)
    throw new ConfigError(
      `${path}: labels must be one of ${labels.map(({ kind }) => kind).join(", ")}, none; got "${from}".`,
    );
  const batches: { readonly bytes: Uint8Array; readonly labels: readonly number[] }[] = [];
  for (const [done, file] of wanted.entries()) {
    yield { done, total: wanted.length, what: `reading ${file}` };
    const where = join(path, file);
    batches.push(batchOf(readPickle(await readWhole(where), where), where, chosen.key, chosen.count));
  }
  const size = batches.reduce((sum, batch) => sum + batch.labels.length, 0);
  const pixels = new Uint8Array(size * pixelBytes);
  let at = 0;
  for (const { bytes } of batches) {
    pixels.set(bytes, at);
    at += bytes.length;
  }
  const classes = await namesIn(join(path, meta), chosen);
  const missing = parts[split].filter((file) => !files.includes(file));
  return {
    ...imagesFromBytes({
      name: `${name} ${split}`,
      pixels,
      shape: [3, side, side],
      labels: batches.flatMap((batch) => batch.labels),
      classes,
    }),
    report: {
      notes: missing.length === 0 ? [] : [`Without ${missing.join(", ")}, which is missing.`],
      skipped: [],
    },
  };
}

/** The pixels and labels of a batch: `data`, examples × 3072 bytes, and a list of numbers. */
function batchOf(batch: Pickled, where: string, key: string, count: number) {
  if (!(batch instanceof Map)) throw new ConfigError(`${where}: is no CIFAR file: it holds no dict.`);
  const data = bytesArray(batch.get("data"));
  if (data?.dims.length !== 2 || data.dims[1] !== pixelBytes || data.dims[0] === 0)
    throw new ConfigError(
      `${where}: is no CIFAR file: "data" is ${data ? data.dims.join("×") : "no array of bytes"} (examples × ${pixelBytes}).`,
    );
  const labels = batch.get(key);
  if (!Array.isArray(labels) || labels.length !== data.dims[0])
    throw new ConfigError(
      `${where}: "${key}" has ${Array.isArray(labels) ? labels.length : "no"} labels (${data.dims[0]}, one an example).`,
    );
  const wrong = labels.findIndex(
    (label) => !(typeof label === "number" && Number.isInteger(label) && label >= 0 && label < count),
  );
  if (wrong >= 0)
    throw new ConfigError(
      `${where}: label of example ${wrong}: got ${String(labels[wrong])} (a whole number below ${count}).`,
    );
  return { bytes: data.bytes, labels: labels as readonly number[] };
}

/** The classes' names; numbers if there is no such file, or it says nothing. */
async function namesIn(
  path: string,
  { names: key, count }: { readonly names: string; readonly count: number },
): Promise<readonly string[]> {
  const numbers = Array.from({ length: count }, (_, label) => String(label));
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) return numbers;
  const meta = readPickle(bytes, basename(path));
  const names = meta instanceof Map ? meta.get(key) : undefined;
  const sound = Array.isArray(names) && names.length === count && names.every((name) => typeof name === "string");
  return sound ? (names as readonly string[]) : numbers;
}
