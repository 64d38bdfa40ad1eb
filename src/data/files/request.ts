/** What a person may ask of a data set, and what a source says to it. */
import { ConfigError, unknownName } from "../../errors/index.ts";
import type { Dataset } from "../dataset.ts";
import { grayToColor, pad } from "../reshape.ts";
import { cacheFolder } from "./cache.ts";
import { type Crop, crops, type Filter, filters } from "./framing.ts";
import type { Split } from "./idx-dataset.ts";
import { type LabelSource, labelSources } from "./labels.ts";
import type { Loading } from "./loading.ts";

/** What may be asked of a data set. What makes no sense for the source is a ConfigError, never passed over. */
export interface LoadOptions {
  /**
   * Side of square images, or [height, width]. Image files and emoji are resized to it; images that come as arrays are
   * framed in black, never resampled. The default is 32 for emoji, and the images' own size else where possible.
   */
  readonly size?: number | readonly [number, number];
  /** 1 grey, 3 colour; of image files 2 and 4 are these with opacity; of arrays as many as they have. As the data is, by default. */
  readonly channels?: number;
  /**
   * What becomes of image files of other proportions: cut in the middle ("centre", the default); full width, with black
   * above and below ("wide"); or as Dhariwal & Nichol (2021) do, halved by averages, then cubic, then cut ("adm").
   */
  readonly crop?: Crop;
  /** By which filter image files are resized: lanczos3 by default, the sharpest; cubic for the crop adm. */
  readonly filter?: Filter;
  /** The part of the data; "train" by default, where there are two. */
  readonly split?: Split;
  /** Where labels come from, where there is a choice; "none" drops the labels of any data. */
  readonly labels?: LabelSource;
  /** Of one example, for files of plain numbers. */
  readonly shape?: readonly number[];
  /** At most this many examples, chosen at random; of points, how many are drawn (10,000 by default). */
  readonly examples?: number;
  /** Keys the choice of examples and the drawing of points. */
  readonly seed?: number;
  /** Where decoded images are kept; the user's cache folder by default. */
  readonly cache?: string;
}

/** Options with sizes checked and spelled out. */
export interface Request extends Omit<LoadOptions, "size"> {
  readonly size?: readonly [number, number];
  readonly cache: string;
}

const choices = ["size", "channels", "split", "shape", "crop", "filter"] as const;
/** More channels than that are no image. */
const mostChannels = 16;

/** What a source understands, besides `examples`, `seed`, `cache` and no labels. */
export interface Understands {
  readonly options: readonly (typeof choices)[number][];
  /** Places that labels may come from, where there is a choice. */
  readonly labels?: readonly LabelSource[];
}

/** The options of a source, checked by themselves. */
export function checked(source: string, { size, ...options }: LoadOptions): Request {
  const { channels, split, labels, shape, examples, crop, filter, cache = cacheFolder() } = options;
  if (channels !== undefined && !(Number.isInteger(channels) && channels >= 1 && channels <= mostChannels))
    throw new ConfigError(`${source}: channels: must be a whole number from 1 to ${mostChannels}; got ${channels}.`);
  oneOf(`${source}: crop`, crop, crops);
  oneOf(`${source}: filter`, filter, filters);
  oneOf(`${source}: split`, split, ["train", "test"]);
  oneOf(`${source}: labels`, labels, labelSources);
  if (examples !== undefined && !(Number.isInteger(examples) && examples >= 1))
    throw new ConfigError(`${source}: examples must be a whole number, at least 1; got ${examples}.`);
  if (shape !== undefined && !(shape.length > 0 && shape.every((length) => Number.isInteger(length) && length > 0)))
    throw new ConfigError(`${source}: shape must be positive whole numbers; got [${shape.join(", ")}].`);
  return { ...options, cache, ...(size !== undefined && { size: sizeOf(`${source}: size`, size) }) };
}

/** Throws if an option was given that the source has nothing to do with. */
export function checkUnderstood(source: string, request: Request, { options, labels = [] }: Understands): void {
  for (const name of choices)
    if (request[name] !== undefined && !options.includes(name)) throw foreign(source, name, request[name]);
  if (request.labels === undefined || request.labels === "none" || labels.includes(request.labels)) return;
  if (labels.length === 0) throw foreign(source, "labels", request.labels);
  throw unknownName(`${source}: labels`, request.labels, [...labels, "none"]);
}

const foreign = (source: string, name: string, value: unknown) =>
  new ConfigError(`${source}: has no option ${name}; got ${JSON.stringify(value)}.`);

function oneOf(where: string, value: unknown, choices: readonly unknown[]): void {
  if (value !== undefined && !choices.includes(value)) throw unknownName(where, value, choices.map(String));
}

/** One number or two as [height, width]. */
export function sizeOf(where: string, size: number | readonly [number, number]): readonly [number, number] {
  const both = typeof size === "number" ? [size, size] : size;
  const [height, width] = both;
  if (!(both.length === 2 && both.every((side) => Number.isInteger(side) && side >= 1 && side <= 4096)))
    throw new ConfigError(`${where}: must be one or two whole numbers from 1 to 4096; got ${both.join("×")}.`);
  return [height, width];
}

/** Brings images to the requested size and channels without resampling. */
export async function* framed(loading: Loading, { size, channels }: Request): Loading {
  const { report, ...dataset } = yield* loading;
  const padded: Dataset = size ? pad(dataset, size[0], size[1]) : dataset;
  if (channels === undefined || channels === padded.shape[0]) return { ...padded, report };
  if (padded.shape[0] !== 1 || channels !== 3)
    throw new ConfigError(
      `${dataset.name}: channels: got ${channels} (the array has ${padded.shape[0]}${padded.shape[0] === 1 ? ", and can give 3" : ""}).`,
    );
  return { ...grayToColor(padded), report };
}
