/** The power of images by frequency (Kingma & Gao 2023, Appendix J): which noise level hides which detail. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { fft } from "./fft.ts";

export interface SpectrumOptions {
  readonly height: number;
  readonly width: number;
  /** How a frequency's radius √(kx² + ky²) becomes a whole number: to the nearest, halves up, or down. Default `"nearest"`. */
  readonly rounding?: Rounding;
}

export type Rounding = "nearest" | "floor";

const roundings: { readonly [R in Rounding]: (radius: number) => number } = {
  nearest: (radius) => Math.floor(radius + 0.5),
  floor: Math.floor,
};

export interface RadialSpectrum {
  /** Mean |F|² at radius 0, 1, …, ⌊min(height, width)/2⌋; 0 at radius 0 but for rounding. */
  readonly power: Float64Array;
  /** Number of frequencies at each radius. */
  readonly count: Int32Array;
  /** Sum of the mean |F|² over all frequencies, those beyond the last radius included. */
  readonly total: number;
}

/**
 * The radial power spectrum of images `[count × channels × height × width]`: the unnormalised transform of each channel less
 * its mean, |F|² averaged over images and channels, then over the frequencies of one radius. Any size. Compare with
 * `whiteNoisePower`: where the two cross, noise takes over.
 */
export function radialSpectrum(
  images: Float32Array | Float64Array,
  { height, width, rounding = "nearest" }: SpectrumOptions,
): RadialSpectrum {
  if (!Object.hasOwn(roundings, rounding))
    throw unknownName("radialSpectrum: rounding", rounding, Object.keys(roundings));
  const size = height * width;
  const planes = images.length / size;
  if (!Number.isInteger(planes) || planes < 1)
    throw new ConfigError(
      `radialSpectrum: images: ${images.length} numbers (expected a multiple of ${height} × ${width}).`,
    );

  const mean = meanPower(images, height, width);
  const radii = Math.floor(Math.min(height, width) / 2) + 1;
  const power = new Float64Array(radii);
  const count = new Int32Array(radii);
  let total = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = mean[y * width + x];
      total += value;
      const radius = roundings[rounding](Math.hypot(frequency(x, width), frequency(y, height)));
      if (radius >= radii) continue;
      power[radius] += value;
      count[radius]++;
    }
  return { power: power.map((sum, radius) => sum / count[radius]), count, total };
}

/** Expected |F|² of independent noise of standard deviation σ, the same at every frequency: height · width · σ². */
export function whiteNoisePower(height: number, width: number, sigma: number): number {
  return height * width * sigma ** 2;
}

/** The log-SNR of each radius under noise of level σ: ln of its power over that of the noise; −∞ where there is none. */
export function bandLogSnr({ power }: RadialSpectrum, [height, width]: readonly [number, number], sigma: number) {
  return power.map((value) => Math.log(value / whiteNoisePower(height, width, sigma)));
}

/** |F|² of each frequency, averaged over the planes. */
function meanPower(images: Float32Array | Float64Array, height: number, width: number): Float64Array {
  const size = height * width;
  const planes = images.length / size;
  const power = new Float64Array(size);
  const [alongX, alongY] = [fft(width), fft(height)];
  const im = new Float64Array(size);
  const [columnRe, columnIm] = [new Float64Array(height), new Float64Array(height)];
  for (let p = 0; p < planes; p++) {
    const re = Float64Array.from(images.subarray(p * size, (p + 1) * size));
    const mean = re.reduce((a, b) => a + b) / size;
    for (let k = 0; k < size; k++) re[k] -= mean;
    im.fill(0);
    for (let y = 0; y < height; y++)
      alongX(re.subarray(y * width, (y + 1) * width), im.subarray(y * width, (y + 1) * width));
    for (let x = 0; x < width; x++) {
      for (let y = 0; y < height; y++) {
        columnRe[y] = re[y * width + x];
        columnIm[y] = im[y * width + x];
      }
      alongY(columnRe, columnIm);
      for (let y = 0; y < height; y++) power[y * width + x] += (columnRe[y] ** 2 + columnIm[y] ** 2) / planes;
    }
  }
  return power;
}

/** The whole frequency of index k of n: −n/2 … n/2 − 1 for even n. */
const frequency = (k: number, n: number) => (k < n / 2 ? k : k - n);
