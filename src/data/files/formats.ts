/** Files and folders by what they hold: which of them is read how. */
import { readdir } from "node:fs/promises";
import { extname } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { imageArchive } from "./archive.ts";
import { imagenetDataset, isImagenet, npyDataset, npzDataset, rawDataset, rawEndings } from "./array-files.ts";
import { storeEnding } from "./cache.ts";
import { cifarFile, cifarFolder, isCifar } from "./cifar.ts";
import { isPythonCifar, pythonCifar } from "./cifar-python.ts";
import { imageFolder } from "./folder.ts";
import { idxDataset } from "./idx-dataset.ts";
import type { Loading } from "./loading.ts";
import { imageTable, isParquet } from "./parquet.ts";
import { pointTable } from "./point-table.ts";
import { framed, type Request, type Understands } from "./request.ts";
import { isStore, storedDataset, storedSplit } from "./stored.ts";

/** A way of keeping data on disk. */
export interface Format extends Understands {
  readonly summary: string;
  load(path: string, request: Request): Loading;
}

/** A format of files, known by their endings; of all others, if it has none. */
interface FileFormat extends Format {
  readonly endings: readonly string[];
}

/** A format of folders, known by the names in it. */
interface FolderFormat extends Format {
  matches(files: readonly string[]): boolean;
}

const imageOptions = ["size", "channels", "split"] as const;
const fileOptions = [...imageOptions, "crop", "filter"] as const;
const imageLabels = ["folder", "prefix", "json", "csv"] as const;

/** All formats of files. */
export const fileFormats: Readonly<Record<string, FileFormat>> = {
  zip: {
    summary: "a zip archive of images",
    endings: [".zip"],
    options: fileOptions,
    labels: imageLabels,
    load: imageArchive,
  },
  parquet: {
    summary: "a Parquet table with a column of images",
    endings: [".parquet"],
    options: fileOptions,
    labels: ["coarse", "fine"],
    load: imageTable,
  },
  npz: {
    summary: "NumPy arrays of images or vectors, and of labels",
    endings: [".npz"],
    options: imageOptions,
    load: (path, request) => framed(npzDataset(path, request.split), request),
  },
  npy: {
    summary: "a NumPy array of images or vectors",
    endings: [".npy"],
    options: ["size", "channels"],
    load: (path, request) => framed(npyDataset(path), request),
  },
  table: {
    summary: "points as comma- or tab-separated numbers",
    endings: [".csv", ".tsv"],
    options: [],
    load: pointTable,
  },
  cifar: {
    summary: "one of CIFAR's binary files",
    endings: [".bin"],
    options: ["size", "channels"],
    labels: ["coarse", "fine"],
    load: (path, request) => framed(cifarFile(path, request.labels), request),
  },
  store: {
    summary: "a data set as ornstein data build writes it",
    endings: [storeEnding],
    options: ["size", "channels"],
    load: (path, request) => framed(storedDataset(path), request),
  },
  raw: {
    summary: "plain bytes or little-endian floats, of a given shape",
    endings: rawEndings,
    options: ["size", "channels", "shape"],
    load: (path, request) => framed(rawDataset(path, request.shape), request),
  },
  idx: {
    summary: "an IDX file of images or vectors, gzipped or not",
    endings: [],
    options: ["size", "channels"],
    load: (path, request) => framed(idxDataset(path), request),
  },
};

/** All formats of folders; the last is for all that the others are not for. */
export const folderFormats: Readonly<Record<string, FolderFormat>> = {
  cifar: {
    summary: "CIFAR-10 or CIFAR-100 in the binary version",
    matches: isCifar,
    options: imageOptions,
    labels: ["coarse", "fine"],
    load: async function* (path, request) {
      return yield* framed(cifarFolder(path, await readdir(path), request.split, request.labels), request);
    },
  },
  "cifar-python": {
    summary: "CIFAR-10 or CIFAR-100 in the Python version",
    matches: isPythonCifar,
    options: imageOptions,
    labels: ["coarse", "fine"],
    load: async function* (path, request) {
      return yield* framed(pythonCifar(path, await readdir(path), request.split, request.labels), request);
    },
  },
  imagenet: {
    summary: "the .npz batches of downsampled ImageNet",
    matches: isImagenet,
    options: imageOptions,
    load: (path, request) => framed(imagenetDataset(path, request.split), request),
  },
  store: {
    summary: "train.ornstein and test.ornstein, as ornstein data split writes them",
    matches: isStore,
    options: imageOptions,
    load: (path, request) => framed(storedSplit(path, request.split), request),
  },
  parquet: {
    summary: "Parquet tables with a column of images",
    matches: isParquet,
    options: fileOptions,
    labels: ["coarse", "fine"],
    load: imageTable,
  },
  images: {
    summary: "PNG, JPEG, WebP, GIF, TIFF and SVG files",
    matches: () => true,
    options: fileOptions,
    labels: imageLabels,
    load: imageFolder,
  },
};

/** Endings of text and of other files that hold no data, so that they are not taken for IDX files. */
const foreign = [".json", ".jsonl", ".txt", ".md", ".safetensors", ".onnx", ".tar", ".html", ".pdf"];

/** The format of a file. Throws ConfigError for one that is of no format by its ending. */
export function fileFormat(path: string): Format {
  const ending = extname(path).toLowerCase();
  const found = Object.values(fileFormats).find(({ endings }) => endings.includes(ending));
  if (!found && foreign.includes(ending)) {
    const known = Object.values(fileFormats).flatMap(({ endings }) => endings);
    throw new ConfigError(
      `${path}: data are not read from ${ending} files (${known.join(", ")}, IDX files and folders are).`,
    );
  }
  return found ?? fileFormats.idx;
}

/** The format of a folder, by the names of what is in it and in its sub-folder `data`. */
export async function folderFormat(path: string): Promise<Format> {
  const names = await readdir(path);
  const inside = names.includes("data") ? await readdir(`${path}/data`).catch(() => []) : [];
  const found = Object.values(folderFormats).find(
    ({ matches }) => matches(names) || matches(inside.filter((name) => name.endsWith(".parquet"))),
  );
  return found ?? folderFormats.images;
}
