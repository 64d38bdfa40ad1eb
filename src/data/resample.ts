/**
 * Images under an affine map, without aliasing (Karras et al. 2020, Appendix B): mirrored at the edges, twice the
 * resolution through a wavelet's low-pass filter, sampled bilinearly, and back. Where nothing moves, the image returns.
 */

/** The map (x, y) ↦ (a x + b y + c, d x + e y + f) as [a, b, c, d, e, f]. */
export type Affine = readonly [number, number, number, number, number, number];

/** First `second`, then `first`. */
export function compose(first: Affine, second: Affine): Affine {
  const [a, b, c, d, e, f] = first;
  const [p, q, r, s, t, u] = second;
  return [a * p + b * s, a * q + b * t, a * r + b * u + c, d * p + e * s, d * q + e * t, d * r + e * u + f];
}

/** Replaces the image by what it is under a map, whose inverse is given in pixels from the image's centre. */
export type Resample = (image: Float32Array | Float64Array, inverse: Affine) => void;

/** The scaling filter of Daubechies' symlet of six vanishing moments; its sum is √2. */
const [h0, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, h11] = [
  0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
  0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
  0.0017677118642428036, -0.007800708325034148,
];
const taps = 12;
/** How far, in pixels, the filters reach beyond what is looked at. */
const reach = taps / 4;

/** Twice the resolution: even places of out[j] = Σ_t h[taps − 1 − t] in[(j + t − taps/2) / 2] where that is whole. */
const even = (x: Float64Array, a: number, b: number, c: number, d: number, e: number, f: number) =>
  h11 * x[a] + h9 * x[b] + h7 * x[c] + h5 * x[d] + h3 * x[e] + h1 * x[f];
/** And odd places. */
const odd = (x: Float64Array, a: number, b: number, c: number, d: number, e: number, f: number) =>
  h10 * x[a] + h8 * x[b] + h6 * x[c] + h4 * x[d] + h2 * x[e] + h0 * x[f];
/** Half the resolution: out[i] = Σ_t h[t] in[2 i + t − (taps/2 − 1)], of places `step` apart. */
const down = (x: Float64Array, at: number, step: number) =>
  h0 * x[at] +
  h1 * x[at + step] +
  h2 * x[at + 2 * step] +
  h3 * x[at + 3 * step] +
  h4 * x[at + 4 * step] +
  h5 * x[at + 5 * step] +
  h6 * x[at + 6 * step] +
  h7 * x[at + 7 * step] +
  h8 * x[at + 8 * step] +
  h9 * x[at + 9 * step] +
  h10 * x[at + 10 * step] +
  h11 * x[at + 11 * step];

/** Prepares for images `[channels, height, width]`; memory is kept from image to image. */
export function resampler(channels: number, height: number, width: number): Resample {
  const area = height * width;
  /** What the way back down reads: the image and the filters' reach, at twice the resolution. */
  const [fineWidth, fineHeight] = [2 * (width + 2 * reach), 2 * (height + 2 * reach)];
  const sampled = new Float64Array(fineWidth * fineHeight);
  const narrow = new Float64Array(width * fineHeight);
  const places = new Places(fineWidth, fineHeight);
  let line = new Float64Array(0);
  let wide = new Float64Array(0);
  let fine = new Float64Array(0);

  return (image, inverse) => {
    // How far beyond the edges the image's corners come from.
    const x = margins(inverse, 0, width, height);
    const y = margins(inverse, 3, width, height);
    const [padWidth, padHeight] = [width + x[0] + x[1], height + y[0] + y[1]];
    const columns = mirrored(width, x[0], padWidth);
    const rows = mirrored(height, y[0], padHeight);
    const stride = 2 * padWidth;
    // Zeros around the padded line, below the image's rows, and around the fine image.
    if (line.length < padWidth + taps) line = new Float64Array(padWidth + taps);
    line.fill(0);
    const zeros = height * stride;
    if (wide.length < zeros + stride) wide = new Float64Array(zeros + stride);
    wide.fill(0, zeros, zeros + stride);
    const [frameWidth, frameHeight] = [stride + 2, 2 * padHeight + 2];
    if (fine.length < frameWidth * frameHeight) fine = new Float64Array(frameWidth * frameHeight);
    fine.fill(0, 0, frameWidth * frameHeight);
    places.set(inverse, stride, 2 * padHeight, { x: x[0] - x[1], y: y[0] - y[1] });
    /** Where row i of the padded image begins in `wide`. */
    const rowAt = (i: number) => (i >= 0 && i < padHeight ? rows[i] * stride : zeros);

    for (let channel = 0; channel < channels; channel++) {
      const plane = image.subarray(channel * area, (channel + 1) * area);

      // Up, along rows, then along columns.
      for (let r = 0, out = 0; r < height; r++) {
        for (let i = 0; i < padWidth; i++) line[reach + i] = plane[r * width + columns[i]];
        for (let i = 0; i < padWidth; i++, out += 2) {
          wide[out] = even(line, i, i + 1, i + 2, i + 3, i + 4, i + 5);
          wide[out + 1] = odd(line, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6);
        }
      }
      for (let i = 0; i < padHeight; i++) {
        const [a, b, c, d] = [rowAt(i - 3), rowAt(i - 2), rowAt(i - 1), rowAt(i)];
        const [e, f, g] = [rowAt(i + 1), rowAt(i + 2), rowAt(i + 3)];
        const first = (2 * i + 1) * frameWidth + 1;
        for (let k = 0; k < stride; k++) {
          fine[first + k] = even(wide, a + k, b + k, c + k, d + k, e + k, f + k);
          fine[first + frameWidth + k] = odd(wide, b + k, c + k, d + k, e + k, f + k, g + k);
        }
      }

      places.sample(fine, frameWidth, sampled);

      // Down, without the filters' reach at the edges.
      const first = 2 * reach - (taps / 2 - 1);
      for (let r = 0; r < fineHeight; r++)
        for (let i = 0; i < width; i++) narrow[r * width + i] = down(sampled, r * fineWidth + 2 * i + first, 1);
      for (let i = 0; i < height; i++)
        for (let k = 0; k < width; k++) plane[i * width + k] = down(narrow, (2 * i + first) * width + k, width);
    }
  };
}

