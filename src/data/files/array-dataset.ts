/** Arrays of numbers as data sets: images or vectors, told apart by their type and dimensions. */
import { ConfigError } from "../../errors/index.ts";
import { type Dataset, datasetFromArray, elements, imagesFromBytes, type Labels } from "../dataset.ts";
import type { LoadedDataset } from "./loading.ts";
import type { NpyValues } from "./npy.ts";

/** What `arrayDataset` takes. */
export interface ArrayDataset extends Partial<Labels> {
  /** Names the array in errors. */
  readonly where: string;
  readonly name: string;
  /** The first counts the examples. */
  readonly dims: readonly number[];
  readonly values: NpyValues;
}

/** A data set, and sentences for its report. */
export interface Described {
  readonly dataset: Dataset;
  readonly notes: readonly string[];
}

/**
 * Examples × height × width bytes are grey images; with a dimension of at most 16 before or after those, images with so
 * many channels; examples × n bytes are images too where n is a square or three. Numbers of any other type are taken as
 * they are: vectors, or images with their channels first or last. Which it is: where either is 1 or 3, that; where the
 * other two are equal, those are the sides; else the smaller. Numbers of three dimensions are grey images, but where one
 * of the sides is at most 16 and the other four times as long or longer, signals of so many channels: vectors, one channel
 * after the other.
 */
export function arrayDataset({ where, name, dims, values, ...labelled }: ArrayDataset): Described {
  if (dims.length > 0 && dims[0] === 0)
    throw new ConfigError(`${where}: holds no examples: dimensions ${dims.join("×")}.`);
  if (values instanceof Uint8Array) {
    const images = imagesOf(dims, values);
    if (images) return { dataset: imagesFromBytes({ name, ...images, ...labelled }), notes: [] };
  } else if (dims.length >= 2 && dims.length <= 4 && elements(dims) > 0) {
    const { shape, values: ordered, note } = numbersOf(dims, values);
    const floats =
      ordered instanceof Float32Array || ordered instanceof Float64Array ? ordered : Float32Array.from(ordered);
    const notes = [...(note ? [note] : []), ...(shape.length === 3 ? rangeNotes(floats) : [])];
    return { dataset: datasetFromArray({ name, values: floats, shape, ...labelled }), notes };
  }
  const kind = values instanceof Uint8Array ? "unsigned bytes" : "numbers";
  throw new ConfigError(
    `${where}: is no data set: ${dims.join("×")} ${kind} (examples × height × width unsigned bytes, those with 1 to 16 channels, or examples × dims numbers).`,
  );
}

/** The data set with its sentences as a report. */
export function reported({ dataset, notes }: Described): LoadedDataset {
  return { ...dataset, report: { notes, skipped: [] } };
}

type ImageShape = readonly [number, number, number];

/** Bytes as NCHW images, if that is what they are. */
function imagesOf(dims: readonly number[], bytes: Uint8Array): { pixels: Uint8Array; shape: ImageShape } | undefined {
  const [n, a, b, c] = dims;
  if (dims.length === 2) {
    const channels = [3, 1].find((count) => Number.isInteger(Math.sqrt(a / count)) && a > 0);
    if (channels === undefined) return undefined;
    const side = Math.sqrt(a / channels);
    return { pixels: bytes, shape: [channels, side, side] };
  }
  if (dims.length === 3) return { pixels: bytes, shape: [1, a, b] };
  if (dims.length !== 4) return undefined;
  if (Math.min(a, c) > mostChannels) return undefined;
  if (!channelsLast(a, b, c)) return { pixels: bytes, shape: [a, b, c] };
  return { pixels: channelsFirst(bytes, new Uint8Array(bytes.length), n, a * b, c), shape: [c, a, b] };
}

/** Numbers with channels first, and what to say about them. */
interface Ordered {
  readonly shape: readonly number[];
  readonly values: Exclude<NpyValues, Uint8Array>;
  readonly note?: string;
}

function numbersOf(dims: readonly number[], values: Ordered["values"]): Ordered {
  const [n, a, b, c] = dims;
  if (dims.length === 2) return { shape: [a], values };
  if (dims.length === 3) {
    const [channels, length] = [Math.min(a, b), Math.max(a, b)];
    if (channels > mostChannels || length < leastRatio * channels) return { shape: [1, a, b], values };
    return {
      shape: [channels * length],
      values: channels === a ? values : channelsFirst(values, Float32Array.from(values), n, length, channels),
      note:
        `Taken for signals of ${channels} ${channels === 1 ? "channel" : "channels"} and ${length} steps, one channel after ` +
        `the other; images have four dimensions: ${n}×1×${a}×${b}.`,
    };
  }
  if (!channelsLast(a, b, c)) return { shape: [a, b, c], values };
  return { shape: [c, a, b], values: channelsFirst(values, Float32Array.from(values), n, a * b, c) };
}

const mostChannels = 16;
/** Of a signal's steps to its channels. */
const leastRatio = 4;

/** Whether a × b × c is height × width × channels, rather than channels × height × width. */
function channelsLast(a: number, b: number, c: number): boolean {
  if (a === 1 || a === 3) return false;
  if (c === 1 || c === 3) return true;
  if (c > mostChannels) return false;
  if (b === c) return false;
  return a === b || c < a;
}

/** NHWC as NCHW. */
function channelsFirst<T extends NpyValues>(from: NpyValues, to: T, n: number, plane: number, channels: number): T {
  if (channels === 1) to.set(from);
  else
    for (let image = 0; image < n; image++)
      for (let k = 0; k < plane; k++)
        for (let c = 0; c < channels; c++)
          to[(image * channels + c) * plane + k] = from[(image * plane + k) * channels + c];
  return to;
}

/** Images are made for networks that expect [−1, 1]; others are no error, but seldom meant. */
function rangeNotes(values: Float32Array | Float64Array): string[] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low >= -1.001 && low < -0.001 && high <= 1.001) return [];
  return [`Values run from ${low} to ${high} and are taken as they are; images should fill [−1, 1].`];
}
