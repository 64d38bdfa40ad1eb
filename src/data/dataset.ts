/** What a set of examples is, and the sets that live in memory. */
import { ConfigError } from "../errors/index.ts";
import { pixelConventions } from "./pixels.ts";

/** Examples that can be read by index, as float32; images in [−1, 1], channels first. */
export interface Dataset {
  /** A few words for a person, such as "mnist train". */
  readonly name: string;
  /** How many examples there are; at least one. */
  readonly size: number;
  /** Of one example: [channels, height, width] for images, [dims] for points. */
  readonly shape: readonly number[];
  /** Class names in label order; absent for unlabelled data. */
  readonly classes?: readonly string[];
  /** The label of an example, an index into `classes`; there exactly when `classes` is. */
  label?(index: number): number;
  /** Writes example `index` into `out` from `offset` on. */
  read(index: number, out: Float32Array, offset: number): void;
}

/** Labels that come with an in-memory set. */
export interface Labels {
  /** The label of each example: a whole number below the number of classes. */
  readonly labels: ArrayLike<number>;
  /** Class names in label order; the numbers 0, 1, … up to the highest label if left out. */
  readonly classes?: readonly string[];
}

/** How many numbers one example has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** One example in an array of its own. */
export function example(dataset: Dataset, index: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(elements(dataset.shape));
  dataset.read(index, out, 0);
  return out;
}

/** What `imagesFromBytes` takes. */
export interface ImageBytes extends Partial<Labels> {
  readonly name: string;
  /** All images, one after the other, each channel by channel: NCHW. Kept, not copied. */
  readonly pixels: Uint8Array;
  /** [channels, height, width]. */
  readonly shape: readonly [number, number, number];
}

/** A set of images held in memory as bytes; reading one maps byte b to b/127.5 − 1. */
export function imagesFromBytes({ name, pixels, shape, ...labelled }: ImageBytes): Dataset {
  const stride = elements(shape);
  const size = count(name, pixels.length, shape);
  const floats = Float32Array.from({ length: 256 }, (_, byte) => pixelConventions.edm.toFloat(byte));
  return {
    name,
    size,
    shape,
    ...labelsOf(name, size, labelled),
    read(index, out, offset) {
      inRange(name, index, size);
      const start = index * stride;
      for (let i = 0; i < stride; i++) out[offset + i] = floats[pixels[start + i]];
    },
  };
}

/** What `datasetFromArray` takes. */
export interface ArrayExamples extends Partial<Labels> {
  readonly name: string;
  /** All examples, one after the other. Kept, not copied. */
  readonly values: Float32Array | Float64Array;
  /** Of one example. */
  readonly shape: readonly number[];
}

/** A set of examples held in memory as numbers, which are read as they are. */
export function datasetFromArray({ name, values, shape, ...labelled }: ArrayExamples): Dataset {
  const stride = elements(shape);
  const size = count(name, values.length, shape);
  return {
    name,
    size,
    shape,
    ...labelsOf(name, size, labelled),
    read(index, out, offset) {
      inRange(name, index, size);
      out.set(values.subarray(index * stride, (index + 1) * stride), offset);
    },
  };
}

/** The examples of the given indices, in that order; an index may come more than once. */
export function subset(dataset: Dataset, indices: ArrayLike<number>, name = `${dataset.name} subset`): Dataset {
  if (indices.length === 0) throw new ConfigError(`${name}: has no examples (at least one).`);
  const chosen = Float64Array.from(indices);
  for (const index of chosen) inRange(name, index, dataset.size);
  const at = (index: number) => {
    inRange(name, index, chosen.length);
    return chosen[index];
  };
  const { label } = dataset;
  return {
    name,
    size: chosen.length,
    shape: dataset.shape,
    ...(dataset.classes && label ? { classes: dataset.classes, label: (i) => label.call(dataset, at(i)) } : {}),
    read: (index, out, offset) => dataset.read(at(index), out, offset),
  };
}

/** The number of examples that `length` numbers hold. */
function count(name: string, length: number, shape: readonly number[]): number {
  if (!(shape.length > 0 && shape.every((size) => Number.isSafeInteger(size) && size > 0)))
    throw new ConfigError(`${name}: shape must be positive whole numbers; got [${shape.join(", ")}].`);
  const size = length / elements(shape);
  if (!(Number.isInteger(size) && size > 0))
    throw new ConfigError(`${name}: ${length} numbers are not a whole number of examples of [${shape.join(", ")}].`);
  return size;
}

function labelsOf(
  name: string,
  size: number,
  { labels, classes }: Partial<Labels>,
): Pick<Dataset, "classes" | "label"> {
  if (!labels) {
    if (classes) throw new ConfigError(`${name}: has ${classes.length} classes but no labels.`);
    return {};
  }
  if (labels.length !== size)
    throw new ConfigError(`${name}: has ${labels.length} labels for ${size} examples (one each).`);
  let highest = -1;
  for (let i = 0; i < size; i++) {
    const label = labels[i];
    if (!(Number.isInteger(label) && label >= 0 && label < (classes?.length ?? 65_536)))
      throw new ConfigError(
        `${name}: label of example ${i}: got ${label} (a whole number below ${classes?.length ?? 65_536}).`,
      );
    highest = Math.max(highest, label);
  }
  const names = classes ?? Array.from({ length: highest + 1 }, (_, i) => String(i));
  return {
    classes: names,
    label(index) {
      inRange(name, index, size);
      return labels[index];
    },
  };
}

function inRange(name: string, index: number, size: number): void {
  if (!(Number.isInteger(index) && index >= 0 && index < size))
    throw new RangeError(`${name}: no example ${index} (0 to ${size - 1}).`);
}
