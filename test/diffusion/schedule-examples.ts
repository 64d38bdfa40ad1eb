/** Every noise schedule. */
import type { NoiseScheduleSpec } from "../../src/diffusion/index.ts";

export const scheduleExamples: readonly NoiseScheduleSpec[] = [
  { type: "cosine" },
  { type: "edm-training" },
  { type: "edm-sampling" },
  { type: "flow" },
  { type: "linear" },
  { type: "vdm-linear" },
  { type: "vdm" },
  { type: "ve" },
  { type: "sub-vp" },
  { type: "ou" },
  { type: "laplace" },
  { type: "discrete", table: { type: "cosine", steps: 20 } },
];
/** Every member as it is, shifted, truncated, and both. */
export const adjustedSchedules = scheduleExamples.flatMap((spec): NoiseScheduleSpec[] => [
  spec,
  { ...spec, shift: -0.7 },
  { ...spec, truncate: { min: -8, max: 6 } },
  { ...spec, shift: 0.4, truncate: { min: -6, max: 8 } },
]);
