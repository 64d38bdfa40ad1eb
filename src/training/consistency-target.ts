/** The targets of consistency models, as plain data. What they are is computed by who has the networks. */
import type { TeacherGuidance } from "./teacher-target.ts";

/** How far apart two answers are. */
export type ConsistencyMetric =
  /** The mean square of the difference. */
  | { readonly type: "l2" }
  /** √(d² + c²) − c of its root mean square d (Song and Dhariwal 2024): outliers count less. c is 0.00054 by default. */
  | { readonly type: "pseudo-huber"; readonly c?: number }
  /**
   * The distance of what a classifier of the data sees in both, layer by layer (LPIPS in Song et al. 2023, without weights that
   * people's judgement taught), and `pixels` times the mean square of the difference, 1 by default. Of labelled images only.
   */
  | { readonly type: "features"; readonly pixels?: number };

/**
 * The answer at a noise level is to be what a target network, an average of the one in training, says at the next lower of N
 * levels on the same trajectory (Song et al. 2023). The levels are those of the objective's schedule, evenly in its time.
 */
export type ConsistencyTargetSpec =
  /** Consistency training: the data take the place of a teacher. N grows from `startScales` to `endScales`. */
  | {
      readonly type: "consistency";
      /** s₀, 2 by default. */
      readonly startScales?: number;
      /** s₁, 150 by default, theirs for CIFAR-10. The same as `startScales`: N stays. */
      readonly endScales?: number;
      /** μ₀ of the target network, 0.9 by default; nearer to 1 with more levels. 0: the network in training itself. */
      readonly ema?: number;
      readonly metric?: ConsistencyMetric;
    }
  /** Consistency distillation: a Heun step of a teacher leads to the next level. */
  | {
      readonly type: "consistency-distillation";
      /** N, 18 by default. */
      readonly scales?: number;
      /** μ of the target network, 0.95 by default. */
      readonly ema?: number;
      readonly metric?: ConsistencyMetric;
      readonly guidance?: TeacherGuidance;
    };
