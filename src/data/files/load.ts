/** Data by name or path: the one place that knows what a source string means. */
import { stat } from "node:fs/promises";
import { ConfigError, unknownName } from "../../errors/index.ts";
import { stream } from "../../random/index.ts";
import { type Dataset, subset } from "../dataset.ts";
import { type PointsName, points, pointsNames } from "../points.ts";
import { grayToColor, pad } from "../reshape.ts";
import { cacheFolder } from "./cache.ts";
import { emoji } from "./emoji.ts";
import { type FolderLabels, imageFolder } from "./folder.ts";
import { fashionMnist, idxDataset, mnist, type Split } from "./idx-dataset.ts";
import type { Loading } from "./loading.ts";

/** What may be asked of a data set. What makes no sense for the source is a ConfigError, never passed over. */
export interface LoadOptions {
  /**
   * Side of square images, or [height, width]. Folders and emoji are resized to it; MNIST and IDX images are framed in
   * black, never resampled. The default is 32 for emoji, and the images' own size else where possible.
   */
  readonly size?: number | readonly [number, number];
  /** 1 grey, 3 colour; as the data is, by default. */
  readonly channels?: 1 | 3;
  /** The part of the data; "train" by default, where there are two. */
  readonly split?: Split;
  /** Where labels come from in folders; "none" drops the labels of any data. */
  readonly labels?: FolderLabels;
  /** At most this many examples, chosen at random; of points, how many are drawn (10,000 by default). */
  readonly examples?: number;
  /** Keys the choice of examples and the drawing of points. */
  readonly seed?: number;
  /** Where decoded images are kept; the user's cache folder by default. */
  readonly cache?: string;
}

/** Options with sizes checked and spelled out. */
interface Request extends Omit<LoadOptions, "size"> {
  readonly size?: readonly [number, number];
  readonly cache: string;
}

/** A kind of source: how its name may go on after a colon, and how it is loaded. */
interface Source {
  readonly summary: string;
  /** What may follow the colon. */
  readonly variant: string;
  load(variant: string | undefined, request: Request): Loading;
}

/** Every source with a name. */
export const sources: Readonly<Record<string, Source>> = {
  mnist: {
    summary: "handwritten digits, 28×28 grey, 10 classes, 60,000 to train and 10,000 to test",
    variant: "train|test",
    load: (variant, request) => framed(mnist(splitOf("mnist", variant, request)), request),
  },
  "fashion-mnist": {
    summary: "pieces of clothing, 28×28 grey, 10 classes, 60,000 to train and 10,000 to test",
    variant: "train|test",
    load: (variant, request) => framed(fashionMnist(splitOf("fashion-mnist", variant, request)), request),
  },
  emoji: {
    summary: "3,720 colour pictures on white, any size, 9 classes",
    variant: "SIZE",
    load: (variant, request) => {
      refuse("emoji", request, ["split"]);
      if (variant !== undefined && request.size)
        throw new ConfigError(`emoji:${variant}: the size is given twice: ${request.size.join("×")} too (once).`);
      const [height, width] =
        variant === undefined ? (request.size ?? [32, 32]) : sizeOf(`emoji:${variant}`, Number(variant));
      return emoji({ height, width, channels: request.channels ?? 3 }, request.cache);
    },
  },
  points: {
    summary: "a distribution in the plane",
    variant: pointsNames.join("|"),
    load: async function* (variant, request) {
      refuse("points", request, ["size", "channels"]);
      if (variant === undefined || !(pointsNames as readonly string[]).includes(variant))
        throw unknownName("points:", variant ?? "", pointsNames);
      const { examples, seed, split } = request;
      yield { done: 0, total: 1, what: "drawing points" };
      const drawn = points(variant as PointsName, {
        ...(examples !== undefined && { size: examples }),
        ...(seed !== undefined && { seed }),
        ...(split && { split }),
      });
      return { ...drawn, report: { notes: [], skipped: [] } };
    },
  },
};

/**
 * Loads a data set: a name (`mnist`, `mnist:test`, `fashion-mnist`, `emoji`, `emoji:64`, `points:moons`), a folder of
 * images, or an IDX file. Yields progress and returns the data set. A name comes before a file of that name; write
 * `./mnist` for the file. Unknown names, and data that is missing, empty or damaged, are ConfigErrors.
 */
