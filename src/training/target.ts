/** What the network is asked for in place of what its own sample says. */
import type { Batch } from "../data/index.ts";
import type { NamedArray, Safetensors } from "./safetensors.ts";

/** Samples whose targets are wanted. */
export interface TargetRows {
  readonly batch: Batch;
  readonly noise: Float32Array;
  /** σ̃ of each. */
  readonly sigma: readonly number[];
  /** The timestep of each, where there are timesteps. */
  readonly steps: readonly (number | undefined)[];
  /** 1/c_out of each: from a change of x to one of the network's target. */
  readonly scale: readonly number[];
  /** The class each is trained for; undefined: none. Empty for models without labels. */
  readonly labels: readonly (number | undefined)[];
  /** The weight of guidance that each is trained for, where the network is told. */
  readonly guidance?: Float32Array;
}

/** Where training stands before the update that asks. */
export interface TargetTime {
  /** Updates made so far. */
  readonly step: number;
}

export interface Shift {
  /** (x* − x)/c_out, as large as the samples: what a target x* adds to the network's own. */
  readonly shift: Float32Array;
  /** 1/Σ w² of each sample, where a target is a mean of many. */
  readonly effectiveSampleSize?: Float64Array;
}

/** Parameters that a target keeps for itself from update to update: a network that follows the one in training. */
export interface TargetMemory {
  /** What it begins with. */
  begin(params: Float32Array): void;
  /** After update `step`, counted from 0. */
  update(params: Float32Array, step: number): void;
  /** For a checkpoint, views of the present state. */
  readonly tensors: Readonly<Record<string, NamedArray>>;
  /** Takes those of a checkpoint; false if it has not all of them. */
  restore(tensors: Safetensors["tensors"]): boolean;
}

/** Targets x* that samples do not know themselves: means of many samples, or a teacher's answers. */
export interface MovedTarget {
  /** How far the targets of some samples move. Nothing random that does not follow from the rows and the time. */
  shift(rows: TargetRows, now: TargetTime): Promise<Shift>;
  /** Where a sample's uniform number goes before its noise level is drawn by it; it stays if this is left out. */
  place?(u: number, step: number): number;
  readonly memory?: TargetMemory;
  close(): Promise<void>;
}
