/** The noise of training: every sample has its own, whatever batch it is in. */
import type { NoiseSpec } from "../diffusion/index.ts";
import { normalRows } from "../random/index.ts";

export interface NoiseKey {
  readonly seed: number;
  /** The place of the first sample in the run. */
  readonly position: number;
  /** [samples, channels, …] or [samples, dims]. */
  readonly shape: readonly number[];
}

/** The noise that the network is asked for, and what it sees where that is something else. */
export interface SampleNoise {
  readonly noise: Float32Array;
  readonly inputNoise?: Float32Array;
}

/** ε, with what the channels share added to it; and ε + γξ under input perturbation. */
export function noiseOf(
  { perturbation, offset }: Required<NoiseSpec>,
  { seed, position, shape }: NoiseKey,
  coupled: Float32Array,
): SampleNoise {
  const [samples, channels, ...pixels] = shape;
  const area = pixels.reduce((product, size) => product * size, 1);
  const normals = (purpose: string, count: number) => normalRows(seed, purpose, position, samples, count);
  const noise = coupled;
  if (offset > 0) {
    const shared = normals("offset noise", channels);
    for (let i = 0; i < noise.length; i++) noise[i] += offset * shared[Math.floor(i / area)];
  }
  if (perturbation === 0) return { noise };
  const inputNoise = normals("input perturbation", channels * area);
  for (let i = 0; i < noise.length; i++) inputNoise[i] = noise[i] + perturbation * inputNoise[i];
  return { noise, inputNoise };
}
