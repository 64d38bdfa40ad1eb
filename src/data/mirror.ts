/** Images turned over left to right. */
import { ConfigError } from "../errors/index.ts";
import type { Dataset } from "./dataset.ts";

/** Reverses each row of `width` numbers between `start` and `end`, in place. */
export function mirrorRows(x: Float32Array | Float64Array, start: number, end: number, width: number): void {
  for (let row = start; row < end; row += width)
    for (let i = row, j = row + width - 1; i < j; i++, j--) {
      const left = x[i];
      x[i] = x[j];
      x[j] = left;
    }
}

/** The images, and after them the mirror images of all, in the same order: what training with flips draws from. */
export function withMirrorImages(dataset: Dataset): Dataset {
  const { name, size, shape, classes } = dataset;
  if (shape.length !== 3)
    throw new ConfigError(
      `mirror images: ${name} has shape [${shape.join(", ")}] ([channels, height, width] expected).`,
    );
  const numbers = shape[0] * shape[1] * shape[2];
  return {
    name: `${name} and mirror images`,
    size: 2 * size,
    shape,
    ...(classes && dataset.label ? { classes, label: (index) => dataset.label?.(index % size) ?? 0 } : {}),
    read(index, out, offset) {
      dataset.read(index < size ? index : index - size, out, offset);
      if (index >= size) mirrorRows(out, offset, offset + numbers, shape[2]);
    },
  };
}
