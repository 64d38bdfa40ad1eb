/**
 * Geometric augmentation whose amount the network is told, so that it does not leak into samples (Karras et al. 2022,
 * Appendix F.2; the operations are those of Karras et al. 2020). Each image is flipped, scaled, rotated, stretched and
 * moved, each with some probability, in one resampling; the label lists what was done, and zeros stand for nothing.
 */
import { ConfigError, unknownName } from "../errors/index.ts";
import type { Stream } from "../random/index.ts";
import { mirrorRows } from "./mirror.ts";
import { type Affine, compose, type Resample, resampler } from "./resample.ts";

/** What can be done to an image. */
export type AugmentOperation = "xflip" | "yflip" | "scale" | "rotate" | "aniso" | "translate";

export interface AugmentSpec {
  /** How likely an operation of multiplier 1 is. Published: 0.12 for CIFAR-10, 0.15 for faces. */
  readonly probability: number;
  /**
   * The factor of the probability for each operation; those left out are off. Default: {@link edmMultipliers}, by which
   * half of all images are mirrored left to right and the rest is done with the given probability.
   */
  readonly multipliers?: Readonly<Partial<Record<AugmentOperation, number>>>;
}

/** The published multipliers: xflip is always open, so its own coin decides. */
export const edmMultipliers: Readonly<Record<AugmentOperation, number>> = {
  xflip: 1e8,
  yflip: 1,
  scale: 1,
  rotate: 1,
  aniso: 1,
  translate: 1,
};

/** Where an image's numbers come from: a stream of its own, so that an image is the same in any batch. */
export type AugmentDraws = Pick<Stream, "uniform" | "normal" | "integer">;

export interface AugmentPipe {
  /** Numbers in a label: 9 with all operations. */
  readonly labelSize: number;
  /** Augments one image `[channels, height, width]` in place, and writes its label. */
  apply(image: Float32Array | Float64Array, draws: AugmentDraws, label: Float32Array | Float64Array): void;
}

/** One operation with its numbers drawn: what is done to the image, and what the network is told. */
interface Drawn {
  /** Left to right, top to bottom. */
  readonly mirrored?: "x" | "y";
  /** The inverse map about the image's centre, in pixels. */
  readonly inverse?: Affine;
  readonly label: readonly number[];
}

interface Operation {
  readonly labelSize: number;
  /** Draws the same count of numbers whether the operation is done or not. Undefined: it is not. */
  readonly draw: (draws: AugmentDraws, open: (u: number) => boolean, size: ImageSize) => Drawn | undefined;
}

interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Standard deviations of log₂ of the scales and of the translation in image sizes (Karras et al. 2022). */
const std = { scale: 0.2, aniso: 0.2, translate: 0.125 };
/** Probability that stretching is along a random direction and not along the width. */
const anisoRotated = 0.5;

/** The inverse of scaling by x and y. */
const scaling = (x: number, y: number): Affine => [1 / x, 0, 0, 0, 1 / y, 0];
const turning = (angle: number): Affine => [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0];
const angleOf = (u: number) => Math.PI * (2 * u - 1);

const flip =
  (mirrored: "x" | "y"): Operation["draw"] =>
  (draws, open) => {
    const side = draws.integer(2);
    return open(draws.uniform()) && side === 1 ? { mirrored, label: [1] } : undefined;
  };

