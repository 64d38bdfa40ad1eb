/** The schema of augmentation. */
import { z } from "zod";
import type { AugmentSpec } from "../data/index.ts";
import { nonNegative, optional } from "./fields.ts";

export const augmentSchema = z.strictObject({
  /** How likely each operation is. */
  probability: z.number().min(0).max(1),
  multipliers: z.exactOptional(
    z.strictObject(
      optional({
        xflip: nonNegative,
        yflip: nonNegative,
        scale: nonNegative,
        rotate: nonNegative,
        aniso: nonNegative,
        translate: nonNegative,
      }),
    ),
  ),
}) satisfies z.ZodType<AugmentSpec>;
