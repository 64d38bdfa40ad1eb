/** The targets that come from a teacher, as plain data. What they are is computed by who has the teacher. */

/** Guidance of the teacher, which its student then has built in. */
export interface TeacherGuidance {
  /** w in D∅ + w (D − D∅). */
  readonly scale: number;
  /** Guidance acts where low < σ̃ ≤ high. */
  readonly interval?: readonly [number, number];
}

/**
 * Progressive distillation (Salimans and Ho 2022): where the student takes one DDIM step, its teacher takes as many as there
 * are `levels` to each timestep of the student. With one timestep that is the teacher's whole way to the data, as Luhman and
 * Luhman (2021) have it.
 */
export interface ProgressiveTargetSpec {
  readonly type: "progressive";
  /** The teacher's noise levels σ̃, rising; every so many-th is one of the student's, the last of all among them. */
  readonly levels: readonly number[];
  readonly guidance?: TeacherGuidance;
}

/**
 * The first stage of guided distillation (Meng et al. 2023): what classifier-free guidance makes of two answers of the teacher,
 * at the weight that the student is told.
 */
export interface GuidedTargetSpec {
  readonly type: "guided";
}

export type TeacherTargetSpec = ProgressiveTargetSpec | GuidedTargetSpec;
