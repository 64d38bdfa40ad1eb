/** What is judged: images as bytes, because that is what is saved, shown and compared; points as they are. */
import { type Dataset, elements, type PixelConvention, toBytes } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";

/** Examples of one shape, one after the other. */
export interface Examples {
  /** Of one: [channels, height, width], or [dims]. */
  readonly shape: readonly number[];
  readonly count: number;
  /** `[count, …shape]`: bytes of images, numbers of points. */
  readonly data: Uint8Array | Float32Array;
}

/** Examples that are images. */
export interface Images extends Examples {
  readonly shape: readonly [number, number, number];
  readonly data: Uint8Array;
}

/** Whether examples are images. */
export const areImages = (examples: Examples): examples is Images => examples.data instanceof Uint8Array;

/** The shape of images; throws for points. */
export function imageShape(where: string, shape: readonly number[]): readonly [number, number, number] {
  const [channels, height, width] = shape;
  if (shape.length !== 3) throw new ConfigError(`${where}: takes images; got examples of shape [${shape.join(", ")}].`);
  return [channels, height, width];
}

/** Samples, flat, as examples: images, in [−1, 1], are rounded by the convention. */
export function examplesOf(
  samples: ArrayLike<number>,
  shape: readonly number[],
  convention: PixelConvention = "edm",
): Examples {
  const data = shape.length === 3 ? toBytes(samples, convention) : Float32Array.from(samples);
  return { shape, count: samples.length / elements(shape), data };
}

/** Some rows of a data set as examples. */
export function examplesAt(dataset: Dataset, indices: ArrayLike<number>): Examples {
  const stride = elements(dataset.shape);
  const values = new Float32Array(indices.length * stride);
  for (let i = 0; i < indices.length; i++) dataset.read(indices[i], values, i * stride);
  return examplesOf(values, dataset.shape);
}

/** Examples `start` to `end − 1`, without copying. */
export function sliceExamples<E extends Examples>({ shape, data }: E, start: number, end: number): Examples {
  const stride = elements(shape);
  return { shape, count: end - start, data: data.subarray(start * stride, end * stride) };
}