/** In the order in which labels list them and inverse maps are composed. Flips come first, so they are exact. */
const operations: { readonly [O in AugmentOperation]: Operation } = {
  xflip: { labelSize: 1, draw: flip("x") },
  yflip: { labelSize: 1, draw: flip("y") },
  scale: {
    labelSize: 1,
    draw: (draws, open) => {
      const w = draws.normal();
      if (!open(draws.uniform())) return undefined;
      const by = 2 ** (w * std.scale);
      return { inverse: scaling(by, by), label: [w] };
    },
  },
  rotate: {
    labelSize: 2,
    draw: (draws, open) => {
      const angle = angleOf(draws.uniform());
      if (!open(draws.uniform())) return undefined;
      return { inverse: turning(angle), label: [Math.cos(angle) - 1, Math.sin(angle)] };
    },
  },
  aniso: {
    labelSize: 2,
    draw: (draws, open) => {
      const w = draws.normal();
      const direction = angleOf(draws.uniform());
      const opened = open(draws.uniform());
      const angle = draws.uniform() < anisoRotated ? direction : 0;
      if (!opened) return undefined;
      const by = 2 ** (w * std.aniso);
      const inverse = compose(compose(turning(-angle), scaling(by, 1 / by)), turning(angle));
      return { inverse, label: [w * Math.cos(angle), w * Math.sin(angle)] };
    },
  },
  translate: {
    labelSize: 2,
    draw: (draws, open, { width, height }) => {
      const [wx, wy] = [draws.normal(), draws.normal()];
      if (!open(draws.uniform())) return undefined;
      return { inverse: [1, 0, -wx * width * std.translate, 0, 1, -wy * height * std.translate], label: [wx, wy] };
    },
  },
};

/** The names of the operations, in the order of their labels. */
export const augmentOperations = Object.keys(operations) as readonly AugmentOperation[];

/**
 * The pipe for images of one shape, `[channels, height, width]`. Images to which nothing is done stay as they are, and
 * flips are exact; everything else goes through one band-limited resampling. Throws ConfigError.
 */
export function augmentPipe(
  { probability, multipliers = edmMultipliers }: AugmentSpec,
  shape: readonly number[],
): AugmentPipe {
  if (shape.length !== 3)
    throw new ConfigError(`augment: takes images [channels, height, width]; got [${shape}]. Leave augment out.`);
  if (!(typeof probability === "number" && probability >= 0 && probability <= 1))
    throw new ConfigError(`augment: probability: must be between 0 and 1; got ${probability}.`);
  for (const [name, factor] of Object.entries(multipliers)) {
    if (!Object.hasOwn(operations, name)) throw unknownName("augment: multipliers", name, augmentOperations);
    if (!(typeof factor === "number" && factor >= 0))
      throw new ConfigError(`augment: multipliers.${name}: must be at least 0; got ${factor}.`);
  }
  const [channels, height, width] = shape;
  const enabled = augmentOperations.flatMap((name) => {
    const factor = multipliers[name] ?? 0;
    return factor > 0 ? [{ ...operations[name], open: (u: number) => u < factor * probability }] : [];
  });
  const resample: Resample = resampler(channels, height, width);
  const size = { width, height };

  return {
    labelSize: enabled.reduce((sum, { labelSize }) => sum + labelSize, 0),
    apply(image, draws, label) {
      const mirrored = { x: false, y: false };
      let inverse: Affine | undefined;
      let at = 0;
      for (const { labelSize, draw, open } of enabled) {
        const drawn = draw(draws, open, size);
        if (drawn?.mirrored) mirrored[drawn.mirrored] = true;
        if (drawn?.inverse) inverse = inverse ? compose(inverse, drawn.inverse) : drawn.inverse;
        for (let i = 0; i < labelSize; i++) label[at++] = drawn?.label[i] ?? 0;
      }
      if (mirrored.x || mirrored.y) mirror(image, shape, mirrored.x, mirrored.y);
      if (inverse) resample(image, inverse);
    },
  };
}

/** Turns every channel over, left to right, top to bottom, or both. */
function mirror(
  image: Float32Array | Float64Array,
  [channels, height, width]: readonly number[],
  x: boolean,
  y: boolean,
): void {
  const area = height * width;
  for (let start = 0; start < channels * area; start += area) {
    // Both at once is the whole plane backwards; top to bottom alone, that and each row backwards.
    if (y) image.subarray(start, start + area).reverse();
    if (x !== y) mirrorRows(image, start, start + area, width);
  }
}
