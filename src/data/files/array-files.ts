/** Data sets in arrays on disk: .npy, .npz, the batches of downsampled ImageNet, and plain numbers. */
import { readdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { concatenate } from "../concatenate.ts";
import { type Dataset, elements } from "../dataset.ts";
import { arrayDataset, reported } from "./array-dataset.ts";
import { openFile, readWhole } from "./byte-source.ts";
import type { Split } from "./idx-dataset.ts";
import type { Loading } from "./loading.ts";
import { type NpyArray, type NpyValues, type Npz, openNpz, readNpy } from "./npy.ts";

/** An .npy file: images or vectors, without labels. */
export async function* npyDataset(path: string): Loading {
  const name = basename(path);
  yield { done: 0, total: 1, what: `reading ${name}` };
  return reported(arrayDataset({ where: path, name, ...(await readNpy(path)) }));
}

/** Where the examples and the labels of a split are, by the names that common programs give them. */
const inSplit = (split: Split) => {
  const names = split === "train" ? ["train"] : ["test", "val"];
  return {
    examples: names.flatMap((name) => [`x_${name}`, `${name}_images`, `${name}_x`, `${name}_data`, name]),
    labels: names.flatMap((name) => [`y_${name}`, `${name}_labels`, `${name}_y`]),
  };
};
const withoutSplit = {
  examples: ["arr_0", "data", "images", "x", "samples"],
  labels: ["arr_1", "labels", "label", "y"],
};

/**
 * An .npz file: the examples are `arr_0` (Dhariwal & Nichol 2021), `data`, `images` or `x`, or the only array; the labels
 * `arr_1`, `labels` or `y`. With splits they are `x_train`, `y_train` or `train_images`, `train_labels` and so on.
 */
export async function* npzDataset(path: string, split?: Split): Loading {
  const name = basename(path);
  yield { done: 0, total: 1, what: `reading ${name}` };
  const file = await openFile(path);
  try {
    const npz = await openNpz(file, path);
    const { examples, labels } = choose(path, npz, split);
    const array = await npz.read(examples);
    const labelled =
      labels === undefined ? {} : { labels: labelsOf(`${path}: ${labels}`, await npz.read(labels), array) };
    return reported(arrayDataset({ where: `${path}: ${examples}`, name, ...array, ...labelled }));
  } finally {
    await file.close();
  }
}

function choose(
  path: string,
  { names }: Npz,
  split: Split | undefined,
): { examples: string; labels: string | undefined } {
  const find = (wanted: readonly string[]) => wanted.find((name) => names.includes(name));
  const parts = inSplit(split ?? "train");
  const examples = find(parts.examples);
  if (examples !== undefined) return { examples, labels: find(parts.labels) };
  if (split !== undefined)
    throw new ConfigError(`${path}: has no split "${split}"; it has ${names.join(", ") || "no arrays"}.`);
  const whole = find(withoutSplit.examples) ?? (names.length === 1 ? names[0] : undefined);
  if (whole === undefined)
    throw new ConfigError(
      `${path}: which array holds the examples? It has ${names.join(", ") || "none"} (one of ${withoutSplit.examples.join(", ")}).`,
    );
  return { examples: whole, labels: find(withoutSplit.labels) };
}

/** One label an example, as a vector or a column. */
function labelsOf(where: string, { dims, values }: NpyArray, examples: NpyArray): NpyValues {
  if (values.length !== examples.dims[0] || elements(dims) !== dims[0])
    throw new ConfigError(
      `${where}: does not fit: dimensions ${dims.join("×")} (${examples.dims[0]}, one label each).`,
    );
  return values;
}

const batchFile = /^(train_data_batch_\d+|val_data)\.npz$/;

/** Whether a folder holds batches of downsampled ImageNet. */
export const isImagenet = (files: readonly string[]) => files.some((file) => batchFile.test(file));

/**
 * A folder with the batches of downsampled ImageNet (Chrabaszcz et al. 2017): `data`, examples × 3·32·32 or 3·64·64
 * bytes, and `labels` from 1 to 1000, which become 0 to 999. All batches are held in memory.
 */
export async function* imagenetDataset(path: string, split: Split = "train"): Loading {
  const number = (file: string) => Number(/\d+/.exec(file)?.[0] ?? 0);
  const files = (await readdir(path))
    .filter((file) => batchFile.test(file) && file.startsWith(split === "train" ? "train" : "val"))
    .sort((a, b) => number(a) - number(b));
  if (files.length === 0) throw new ConfigError(`${path}: has no split "${split}" (files such as val_data.npz).`);
  const name = `${basename(path)} ${split}`;
  const classes = Array.from({ length: 1000 }, (_, label) => String(label));
  const batches: Dataset[] = [];
  for (const [done, file] of files.entries()) {
    yield { done, total: files.length, what: `reading ${file}` };
    const where = join(path, file);
    const source = await openFile(where);
    try {
      const npz = await openNpz(source, where);
      const data = await npz.read("data");
      const labels = labelsOf(`${where}: labels`, await npz.read("labels"), data);
      const fromZero = Array.from(labels, (label) => label - 1);
      batches.push(arrayDataset({ where, name: file, ...data, labels: fromZero, classes }).dataset);
    } finally {
      await source.close();
    }
  }
  return reported({ dataset: concatenate(name, batches), notes: [] });
}

/** Plain little-endian numbers by the ending of their file. */
const rawTypes: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => NpyValues>> = {
  ".u8": (bytes) => bytes,
  ".f32": (bytes) => new Float32Array(bytes.buffer, 0, bytes.length / 4),
  ".f64": (bytes) => new Float64Array(bytes.buffer, 0, bytes.length / 8),
};

/** The endings of files of plain numbers. */
export const rawEndings = Object.keys(rawTypes);

/**
 * A file of nothing but numbers, one example after the other: bytes (`.u8`), float32 (`.f32`) or float64 (`.f64`), little
 * endian, row-major. `shape` is that of one example.
 */
export async function* rawDataset(path: string, shape: readonly number[] | undefined): Loading {
  const name = basename(path);
  if (!shape) throw new ConfigError(`${path}: needs the option shape, of one example, such as [3, 32, 32].`);
  yield { done: 0, total: 1, what: `reading ${name}` };
  const bytes = await readWhole(path);
  const ending = extname(path).toLowerCase();
  const size = ending === ".u8" ? 1 : Number(ending.slice(2)) / 8;
  const count = bytes.length / size / elements(shape);
  if (!(Number.isInteger(count) && count > 0))
    throw new ConfigError(
      `${path}: ${bytes.length} bytes are not a whole number of examples of [${shape.join(", ")}] in ${size} bytes a number.`,
    );
  return reported(arrayDataset({ where: path, name, dims: [count, ...shape], values: rawTypes[ending](bytes) }));
}
