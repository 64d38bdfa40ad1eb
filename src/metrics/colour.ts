/** Mean colours: the cheapest check, and the one that finds a tint or a wrong pixel range. */
import { ConfigError } from "../errors/index.ts";
import { checkFeatures, checkInteger, type Features } from "./features.ts";

export interface MeanColour {
  /** Mean over images and pixels of each channel, in the units of the images. */
  readonly mean: Float64Array;
  /** Standard error of each mean, images being independent. */
  readonly standardError: Float64Array;
}

export interface ColourDistance {
  /** Euclidean distance between the mean colours, in the units of the images. */
  readonly distance: number;
  /** Second minus first, by channel. */
  readonly difference: Float64Array;
  /** Standard error of each difference. */
  readonly standardError: Float64Array;
}

/** Mean colour of images that are rows of planes, `[count, channels × pixels]` (NCHW). */
export function meanColour(images: Features, channels: number): MeanColour {
  checkFeatures("meanColour", images);
  checkInteger("meanColour", "channels", channels, 1);
  const { data, count, dims } = images;
  if (dims % channels !== 0)
    throw new ConfigError(`meanColour: images of ${dims} numbers do not divide into ${channels} channels.`);
  const pixels = dims / channels;
  const mean = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let p = 0, at = i * dims + c * pixels; p < pixels; p++) sum += data[at + p];
      // Welford's update by the image's own mean.
      const step = sum / pixels - mean[c];
      mean[c] += step / (i + 1);
      squares[c] += step * (sum / pixels - mean[c]);
    }
  return { mean, standardError: squares.map((value) => Math.sqrt(value / (count * (count - 1)))) };
}

/**
 * Distance between the mean colours of two sets of images. A tint shows in one channel, a change of brightness in all;
 * saving by truncation instead of rounding shows as half a grey level in all.
 */
export function colourDistance(first: Features, second: Features, channels: number): ColourDistance {
  const [a, b] = [meanColour(first, channels), meanColour(second, channels)];
  const difference = b.mean.map((value, c) => value - a.mean[c]);
  return {
    distance: Math.hypot(...difference),
    difference,
    standardError: a.standardError.map((value, c) => Math.hypot(value, b.standardError[c])),
  };
}