export async function* loadDataset(source: string, options: LoadOptions = {}): Loading {
  const request = checked(source, options);
  const { report, ...whole } = yield* await open(source, request);
  const { labels, examples, seed = 0 } = request;
  const some: Dataset =
    examples === undefined || examples >= whole.size
      ? whole
      : subset(whole, stream(seed, "subset").permutation(whole.size).subarray(0, examples).sort(), whole.name);
  return { ...(labels === "none" ? unlabelled(some) : some), report };
}

async function open(source: string, request: Request): Promise<Loading> {
  const colon = source.indexOf(":");
  const name = colon < 0 ? source : source.slice(0, colon);
  const variant = colon < 0 ? undefined : source.slice(colon + 1);
  if (Object.hasOwn(sources, name)) {
    if (request.labels && request.labels !== "none") refuse(name, request, ["labels"]);
    return sources[name].load(variant, request);
  }
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) return imageFolder(source, request);
  if (found?.isFile()) {
    refuse(source, request, ["split", ...(request.labels === "none" ? [] : (["labels"] as const))]);
    return framed(idxDataset(source), request);
  }
  if (/[/\\.]/.test(source)) throw new ConfigError(`${source}: there is no such file or folder.`);
  throw unknownName("data", source, [...Object.keys(sources), "a folder of images", "an IDX file"]);
}

function checked(source: string, { size, ...options }: LoadOptions): Request {
  const { channels, split, labels, examples, cache = cacheFolder() } = options;
  oneOf(`${source}: channels`, channels, [1, 3]);
  oneOf(`${source}: split`, split, ["train", "test"]);
  oneOf(`${source}: labels`, labels, ["folder", "prefix", "none"]);
  if (examples !== undefined && !(Number.isInteger(examples) && examples >= 1))
    throw new ConfigError(`${source}: examples must be a whole number, at least 1; got ${examples}.`);
  return { ...options, cache, ...(size !== undefined && { size: sizeOf(`${source}: size`, size) }) };
}

function oneOf(where: string, value: unknown, choices: readonly unknown[]): void {
  if (value !== undefined && !choices.includes(value)) throw unknownName(where, value, choices.map(String));
}

/** One number or two as [height, width]. */
function sizeOf(where: string, size: number | readonly [number, number]): readonly [number, number] {
  const both = typeof size === "number" ? [size, size] : size;
  const [height, width] = both;
  if (!(both.length === 2 && both.every((side) => Number.isInteger(side) && side >= 1 && side <= 4096)))
    throw new ConfigError(`${where}: must be one or two whole numbers from 1 to 4096; got ${both.join("×")}.`);
  return [height, width];
}

function splitOf(name: string, variant: string | undefined, { split }: Request): Split {
  if (variant !== undefined && variant !== "train" && variant !== "test")
    throw unknownName(`${name}:`, variant, ["train", "test"]);
  if (variant !== undefined && split !== undefined && variant !== split)
    throw new ConfigError(`${name}:${variant}: the split is given twice: "${split}" too (once).`);
  return variant ?? split ?? "train";
}

/** Throws if one of these options was given, because the source has nothing to do with it. */
function refuse(source: string, request: Request, names: readonly (keyof LoadOptions)[]): void {
  for (const name of names)
    if (request[name] !== undefined)
      throw new ConfigError(`${source}: has no option ${name}; got ${JSON.stringify(request[name])}.`);
}

/** Brings images to the requested size and channels without resampling. */
async function* framed(loading: Loading, { size, channels }: Request): Loading {
  const { report, ...dataset } = yield* loading;
  const padded: Dataset = size ? pad(dataset, size[0], size[1]) : dataset;
  if (channels === undefined || channels === padded.shape[0]) return { ...padded, report };
  if (channels === 1) throw new ConfigError(`${dataset.name}: is in colour; cannot give channels 1.`);
  return { ...grayToColor(padded), report };
}

function unlabelled({ name, size, shape, read }: Dataset): Dataset {
  return { name, size, shape, read };
}
