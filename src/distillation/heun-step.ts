/** One Heun step of a probability flow for samples at noise levels of their own. */
import type { DenoiseEach } from "../sampling/index.ts";

/**
 * Moves each sample from its level in `sigmas` to its lower one in `next`, by the mean of the slopes (x − D)/σ at both ends
 * (Karras et al. 2022, algorithm 1). All levels must be above 0.
 */
export async function heunStepEach(
  denoise: DenoiseEach,
  x: Float64Array,
  sigmas: Float64Array,
  next: Float64Array,
): Promise<Float64Array> {
  const dims = x.length / sigmas.length;
  const first = await denoise(x, sigmas);
  const euler = new Float64Array(x.length);
  for (const [row, sigma] of sigmas.entries()) {
    const a = next[row] / sigma;
    for (let i = row * dims; i < (row + 1) * dims; i++) euler[i] = a * x[i] + (1 - a) * first[i];
  }
  const second = await denoise(euler, next);
  const out = new Float64Array(x.length);
  for (const [row, sigma] of sigmas.entries()) {
    const half = (next[row] - sigma) / 2;
    for (let i = row * dims; i < (row + 1) * dims; i++)
      out[i] = x[i] + half * ((x[i] - first[i]) / sigma + (euler[i] - second[i]) / next[row]);
  }
  return out;
}
