/** Samples as a target meets them, and a target as the network's own is moved to it. */
import type { TargetRows } from "../training/index.ts";

/** x + σ·noise, each row at its own level. */
export function noisyRows(x: Float32Array, noise: Float32Array, sigmas: ArrayLike<number>): Float64Array {
  const dims = x.length / sigmas.length;
  const out = new Float64Array(x.length);
  for (let row = 0; row < sigmas.length; row++)
    for (let i = row * dims; i < (row + 1) * dims; i++) out[i] = x[i] + sigmas[row] * noise[i];
  return out;
}

/** From the rows' own x to a target: (x* − x)/c_out. */
export function shiftTo(
  target: Float64Array,
  { batch: { x }, scale }: Pick<TargetRows, "batch" | "scale">,
): Float32Array {
  const dims = x.length / scale.length;
  const shift = new Float32Array(x.length);
  for (const [row, factor] of scale.entries())
    for (let i = row * dims; i < (row + 1) * dims; i++) shift[i] = factor * (target[i] - x[i]);
  return shift;
}

/** The labels of the rows; none where the model has no labels. */
export const toldLabels = ({ labels, sigma }: Pick<TargetRows, "labels" | "sigma">) =>
  labels.length > 0 ? labels : sigma.map(() => undefined);
