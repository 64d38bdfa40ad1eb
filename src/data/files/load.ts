/** Data by name or path: the one place that knows what a source string means. */
import { stat } from "node:fs/promises";
import { ConfigError, unknownName } from "../../errors/index.ts";
import { stream } from "../../random/index.ts";
import { type Dataset, subset } from "../dataset.ts";
import { type PointsName, points, pointsNames } from "../points.ts";
import { emoji } from "./emoji.ts";
import { fileFormat, folderFormat } from "./formats.ts";
import { fashionMnist, mnist, type Split } from "./idx-dataset.ts";
import type { Loading } from "./loading.ts";
import {
  checked,
  checkUnderstood,
  framed,
  type LoadOptions,
  type Request,
  sizeOf,
  type Understands,
} from "./request.ts";

/** A kind of source: how its name may go on after a colon, and how it is loaded. */
interface Source extends Understands {
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
    options: ["size", "channels", "split"],
    load: (variant, request) => framed(mnist(splitOf("mnist", variant, request)), request),
  },
  "fashion-mnist": {
    summary: "pieces of clothing, 28×28 grey, 10 classes, 60,000 to train and 10,000 to test",
    variant: "train|test",
    options: ["size", "channels", "split"],
    load: (variant, request) => framed(fashionMnist(splitOf("fashion-mnist", variant, request)), request),
  },
  emoji: {
    summary: "3,720 colour pictures on white, any size, 9 classes",
    variant: "SIZE",
    options: ["size", "channels"],
    load: (variant, request) => {
      if (variant !== undefined && request.size)
        throw new ConfigError(`emoji:${variant}: the size is given twice: ${request.size.join("×")} too (once).`);
      const [height, width] =
        variant === undefined ? (request.size ?? [32, 32]) : sizeOf(`emoji:${variant}`, Number(variant));
      const { channels = 3, cache } = request;
      if (channels !== 1 && channels !== 3 && channels !== 4)
        throw new ConfigError(`emoji: channels: got ${channels} (1 grey, 3 colour, 4 colour and opacity).`);
      return emoji({ height, width, channels }, cache);
    },
  },
  points: {
    summary: "a distribution in the plane",
    variant: pointsNames.join("|"),
    options: ["split"],
    load: async function* (variant, request) {
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
 * Loads a data set: a name (`mnist`, `mnist:test`, `fashion-mnist`, `emoji`, `emoji:64`, `points:moons`), or a
 * file or folder of any format in `fileFormats` and `folderFormats`. Yields progress and returns the data set. A name comes before a file of that name; write
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
    checkUnderstood(name, request, sources[name]);
    return sources[name].load(variant, request);
  }
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory() || found?.isFile()) {
    const format = found.isFile() ? fileFormat(source) : await folderFormat(source);
    checkUnderstood(source, request, format);
    return format.load(source, request);
  }
  if (/[/\\.]/.test(source)) throw new ConfigError(`${source}: there is no such file or folder.`);
  throw unknownName("data", source, [...Object.keys(sources), "a file", "a folder"]);
}

function splitOf(name: string, variant: string | undefined, { split }: Request): Split {
  if (variant !== undefined && variant !== "train" && variant !== "test")
    throw unknownName(`${name}:`, variant, ["train", "test"]);
  if (variant !== undefined && split !== undefined && variant !== split)
    throw new ConfigError(`${name}:${variant}: the split is given twice: "${split}" too (once).`);
  return variant ?? split ?? "train";
}

function unlabelled({ name, size, shape, read }: Dataset): Dataset {
  return { name, size, shape, read };
}
