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
const symlet = Float64Array.of(
  0.015404109327027373,
  0.0034907120842174702,
  -0.11799011114819057,
  -0.048311742585633,
  0.4910559419267466,
  0.787641141030194,
  0.3379294217276218,
  -0.07263752278646252,
  -0.021060292512300564,
  0.04472490177066578,
  0.0017677118642428036,
  -0.007800708325034148,
);
const taps = symlet.length;
/** How far, in pixels, the filters reach beyond what is looked at. */
const reach = taps / 4;

/** Prepares for images `[channels, height, width]`; memory is kept from image to image. */
export function resampler(channels: number, height: number, width: number): Resample {
  const area = height * width;
  /** What the way back down reads: the image and the filters' reach, at twice the resolution. */
  const [fineWidth, fineHeight] = [2 * (width + 2 * reach), 2 * (height + 2 * reach)];
  const sampled = new Float64Array(fineWidth * fineHeight);
  const narrow = new Float64Array(width * fineHeight);
  let wide = new Float64Array(0);
  let fine = new Float64Array(0);

  return (image, inverse) => {
    // How far beyond the edges the image's corners come from.
    const x = margins(inverse, 0, width, height);
    const y = margins(inverse, 3, width, height);
    const [padWidth, padHeight] = [width + x[0] + x[1], height + y[0] + y[1]];
    if (wide.length < 2 * padWidth * padHeight) wide = new Float64Array(2 * padWidth * padHeight);
    if (fine.length < 4 * padWidth * padHeight) fine = new Float64Array(4 * padWidth * padHeight);
    const columns = mirrored(width, x[0], padWidth);
    const rows = mirrored(height, y[0], padHeight);

    for (let channel = 0; channel < channels; channel++) {
      const plane = image.subarray(channel * area, (channel + 1) * area);

      // Up: out[j] = Σ_t h[taps − 1 − t] in[(j + t − taps/2) / 2] where that is whole, along rows, then along columns.
      for (let r = 0; r < padHeight; r++)
        for (let j = 0, out = r * 2 * padWidth; j < 2 * padWidth; j++, out++) {
          let sum = 0;
          for (let t = j & 1, i = (j + t - taps / 2) / 2; t < taps; t += 2, i++)
            if (i >= 0 && i < padWidth) sum += symlet[taps - 1 - t] * plane[rows[r] * width + columns[i]];
          wide[out] = sum;
        }
      const stride = 2 * padWidth;
      for (let j = 0; j < 2 * padHeight; j++) {
        const line = fine.subarray(j * stride, (j + 1) * stride).fill(0);
        for (let t = j & 1, i = (j + t - taps / 2) / 2; t < taps; t += 2, i++) {
          if (i < 0 || i >= padHeight) continue;
          const weight = symlet[taps - 1 - t];
          for (let k = 0, from = i * stride; k < stride; k++, from++) line[k] += weight * wide[from];
        }
      }

      // Sample: the centre of fine pixel j of n is at (j − (n − 1)/2) / 2 pixels from the image's centre.
      sample(fine, stride, 2 * padHeight, sampled, fineWidth, fineHeight, {
        inverse,
        offsetX: x[0] - x[1],
        offsetY: y[0] - y[1],
      });

      // Down: out[i] = Σ_t h[t] in[2 i + t − (taps/2 − 1)], without the filters' reach at the edges.
      const first = 2 * reach - (taps / 2 - 1);
      for (let r = 0; r < fineHeight; r++)
        for (let i = 0; i < width; i++) {
          let sum = 0;
          for (let t = 0, from = r * fineWidth + 2 * i + first; t < taps; t++, from++) sum += symlet[t] * sampled[from];
          narrow[r * width + i] = sum;
        }
      for (let i = 0; i < height; i++) {
        const line = plane.subarray(i * width, (i + 1) * width);
        for (let k = 0; k < width; k++) {
          let sum = 0;
          for (let t = 0, from = (2 * i + first) * width + k; t < taps; t++, from += width)
            sum += symlet[t] * narrow[from];
          line[k] = sum;
        }
      }
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

interface Sampling {
  readonly inverse: Affine;
  /** Pixels by which the padded image's centre lies left of and above the image's own, twice. */
  readonly offsetX: number;
  readonly offsetY: number;
}

/** Bilinear samples of a plane at the inverse map of each place of another; zeros outside. Both have twice the resolution. */
function sample(
  from: Float64Array,
  width: number,
  height: number,
  to: Float64Array,
  outWidth: number,
  outHeight: number,
  { inverse: [a, b, c, d, e, f], offsetX, offsetY }: Sampling,
): void {
  for (let j = 0, out = 0; j < outHeight; j++)
    for (let i = 0; i < outWidth; i++, out++) {
      const u = (i + 1 - outWidth / 2) / 2;
      const v = (j + 1 - outHeight / 2) / 2;
      const x = 2 * (a * u + b * v + c) + offsetX - 1 + width / 2;
      const y = 2 * (d * u + e * v + f) + offsetY - 1 + height / 2;
      const left = Math.floor(x);
      const top = Math.floor(y);
      if (left < -1 || left >= width || top < -1 || top >= height) {
        to[out] = 0;
        continue;
      }
      const right = x - left;
      const below = y - top;
      const at = top * width + left;
      const [hasLeft, hasRight] = [left >= 0, left + 1 < width];
      let sum = 0;
      if (top >= 0)
        sum += (1 - below) * ((hasLeft ? (1 - right) * from[at] : 0) + (hasRight ? right * from[at + 1] : 0));
      if (top + 1 < height)
        sum += below * ((hasLeft ? (1 - right) * from[at + width] : 0) + (hasRight ? right * from[at + width + 1] : 0));
      to[out] = sum;
    }
}
