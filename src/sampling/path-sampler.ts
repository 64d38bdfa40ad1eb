/** The signature of samplers that follow a path in its own time, from t = 1 down. */
import type { Path } from "../diffusion/index.ts";
import type { Denoise, Step } from "./denoise.ts";
import type { Handed } from "./noise.ts";

/** A step of a path sampler. Here `x` is z = α x + σ ε, which near t = 0 is a sample; `sigma` is σ/α, as everywhere. */
export interface PathStep extends Step {
  /** The time of `x`. */
  readonly t: number;
  /** `x` without the noise that the step added last. */
  readonly mean: Float64Array;
}

/** Takes z from `path` at t = 1 (unit noise times `path.priorStd`) towards t = 0. `z` is only read. */
export type PathSampler<Options> = (
  denoise: Denoise,
  z: Float64Array,
  path: Path,
  options?: Options,
) => AsyncGenerator<PathStep>;

/** What a path sampler is handed besides its options. */
export interface PathHanded extends Handed {
  /** How many samples the batch has. Only the Langevin corrector asks, for its mean norms. */
  readonly samples?: number;
}

/** Options that the samplers with fixed steps share. */
export const pathOptions = {
  steps: { type: "integer", default: 1000, min: 1, about: "how many" },
  end: {
    type: "number",
    default: 1e-3,
    min: 0,
    max: 1,
    about: "time at which to stop, just before the score blows up; 1e-5 is usual for VE",
  },
  last: {
    type: "choice",
    default: "mean",
    choices: ["mean", "sample"],
    about: "whether the very last step leaves out its noise",
  },
} as const;
