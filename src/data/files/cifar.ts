/** CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in their binary version. */
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { imagesFromBytes } from "../dataset.ts";
import { readWhole } from "./byte-source.ts";
import type { Split } from "./idx-dataset.ts";
import type { LabelSource } from "./labels.ts";
import type { Loading } from "./loading.ts";

const side = 32;
const pixelBytes = 3 * side * side;

interface Version {
  readonly name: string;
  /** Labels in front of the pixels, a byte each, and the files that name their classes. */
  readonly labels: readonly { readonly kind: "coarse" | "fine"; readonly count: number; readonly names: string }[];
  readonly files: { readonly [S in Split]: readonly string[] };
}

const versions: readonly Version[] = [
  {
    name: "cifar-10",
    labels: [{ kind: "fine", count: 10, names: "batches.meta.txt" }],
    files: { train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), test: ["test_batch.bin"] },
  },
  {
    name: "cifar-100",
    labels: [
      { kind: "coarse", count: 20, names: "coarse_label_names.txt" },
      { kind: "fine", count: 100, names: "fine_label_names.txt" },
    ],
    files: { train: ["train.bin"], test: ["test.bin"] },
  },
];

const versionOf = (files: readonly string[]) =>
  versions.find((version) =>
    Object.values(version.files)
      .flat()
      .some((file) => files.includes(file)),
  );

/** Whether a folder holds CIFAR's binary files. */
export const isCifar = (files: readonly string[]) => versionOf(files) !== undefined;

/** A folder with CIFAR's binary files, as they come out of its archive: 32×32 colour images with labels. */
export async function* cifarFolder(
  path: string,
  files: readonly string[],
  split: Split = "train",
  labels?: LabelSource,
): Loading {
  const version = versionOf(files) ?? versions[0];
  const wanted = version.files[split].filter((file) => files.includes(file));
  if (wanted.length === 0)
    throw new ConfigError(`${path}: has no split "${split}" (${version.files[split].join(", ")}).`);
  const missing = version.files[split].filter((file) => !files.includes(file));
  const loading = cifarFiles(
    `${version.name} ${split}`,
    wanted.map((file) => join(path, file)),
    version,
    labels,
  );
  const loaded = yield* loading;
  return missing.length === 0
    ? loaded
    : { ...loaded, report: { notes: [`Without ${missing.join(", ")}, which is missing.`], skipped: [] } };
}

/** One of CIFAR's binary files; which of the two versions it is of shows in its name, else in its length. */
export async function* cifarFile(path: string, labels?: LabelSource): Loading {
  const name = basename(path);
  const { size } = await stat(path);
  const version =
    versionOf([name]) ??
    versions.find((one) => size > 0 && size % (one.labels.length + pixelBytes) === 0) ??
    versions[0];
  return yield* cifarFiles(name, [path], version, labels);
}

async function* cifarFiles(name: string, paths: readonly string[], version: Version, from?: LabelSource): Loading {
  const record = version.labels.length + pixelBytes;
  const at = version.labels.findIndex(({ kind }) => kind === (from === undefined || from === "none" ? "fine" : from));
  if (at < 0)
    throw new ConfigError(
      `${name}: labels must be one of ${version.labels.map(({ kind }) => kind).join(", ")}, none; got "${from}".`,
    );
  const contents: Uint8Array[] = [];
  for (const [done, path] of paths.entries()) {
    yield { done, total: paths.length, what: `reading ${basename(path)}` };
    const bytes = await readWhole(path);
    if (bytes.length === 0 || bytes.length % record !== 0)
      throw new ConfigError(
        `${path}: is no CIFAR file, or cut short: ${bytes.length} bytes (a multiple of ${record}: ${version.labels.length} of labels, ${pixelBytes} of pixels).`,
      );
    contents.push(bytes);
  }

  const size = contents.reduce((sum, bytes) => sum + bytes.length / record, 0);
  const pixels = new Uint8Array(size * pixelBytes);
  const labels = new Uint8Array(size);
  let example = 0;
  for (const bytes of contents)
    for (let start = 0; start < bytes.length; start += record) {
      labels[example] = bytes[start + at];
      pixels.set(bytes.subarray(start + version.labels.length, start + record), example * pixelBytes);
      example++;
    }
  const { count, names } = version.labels[at];
  const classes = await classesIn(join(dirname(paths[0]), names), count);
  return {
    ...imagesFromBytes({ name, pixels, shape: [3, side, side], labels, classes }),
    report: { notes: [], skipped: [] },
  };
}

/** The classes' names, a line each; numbers if there is no such file. */
async function classesIn(path: string, count: number): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.length === count ? lines : Array.from({ length: count }, (_, label) => String(label));
}
