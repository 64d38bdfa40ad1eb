/**
 * The conventions by which published programs turn bytes into numbers and back. They differ by up to half a grey
 * level, which is visible at small Fréchet distances, so the one used for saving belongs into a run's record.
 */
import { unknownName } from "../errors/index.ts";

/** A byte/float convention by name. */
export type PixelConvention = "edm" | "adm" | "unit" | "vdm" | "uniform-dequantization";

/** A convention, both ways. */
export interface Pixels {
  /** The number a byte stands for. `uniform`, in [0, 1), is the dequantisation noise, where there is any. */
  toFloat(byte: number, uniform?: number): number;
  /** The byte, 0 to 255, that a number is saved as; NaN stays NaN, which a Uint8Array stores as 0. */
  toByte(value: number): number;
}

const clamp = (byte: number) => Math.min(Math.max(byte, 0), 255);

/** Every convention. Images live in [−1, 1] except under `unit`, where they live in [0, 1]. */
export const pixelConventions: { readonly [C in PixelConvention]: Pixels } = {
  /** Karras et al. (2022): rounds to the nearest byte, halves up. The default everywhere. */
  edm: {
    toFloat: (byte) => byte / 127.5 - 1,
    toByte: (value) => clamp(Math.floor(value * 127.5 + 128)),
  },
  /** Dhariwal & Nichol (2021): as `edm`, but saving truncates, half a grey level darker. */
  adm: {
    toFloat: (byte) => byte / 127.5 - 1,
    toByte: (value) => Math.floor(clamp((value + 1) * 127.5)),
  },
  /** Song et al. (2021): [0, 1], truncated. */
  unit: {
    toFloat: (byte) => byte / 255,
    toByte: (value) => Math.floor(clamp(255 * value)),
  },
  /** Kingma et al. (2021): the centres of 256 bins of [−1, 1]. Back, the bin that holds the value. */
  vdm: {
    toFloat: (byte) => (2 * (byte + 0.5)) / 256 - 1,
    toByte: (value) => clamp(Math.floor((value + 1) * 128)),
  },
  /** A point of the byte's bin of [−1, 1], drawn uniformly, as likelihoods need; the bin's centre if none is given. */
  "uniform-dequantization": {
    toFloat: (byte, uniform = 0.5) => 2 * dequantize(byte, uniform) - 1,
    toByte: (value) => clamp(Math.floor((value + 1) * 128)),
  },
};

/** (byte + u)/256: a byte as a point of its bin of [0, 1), u uniform in [0, 1). */
export function dequantize(byte: number, uniform: number): number {
  return (byte + uniform) / 256;
}

/** The convention of that name; an unknown one is a ConfigError. */
export function pixels(convention: PixelConvention): Pixels {
  if (!Object.hasOwn(pixelConventions, convention))
    throw unknownName("pixels: convention", convention, Object.keys(pixelConventions));
  return pixelConventions[convention];
}

/** Numbers as the bytes to save. */
export function toBytes(values: ArrayLike<number>, convention: PixelConvention = "edm"): Uint8Array<ArrayBuffer> {
  const { toByte } = pixels(convention);
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) bytes[i] = toByte(values[i]);
  return bytes;
}
