/** What the network is asked for in place of what its own sample says. */
import type { Batch } from "../data/index.ts";

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
}

/** Where training stands before the update that asks. */
export interface TargetTime {
  /** Updates made so far. */
  readonly step: number;
  /** The averaged parameters, flat. */
  readonly ema: Float32Array;
}

export interface Shift {
  /** (x* − x)/c_out, as large as the samples: what a target x* adds to the network's own. */
  readonly shift: Float32Array;
  /** 1/Σ w² of each sample, where a target is a mean of many. */
  readonly effectiveSampleSize?: Float64Array;
}

/** Targets x* that samples do not know themselves: means of many samples, or a teacher's answers. */
export interface MovedTarget {
  /** How far the targets of some samples move. Nothing random that does not follow from the rows and the time. */
  shift(rows: TargetRows, now: TargetTime): Promise<Shift>;
  close(): Promise<void>;
}
