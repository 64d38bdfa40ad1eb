/** `ornstein sample --image`: drawing on top of images, from some noise (image-to-image) or in a part of them (inpainting). */
import { existsSync } from "node:fs";
import { cacheFolder, imageFiles } from "../data/files/index.ts";
import { batches } from "../data/index.ts";
import { ConfigError, unknownName } from "../errors/index.ts";
import type { DataFacts, Edit, Recipe } from "../recipe/index.ts";
import { grouped, type Terminal, type Values } from "./command.ts";
import { framing, givenExamples, givenHelp } from "./given.ts";
import { watched } from "./sources.ts";

/** Parts of an image by name: whether a pixel of [0, 1)² belongs to them. */
const parts = {
  left: (_, x) => x < 0.5,
  right: (_, x) => x >= 0.5,
  top: (y) => y < 0.5,
  bottom: (y) => y >= 0.5,
  centre: (y, x) => Math.max(Math.abs(y - 0.5), Math.abs(x - 0.5)) < 0.25,
} as const satisfies Readonly<Record<string, (y: number, x: number) => boolean>>;

export const editFlags = grouped("Editing", {
  image: { type: "strings", value: "SRC", help: `With --noise or --mask, draw on top of examples: ${givenHelp}` },
  noise: {
    type: "number",
    min: 0,
    needs: "image",
    help: "With --image: begin with the image under noise of this level, such as 2",
  },
  mask: {
    type: "string",
    value: "PART|FILE",
    needs: "image",
    help: `With --image: draw this part alone: ${Object.keys(parts).join(", ")}, or what is white in an image file`,
  },
});

export type EditFlags = Values<typeof editFlags>;

/** Refuses images with which nothing is to be done. */
export function checkEdit({ image, noise, mask }: EditFlags): void {
  if (image.length > 0 && noise === undefined && mask === undefined)
    throw new ConfigError("sample: --image needs --noise, the level to begin at, or --mask, the part to draw.");
}

/** Images to draw on; each has equally many samples. */
export interface Editing {
  readonly edit: Edit;
  readonly count: number;
  readonly label: (index: number) => number | undefined;
  /** All, for a sheet: each image with its mask grey, then its samples. */
  sheet(samples: Float64Array): Float64Array;
  /** Of the sheet. */
  readonly columns: number;
}

/** Loads the images of --image; `n` samples are shared among them, at least one each. */
export async function openEditing(
  recipe: Recipe,
  facts: DataFacts,
  { image: from, noise, mask: part, n, seed }: EditFlags & { readonly n: number; readonly seed: number },
  terminal: Terminal,
): Promise<Editing> {
  const model = { recipe, facts, classes: recipe.model.conditional ? facts.classes : 0 };
  const { x, labels, count } = await givenExamples(model, from, { flag: "--image", limit: n, seed }, terminal);
  const mask = part === undefined ? undefined : await maskOf(recipe, facts.shape, part, terminal);
  const each = Math.floor(n / count);
  const dims = x.length / count;
  const imageAt = (row: number) => x.subarray(row * dims, (row + 1) * dims);
  const at = (index: number) => Math.min(Math.floor(index / each), count - 1);
  return {
    edit: {
      image: (index) => imageAt(at(index)),
      ...(noise !== undefined && { sigma: noise }),
      ...(mask && { mask }),
    },
    count: each * count,
    label: (index) => labels[at(index)],
    columns: each === 1 ? 16 : Math.min(1 + each, 16),
    sheet(samples) {
      const out = new Float64Array((1 + each) * x.length);
      for (let row = 0; row < count; row++) {
        const shown = mask ? imageAt(row).map((value, i) => (1 - mask[i]) * value) : imageAt(row);
        out.set(shown, row * (1 + each) * dims);
        out.set(samples.subarray(row * each * dims, (row + 1) * each * dims), (row * (1 + each) + 1) * dims);
      }
      return out;
    },
  };
}

/** A mask of every number of an image, from a part's name or from a file. */
async function maskOf(recipe: Recipe, shape: readonly number[], part: string, terminal: Terminal) {
  if (shape.length !== 3) throw new ConfigError(`sample: --mask is for images; the run's examples are [${shape}].`);
  const [channels, height, width] = shape;
  const plane = Object.hasOwn(parts, part)
    ? Float64Array.from({ length: height * width }, (_, i) => {
        const [y, x] = [(Math.floor(i / width) + 0.5) / height, ((i % width) + 0.5) / width];
        return parts[part as keyof typeof parts](y, x) ? 1 : 0;
      })
    : await planeOf(recipe, [1, height, width], part, terminal);
  return Float64Array.from({ length: channels * plane.length }, (_, i) => plane[i % plane.length]);
}

/** The brightness of an image file, from 0 to 1. */
async function planeOf(recipe: Recipe, shape: readonly number[], file: string, terminal: Terminal) {
  if (!existsSync(file)) throw unknownName("--mask", file, [...Object.keys(parts), "an image file"]);
  const image = await watched(imageFiles([file], { ...framing(recipe, shape), cache: cacheFolder() }), terminal);
  return Float64Array.from(batches(image, { seed: 0 })(0, 1).x, (value) => (value + 1) / 2);
}
