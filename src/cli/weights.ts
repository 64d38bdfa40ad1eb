/** Flags that choose the parameters of a run and where they compute, and the model that they make. */
import { ConfigError } from "../errors/index.ts";
import { modelOf, type TrainedModel, trainedModel } from "../recipe/index.ts";
import type { RunFolder } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { flatFromCheckpoint, networkOf } from "../training/index.ts";
import type { Flags, Values } from "./command.ts";
import { computeFlags } from "./compute-flags.ts";

export const weightFlags = {
  weights: {
    type: "choice",
    choices: ["ema", "raw"],
    default: "ema",
    help: "Averaged parameters, or those of the last update",
  },
  checkpoint: { type: "string", value: "STEP", default: "latest", help: "latest, best, or a step" },
  batch: { type: "integer", min: 1, help: "Most samples in one call of the network" },
  ...computeFlags,
} as const satisfies Flags;

/** The model of a run, open. */
export function openModel(
  folder: RunFolder,
  { weights, checkpoint: which, device, threads }: Values<typeof weightFlags>,
): TrainedModel {
  const { recipe, data } = folder.describe();
  const { checkpoint, path } = folder.load(whichCheckpoint(which));
  const { parameters } = networkOf(modelOf(recipe, data));
  const name = weights === "ema" ? "ema" : "params";
  const params = flatFromCheckpoint(parameters, checkpoint.tensors, name, path);
  return trainedModel(recipe, data, params, { device: device as Device, threads });
}

/** What --checkpoint means. */
export function whichCheckpoint(text: string): "latest" | "best" | number {
  if (text === "latest" || text === "best") return text;
  const step = Number(text);
  if (!Number.isInteger(step) || step < 0)
    throw new ConfigError(`--checkpoint: must be latest, best or a step; got ${JSON.stringify(text)}.`);
  return step;
}
