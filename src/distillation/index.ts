/** Distillation: what a student of fewer steps is asked, computed from its teacher. */
export {
  type ConsistencyPair,
  type ConsistencySchedule,
  type ConsistencyWeighting,
  consistencyLoss,
  consistencyPair,
  consistencyScales,
  consistencyWeight,
  consistencyWeightings,
} from "./consistency.ts";
export { heunStepEach } from "./heun-step.ts";
export {
  inverseCosineLabel,
  type ProgressiveLevels,
  type ProgressiveTarget,
  progressiveLevels,
  progressiveTarget,
  progressiveWeightings,
} from "./progressive.ts";
export { type TeacherSteps, teacherSteps } from "./teacher-steps.ts";
