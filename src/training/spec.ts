/** What a trainer is told: everything that decides the numbers of a run. */
import type { AugmentSpec, Dataset } from "../data/index.ts";
import type { Objective } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Precision } from "../graph/index.ts";
import type { ConsistencyTargetSpec } from "./consistency-target.ts";
import type { CouplingSpec } from "./coupling.ts";
import type { EmaSpec } from "./ema.ts";
import type { LearningRateSpec } from "./learning-rate.ts";
import type { ModelSpec } from "./model.ts";
import type { OptimizerSpec } from "./optimizer.ts";
import type { StableTargetSpec } from "./stable-target.ts";
import type { MovedTarget } from "./target.ts";
import type { TeacherTargetSpec } from "./teacher-target.ts";
import type { MemorySpec } from "./update-graphs.ts";

export interface TrainerSpec {
  readonly model: ModelSpec;
  readonly objective: Objective;
  readonly optimizer: OptimizerSpec;
  readonly learningRate: LearningRateSpec;
  readonly ema: EmaSpec;
  /** Relative lengths of power-function averages that are kept besides. */
  readonly averages?: readonly number[];
  readonly batch: number;
  readonly microBatch: number;
  /** How much is kept for the gradients; all they want by default. */
  readonly memory?: MemorySpec;
  /** What the network is trained in; float32 by default. */
  readonly precision?: Precision;
  readonly clip?: number;
  /** The share of labels that are left out in training, which classifier-free guidance needs. */
  readonly labelDropout: number;
  /** The range from which each sample's weight of guidance is drawn, for a network that is told it. */
  readonly guidance?: readonly [low: number, high: number];
  /** Which noise meets which example; each its own by default. */
  readonly coupling?: CouplingSpec;
  /** Mirrors half of the images. */
  readonly flip: boolean;
  /** What else is done to images; the network is told if the model has room for it. */
  readonly augment?: AugmentSpec;
  /** What the network is asked for; its own sample by default. */
  readonly target?: TargetSpec;
  readonly seed: number;
}

/** What the network is asked for: what its own sample says, what many samples say, what a teacher says, or what it says itself at less noise. */
export type TargetSpec = { readonly type: "dsm" } | StableTargetSpec | TeacherTargetSpec | ConsistencyTargetSpec;

/** c of the pseudo-Huber loss, which only consistency has. */
export const curveOf = (target: TargetSpec | undefined): number | undefined =>
  target && "metric" in target && target.metric?.type === "pseudo-huber" ? (target.metric.c ?? 0.00054) : undefined;
export const isCurved = (target: TargetSpec | undefined): boolean => curveOf(target) !== undefined;

/** Whether the loss is a distance of features, which needs the network that has them. */
export const comparesFeatures = (target: TargetSpec | undefined): boolean =>
  target !== undefined && "metric" in target && target.metric?.type === "features";

export const isMoved = (target: TargetSpec | undefined): boolean => target !== undefined && target.type !== "dsm";

/** Refuses what stable targets would get wrong, and a student without a teacher. */
export function checkTarget({ target, augment, objective }: TrainerSpec, teacher: MovedTarget | undefined): void {
  if (target?.type !== "stf") {
    if (isMoved(target) !== (teacher !== undefined))
      throw new ConfigError(
        teacher
          ? "training.target: targets are given, and the recipe asks for none. Take progressive or consistency."
          : `training.target: ${target?.type} needs ${target?.type === "consistency" ? "its targets: consistencyTargets makes them" : "a teacher. ornstein distill makes such runs"}.`,
      );
    return;
  }
  if (augment)
    throw new ConfigError(
      "training.target: stf compares images as they are, and augmentation makes each another kind of image: targets would mix what the network is told to keep apart. Leave data.augment out (data.flip works), or take dsm.",
    );
  if (objective.noise.offset > 0)
    throw new ConfigError(
      "training.target: stf weighs samples by noise that is independent from pixel to pixel, which objective.noise.offset is not. Leave one of them out.",
    );
}

/** Refuses data that the model was not made for. */
export function checkData({ shape, classes: told, classifies }: ModelSpec, dataset: Dataset): void {
  const classes = classifies === undefined ? told : classifies * Math.max(told, 1);
  if (dataset.shape.join() !== shape.join())
    throw new ConfigError(`data: examples of ${dataset.name} are [${dataset.shape}] (the model takes [${shape}]).`);
  const labels = dataset.classes?.length ?? 0;
  if (classes > 0 && labels !== classes)
    throw new ConfigError(`data: ${dataset.name} has ${labels} classes (the model was made for ${classes}).`);
}
