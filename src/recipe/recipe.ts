/** A recipe: plain data that says everything about a training run, and the objects that it builds. */
import { z } from "zod";
import { augmentPipe } from "../data/index.ts";
import { type Objective, type ObjectiveSpec, objective } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { ModelSpec, TrainerSpec } from "../training/index.ts";
import { augmentSchema } from "./augment-schema.ts";
import { count, nonNegative, positive } from "./fields.ts";
import { parseWith } from "./mistakes.ts";
import { networkSchema } from "./network-schema.ts";
import { objectiveSchema } from "./objective-schema.ts";
import { samplingSchema } from "./sampling-schema.ts";
import { trainingSchema } from "./training-schema.ts";

export const dataSchema = z.strictObject({
  /** A name such as mnist, emoji, points:moons, or a path. */
  source: z.string().min(1),
  /** Side of the images in pixels, or [height, width]; the data's own if left out. */
  size: z.exactOptional(z.union([count, z.tuple([count, count])])),
  /** 1 is grey, 3 colour, 2 and 4 these with opacity; of arrays as many as they have. The data's own if left out, without opacity. */
  channels: z.exactOptional(count.max(16)),
  /** What becomes of image files of other proportions; centre if left out: nothing but data, and no bars to learn. */
  crop: z.exactOptional(z.enum(["centre", "wide", "adm"])),
  /** How image files are resized; lanczos3 if left out, the sharpest, but cubic for the crop adm, as published. */
  filter: z.exactOptional(z.enum(["box", "triangle", "cubic", "lanczos3"])),
  /** Use at most so many examples. */
  examples: z.exactOptional(count),
  /** Mirror half of the images; wrong for letters and digits. */
  flip: z.boolean(),
  /** Other augmentation, which the network is told of. */
  augment: z.exactOptional(augmentSchema),
  /** Standard deviation of the data, used by every member that has a sigmaData; "auto" measures it. */
  sigmaData: z.union([positive, z.literal("auto")]),
});

export const modelSchema = z.strictObject({
  network: networkSchema,
  /** Tiles of so many pixels a side become channels: the network works at a lower resolution, faster. */
  patch: count,
  /** Whether the network is told the class. */
  conditional: z.boolean(),
  /** The network is told the weight of guidance, drawn from this range in training; it must hold 1, no guidance. */
  guidance: z.exactOptional(z.tuple([nonNegative.max(1), z.number().min(1)])),
});

export const recipeSchema = z.strictObject({
  /** "classify" trains a classifier of noisy examples, for guidance, at the objective's noise levels; a denoiser if left out. */
  task: z.exactOptional(z.literal("classify")),
  data: dataSchema,
  model: modelSchema,
  objective: objectiveSchema,
  training: trainingSchema,
  sampling: samplingSchema,
});

export type Recipe = z.infer<typeof recipeSchema>;

/** Checks data against the recipe's schema. `where` names its source in errors. */
export const defineRecipe = (value: unknown, where = "recipe"): Recipe => parseWith(recipeSchema, value, where);

/** Sets one field by its path, such as `training.batch`, from text: JSON where it parses as such, otherwise a name. */
export function setField(value: unknown, assignment: string): unknown {
  const [, path, text] = /^([^=]+)=(.*)$/s.exec(assignment) ?? [];
  if (path === undefined) throw new ConfigError(`--set: must be FIELD=VALUE; got ${JSON.stringify(assignment)}.`);
  const parsed = parseLoosely(text);
  const put = (node: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (rest.length > 0 || (typeof node === "object" && node !== null)) {
      const object = typeof node === "object" && node !== null && !Array.isArray(node) ? node : {};
      const inner = (object as Record<string, unknown>)[key];
      return { ...object, [key]: rest.length === 0 ? parsed : put(inner, rest) };
    }
    return { [key]: parsed };
  };
  return put(value, path.split("."));
}

function parseLoosely(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What the recipe says about the data, once it is known. */
export interface DataFacts {
  readonly shape: readonly number[];
  /** Number of classes; 0 if unlabelled. */
  readonly classes: number;
}

/** The model that a recipe makes for data of a shape. */
export function modelOf({ task, data, model, objective }: Recipe, { shape, classes }: DataFacts): ModelSpec {
  if (task === "classify" && classes < 2)
    throw new ConfigError("task: classify needs labelled data with two classes or more. Give other data.");
  const judges = task === "classify" && objective.timesteps.type === "discriminator";
  if (task === "classify" && ((model.conditional && !judges) || objective.variance))
    throw new ConfigError(
      "task: a classifier is not told the class and has no variance: leave objective.variance out and set model.conditional to false.",
    );
  // What a discriminator learns from is labelled with the class and the answer: two labels a class.
  const told = judges ? classes / 2 : classes;
  if (model.conditional && classes === 0)
    throw new ConfigError(
      "model.conditional: the data has no labels. Give labelled data, or set it to false (--set model.conditional=false).",
    );
  if (model.guidance && !(model.conditional && task !== "classify" && model.guidance[0] < model.guidance[1]))
    throw new ConfigError(
      `model.guidance: must be a range of weights, for a denoiser that is told the class; got ${model.guidance.join(" to ")}.`,
    );
  return {
    network: model.network,
    shape,
    classes: model.conditional ? told : 0,
    ...(task === "classify" && { classifies: judges && model.conditional ? 2 : classes }),
    patch: model.patch,
    ...(model.guidance && { guided: true }),
    ...(objective.variance && { variance: true }),
    ...(objective.prediction.type === "energy" && task !== "classify" && { energy: true }),
    ...(data.augment && { augment: augmentPipe(data.augment, shape).labelSize }),
  };
}

/** The objective, with the data's standard deviation filled in wherever a member has one and names no other. */
export function objectiveOf({ data, objective: spec }: Recipe): Objective {
  if (data.sigmaData === "auto") throw new Error("internal: data.sigmaData must be measured first.");
  if (spec.timesteps.type === "bernoulli" && spec.timesteps.threshold === "auto")
    throw new ConfigError("objective.timesteps.threshold: auto must be measured first: resolveThreshold does.");
  const known = { sigmaData: data.sigmaData };
  const loss =
    "multiplier" in spec.loss
      ? { multiplier: { ...known, ...spec.loss.multiplier } }
      : { weighting: { ...known, ...spec.loss.weighting } };
  const filled = {
    ...spec,
    prediction: { ...known, ...spec.prediction },
    timesteps: { ...known, ...spec.timesteps },
    loss,
  };
  return objective(filled as ObjectiveSpec);
}

/** Everything a trainer needs. */
export function trainerOf(recipe: Recipe, facts: DataFacts): TrainerSpec {
  const { training, data } = recipe;
  return {
    model: modelOf(recipe, facts),
    objective: objectiveOf(recipe),
    optimizer: training.optimizer,
    learningRate: training.learningRate,
    ema: training.ema,
    ...(training.averages && { averages: training.averages.stds }),
    batch: training.batch,
    microBatch: training.microBatch ?? training.batch,
    ...(training.memory && { memory: training.memory }),
    ...(training.precision && { precision: training.precision }),
    ...(training.clip !== undefined && { clip: training.clip }),
    labelDropout: training.labelDropout,
    ...(recipe.model.guidance && { guidance: recipe.model.guidance }),
    ...(training.coupling && { coupling: training.coupling }),
    ...(training.target && { target: training.target }),
    flip: data.flip,
    ...(data.augment && { augment: data.augment }),
    seed: training.seed,
  };
}
