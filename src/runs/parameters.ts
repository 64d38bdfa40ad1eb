/** The parameters of a run that a model is made of: of a checkpoint, or averaged to a length chosen after training. */
import { modelOf } from "../recipe/index.ts";
import { flatFromCheckpoint, networkOf } from "../training/index.ts";
import { averageOfLength } from "./averages.ts";
import type { RunFolder } from "./run-folder.ts";

/** Which parameters of a run. */
export interface ParametersOf {
  readonly checkpoint: "latest" | "best" | number;
  readonly weights: "ema" | "params";
  /** An average of this relative length in their place, put together from what the run stored up to the checkpoint. */
  readonly ema?: number;
  /** Of such an average: up to so many images instead. */
  readonly images?: number;
}

/** Parameters, and when training had them. */
export interface FoundParameters {
  /** Flat, in the order of the network's parameters. */
  readonly params: Float32Array;
  readonly step: number;
  readonly images: number;
}

/** Reads the parameters; throws ConfigError where the run has none such. */
export function parametersOf(
  folder: RunFolder,
  { checkpoint: which, weights, ema, images }: ParametersOf,
): FoundParameters {
  if (ema !== undefined && (images !== undefined || which === "latest")) return averageOfLength(folder, ema, images);
  const { checkpoint, path } = folder.load(which);
  const { tensors, metadata } = checkpoint;
  const at = { step: Number(metadata["step"]), images: Number(metadata["images"]) };
  if (ema !== undefined) return averageOfLength(folder, ema, at.images);
  const { recipe, data } = folder.describe();
  const { parameters } = networkOf(modelOf(recipe, data));
  return { params: flatFromCheckpoint(parameters, tensors, weights, path), ...at };
}
