/**
 * Resizing as the programs do it whose features are compared: in float, never rounded back to bytes. Fréchet distances
 * move by whole units when the resizing is another (Parmar et al. 2022).
 */
import { unknownName } from "../errors/index.ts";

/**
 * - `tf1-bilinear`: corners at whole multiples of the ratio, no smoothing; TensorFlow 1, and so the first FID.
 * - `bilinear`: pixels as areas, no smoothing; PyTorch's `interpolate` with align_corners off.
 * - `bilinear-antialias`, `bicubic-antialias`: the filter is as wide as the pixels that become one; Pillow, clean-fid.
 */
export type Resize = "tf1-bilinear" | "bilinear" | "bilinear-antialias" | "bicubic-antialias";

/** The pixels that one pixel of the result is made of. */
interface Taps {
  readonly start: number;
  readonly weights: readonly number[];
}

type TapsOf = (i: number, from: number, to: number) => Taps;

const between = (at: number, from: number): Taps => {
  const start = Math.min(Math.floor(at), from - 1);
  const share = at - start;
  return start + 1 < from ? { start, weights: [1 - share, share] } : { start, weights: [1] };
};

/** A filter of radius `radius`, stretched where the image shrinks, cut at the edges and normalised. */
const smoothed =
  (radius: number, filter: (x: number) => number): TapsOf =>
  (i, from, to) => {
    const ratio = from / to;
    const stretch = Math.max(ratio, 1);
    const centre = (i + 0.5) * ratio;
    const start = Math.max(Math.floor(centre - radius * stretch + 0.5), 0);
    const end = Math.min(Math.floor(centre + radius * stretch + 0.5), from);
    const raw = Array.from({ length: end - start }, (_, k) => filter((start + k + 0.5 - centre) / stretch));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { start, weights: raw.map((weight) => weight / total) };
  };

const triangle = (x: number) => Math.max(0, 1 - Math.abs(x));

/** Keys (1981) with a = −½. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

const kinds: { readonly [K in Resize]: TapsOf } = {
  "tf1-bilinear": (i, from, to) => between((i * from) / to, from),
  bilinear: (i, from, to) => between(Math.max(((i + 0.5) * from) / to - 0.5, 0), from),
  "bilinear-antialias": smoothed(1, triangle),
  "bicubic-antialias": smoothed(2, cubic),
};

/** The names of all kinds. */
export const resizeNames = Object.keys(kinds) as readonly Resize[];

/** Resizes planes `[planes, height, width]` into `out`, `[planes, toHeight, toWidth]`, from `at` on. */
export type Resizer = (planes: Float32Array, out: Float32Array, at: number) => void;

/** Prepares to resize images of one size to another. Two sizes that are equal make a copy. */
export function resizer(
  kind: Resize,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Resizer {
  if (!Object.hasOwn(kinds, kind)) throw unknownName("resize", kind, resizeNames);
  if (height === toHeight && width === toWidth) return (planes, out, at) => out.set(planes, at);
  const columns = Array.from({ length: toWidth }, (_, i) => kinds[kind](i, width, toWidth));
  const rows = Array.from({ length: toHeight }, (_, i) => kinds[kind](i, height, toHeight));
  const narrow = new Float64Array(height * toWidth);

  return (planes, out, at) => {
    const count = planes.length / (height * width);
    for (let plane = 0; plane < count; plane++) {
      for (let y = 0; y < height; y++) {
        const row = (plane * height + y) * width;
        for (let x = 0; x < toWidth; x++) narrow[y * toWidth + x] = tap(planes, row, 1, columns[x]);
      }
      for (let y = 0; y < toHeight; y++)
        for (let x = 0; x < toWidth; x++)
          out[at + (plane * toHeight + y) * toWidth + x] = tap(narrow, x, toWidth, rows[y]);
    }
  };
}

function tap(values: Float32Array | Float64Array, offset: number, stride: number, { start, weights }: Taps): number {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) sum += weights[k] * values[offset + (start + k) * stride];
  return sum;
}
