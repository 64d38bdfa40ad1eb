/**
 * Averages of the parameters with power-function profiles (Karras et al. 2024, EDM2, §3), kept beside the one that the
 * recipe samples with. Stored now and then, two of them make an average of any other length after training.
 */

import { emaDecay } from "./ema.ts";
import type { NamedArray, Safetensors } from "./safetensors.ts";

/** Averages that move on with training. */
export interface PowerAverages {
  /** After an update: `images` were seen before it, `batch` in it. */
  update(
    params: Float32Array,
    progress: { readonly step: number; readonly images: number; readonly batch: number },
  ): void;
  /** The averages by name, views of the present state. */
  readonly tensors: Readonly<Record<string, NamedArray>>;
  /** Takes the averages of a checkpoint; false if it has not all of them. */
  restore(tensors: Safetensors["tensors"]): boolean;
}

/** The name of an average in a file. */
export const averageName = (std: number): string => `average/${std}`;

/** Averages of the given relative lengths, which begin as the parameters after the first update. */
export function powerAverages(stds: readonly number[], count: number): PowerAverages {
  const kept = stds.map((std) => ({
    name: averageName(std),
    decay: emaDecay({ type: "power-function", std }),
    data: new Float32Array(count),
  }));
  return {
    update(params, progress) {
      for (const { decay, data } of kept) {
        const share = 1 - decay(progress);
        for (let i = 0; i < data.length; i++) data[i] += share * (params[i] - data[i]);
      }
    },
    tensors: Object.fromEntries(kept.map(({ name, data }) => [name, { shape: [count], data }])),
    restore(tensors) {
      if (!kept.every(({ name }) => tensors[name]?.data.length === count)) return false;
      for (const { name, data } of kept) data.set(tensors[name].data);
      return true;
    },
  };
}
