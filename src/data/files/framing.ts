/** Images brought to the size of a frame: what is cut off, and by which filter the rest is resampled. */

/** The frame's proportions are met by cutting (centre, adm) or by black above and below (wide). */
export const crops = ["centre", "wide", "adm"] as const;
export type Crop = (typeof crops)[number];

/** Filters, stretched over all pixels that become one, so that nothing aliases. */
export const filters = ["box", "triangle", "cubic", "lanczos3"] as const;
export type Filter = (typeof filters)[number];

/** Planes of numbers, one after the other, row-major. */
export interface Planes {
  readonly values: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A part of an image, in pixels that need not be whole. */
interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

interface Kernel {
  /** Beyond this it is 0. */
  readonly support: number;
  at(x: number): number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const kernels: { readonly [F in Filter]: Kernel } = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  triangle: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys (1981) with a = −1/2, which reproduces parabolas.
  cubic: {
    support: 2,
    at: (x) => {
      const d = Math.abs(x);
      return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
  lanczos3: { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** For each of `count` new pixels, the first old one that it is made of, and the weights of that and the next ones. */
function taps(kernel: Kernel, size: number, start: number, length: number, count: number) {
  const scale = length / count;
  const stretch = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const middle = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(middle - kernel.support * stretch + 0.5));
    const end = Math.min(size, Math.floor(middle + kernel.support * stretch + 0.5));
    const weights = Float64Array.from({ length: Math.max(1, end - first) }, (_, k) =>
      kernel.at((first + k + 0.5 - middle) / stretch),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first: Math.min(first, size - 1), weights: sum === 0 ? Float64Array.of(1) : weights.map((w) => w / sum) };
  });
}

/** A window of the image at another size. */
export function resized(image: Planes, height: number, width: number, filter: Filter, window?: Window): Planes {
  const { channels, height: h, width: w, values } = image;
  const from = window ?? { top: 0, left: 0, height: h, width: w };
  const columns = taps(kernels[filter], w, from.left, from.width, width);
  const rows = taps(kernels[filter], h, from.top, from.height, height);
  const narrow = new Float32Array(h * width);
  const out = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < h; y++)
      for (let x = 0; x < width; x++) {
        const { first, weights } = columns[x];
        const at = (c * h + y) * w + first;
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * values[at + k];
        narrow[y * width + x] = sum;
      }
    for (let y = 0; y < height; y++) {
      const { first, weights } = rows[y];
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * narrow[(first + k) * width + x];
        out[(c * height + y) * width + x] = sum;
      }
    }
  }
  return { values: out, channels, height, width };
}

/** How an image becomes a frame; each may give less than the frame, which goes in its middle. */
const framings: {
  readonly [C in Crop]: (image: Planes, height: number, width: number, filter: Filter | undefined) => Planes;
} = {
  centre: (image, height, width, filter = "lanczos3") => {
    const scale = Math.max(height / image.height, width / image.width);
    return resized(image, height, width, filter, middleOf(image, height / scale, width / scale));
  },
  wide: (image, height, width, filter = "lanczos3") => {
    const scale = width / image.width;
    const inner = Math.max(1, Math.min(height, Math.round(image.height * scale)));
    return resized(image, inner, width, filter, middleOf(image, Math.min(image.height, inner / scale), image.width));
  },
  adm: (image, height, width, filter = "cubic") => {
    let small = image;
    while (small.height >= 2 * height && small.width >= 2 * width)
      small = resized(small, Math.floor(small.height / 2), Math.floor(small.width / 2), "box");
    const scale = Math.max(height / small.height, width / small.width);
    const [h, w] = [Math.round(small.height * scale), Math.round(small.width * scale)];
    return cut(resized(small, h, w, filter), height, width);
  },
};

/** Brings an image into a frame. `filter` is the crop's own if left out: cubic for adm, else lanczos3. */
export const framedIn = (image: Planes, height: number, width: number, crop: Crop, filter?: Filter): Planes =>
  framings[crop](image, height, width, filter);

const middleOf = (image: Planes, height: number, width: number): Window => ({
  top: (image.height - height) / 2,
  left: (image.width - width) / 2,
  height,
  width,
});

/** Whole pixels from the middle. */
function cut({ values, channels, height: h, width: w }: Planes, height: number, width: number): Planes {
  const [top, left] = [Math.floor((h - height) / 2), Math.floor((w - width) / 2)];
  const out = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) {
      const start = (c * h + top + y) * w + left;
      out.set(values.subarray(start, start + width), (c * height + y) * width);
    }
  return { values: out, channels, height, width };
}
