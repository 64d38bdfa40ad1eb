/** The signature that all samplers on a ladder of noise levels share. */
import type { Denoise, Sigmas, Step } from "./denoise.ts";

/**
 * Takes samples from noise level `sigmas[0]` to the last one, one `Step` at a time. `x` is the batch at the first
 * level (unit noise times `sigmas[0]`, as a rule), and is only read. Whoever iterates may stop at any step.
 */
export type Sampler<Options> = (
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  options?: Options,
) => AsyncGenerator<Step>;
