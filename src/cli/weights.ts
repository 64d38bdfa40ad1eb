/** Flags that choose the parameters of a run and where they compute, and the model that they make. */
import { ConfigError } from "../errors/index.ts";
import { type TrainedModel, trainedModel } from "../recipe/index.ts";
import { type ParametersOf, parametersOf, type RunFolder } from "../runs/index.ts";
import { grouped, type Values } from "./command.ts";
import { checkPrecision, computeFlags } from "./compute-flags.ts";

export const parameterFlags = grouped("Which parameters", {
  weights: {
    type: "choice",
    choices: ["ema", "raw"],
    default: "ema",
    help: "Averaged parameters, or those of the last update",
  },
  checkpoint: { type: "string", value: "STEP", default: "latest", help: "latest, best, or a step" },
  ema: {
    type: "number",
    min: 0,
    help: "In their place an average of this relative length, such as 0.1, of a run with training.averages",
  },
});

export const weightFlags = {
  ...parameterFlags,
  ...computeFlags,
  ...grouped("Where it runs", {
    batch: { type: "integer", min: 1, help: "Most samples in one call of the network" },
  }),
};

/** The model of a run, open. */
export function openModel(
  folder: RunFolder,
  { device, threads, precision, ...which }: Values<typeof weightFlags> & { readonly precision?: string | undefined },
): TrainedModel {
  checkPrecision(precision, device);
  const { recipe, data } = folder.describe();
  const { params } = parametersOf(folder, whichParameters(which));
  return trainedModel(recipe, data, params, { device, threads, ...(precision && { precision }) });
}

/** What the flags mean. */
export function whichParameters({
  weights,
  checkpoint,
  ema,
}: Pick<Values<typeof weightFlags>, "weights" | "checkpoint" | "ema">): ParametersOf {
  if (ema !== undefined && weights === "raw")
    throw new ConfigError("--ema and --weights raw are both given; they choose the same thing (one).");
  return {
    checkpoint: whichCheckpoint(checkpoint),
    weights: weights === "raw" ? "params" : "ema",
    ...(ema !== undefined && { ema }),
  };
}

/** What --checkpoint means. */
export function whichCheckpoint(text: string): "latest" | "best" | number {
  if (text === "latest" || text === "best") return text;
  const step = Number(text);
  if (!Number.isInteger(step) || step < 0)
    throw new ConfigError(`--checkpoint: must be latest, best or a step; got ${JSON.stringify(text)}.`);
  return step;
}
