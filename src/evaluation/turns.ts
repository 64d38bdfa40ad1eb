/** Turning images: what a network without labels learns to see. */

/** Ways to turn an image, itself included. */
export const turns = 4;

/**
 * Turns an image in place. A square one by `way` quarters of a turn; any other is mirrored left to right (1), turned
 * upside down (2), or mirrored top to bottom (3), which keep its sides.
 */
export function turn(image: Float32Array, [, height, width]: readonly number[], way: number): void {
  if (way === 0) return;
  const plane = height * width;
  // Pixel (x, y) comes from `start + y · down + x · right`.
  const half = { start: plane - 1, down: -width, right: -1 };
  const { start, down, right } =
    height === width
      ? [{ start: width - 1, down: -1, right: width }, half, { start: plane - width, down: 1, right: -width }][way - 1]
      : [{ start: width - 1, down: width, right: -1 }, half, { start: plane - width, down: -width, right: 1 }][way - 1];
  const from = image.slice();
  for (let at = 0; at < image.length; at += plane)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) image[at + y * width + x] = from[at + start + y * down + x * right];
}