/** Pixels needed before and after an axis (row 0 or 3 of the map), so that the image's corners have something to show. */
function margins(inverse: Affine, row: 0 | 3, width: number, height: number): readonly [number, number] {
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2];
  const [length, centre] = row === 0 ? [width, cx] : [height, cy];
  const along = Math.abs(inverse[row]) * cx + Math.abs(inverse[row + 1]) * cy;
  const needed = (farthest: number) => Math.ceil(Math.min(Math.max(farthest + 2 * reach - centre, 0), length - 1));
  return [needed(along - inverse[row + 2]), needed(along + inverse[row + 2])];
}

/** The index that each of `total` places reads after mirroring `before` places at the start and the rest at the end. */
function mirrored(length: number, before: number, total: number): Int32Array {
  return Int32Array.from({ length: total }, (_, i) => {
    const at = Math.abs(i - before);
    return at < length ? at : 2 * (length - 1) - at;
  });
}

/** Where each place of one plane comes from in another, both of twice the resolution: found once for all channels. */
class Places {
  readonly #width: number;
  readonly #height: number;
  /** The pixel above and to the left, in a plane framed by zeros; its weight's complement along each axis. */
  readonly #at: Int32Array;
  readonly #right: Float64Array;
  readonly #below: Float64Array;

  constructor(width: number, height: number) {
    [this.#width, this.#height] = [width, height];
    this.#at = new Int32Array(width * height);
    this.#right = new Float64Array(width * height);
    this.#below = new Float64Array(width * height);
  }

  /**
   * For planes of `width` × `height`, frame not counted, whose centre lies `offset` / 2 pixels to the right of and below
   * the image's. The centre of fine pixel j of n is at (j − (n − 1)/2) / 2 pixels from the image's centre.
   */
  set([a, b, c, d, e, f]: Affine, width: number, height: number, offset: { readonly x: number; readonly y: number }) {
    for (let j = 0, out = 0; j < this.#height; j++)
      for (let i = 0; i < this.#width; i++, out++) {
        const u = (i + 1 - this.#width / 2) / 2;
        const v = (j + 1 - this.#height / 2) / 2;
        const x = 2 * (a * u + b * v + c) + offset.x - 1 + width / 2;
        const y = 2 * (d * u + e * v + f) + offset.y - 1 + height / 2;
        const left = Math.floor(x);
        const top = Math.floor(y);
        const inside = left >= -1 && left < width && top >= -1 && top < height;
        this.#at[out] = inside ? (top + 1) * (width + 2) + left + 1 : -1;
        this.#right[out] = x - left;
        this.#below[out] = y - top;
      }
  }

  /** Bilinear samples of a framed plane whose rows are `stride` apart; zeros outside. */
  sample(from: Float64Array, stride: number, to: Float64Array): void {
    for (let out = 0; out < this.#at.length; out++) {
      const at = this.#at[out];
      const right = this.#right[out];
      const below = this.#below[out];
      to[out] =
        at < 0
          ? 0
          : (1 - below) * ((1 - right) * from[at] + right * from[at + 1]) +
            below * ((1 - right) * from[at + stride] + right * from[at + stride + 1]);
    }
  }
}
