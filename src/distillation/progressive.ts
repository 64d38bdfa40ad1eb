/** Progressive distillation (Salimans and Ho 2022): a student of N steps learns to do two steps of its teacher in one. */
import type { NoiseSchedule } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Denoise } from "../sampling/index.ts";

/** The log-SNRs of one student step and of the teacher's step half-way. */
export interface ProgressiveLevels {
  /** At t = index/N, where the student starts. */
  readonly t: number;
  /** At (index − ½)/N. */
  readonly mid: number;
  /** At (index − 1)/N, where it ends. */
  readonly s: number;
}

/** The levels of step `index` of 1 … `studentSteps`. The schedule must have finite ends: truncate it. */
export function progressiveLevels(schedule: NoiseSchedule, studentSteps: number, index: number): ProgressiveLevels {
  if (!(Number.isSafeInteger(studentSteps) && studentSteps >= 1))
    throw new ConfigError(
      `progressive distillation: studentSteps must be a whole number of at least 1; got ${studentSteps}.`,
    );
  if (!(Number.isSafeInteger(index) && index >= 1 && index <= studentSteps))
    throw new ConfigError(`progressive distillation: index must be 1 to ${studentSteps}; got ${index}.`);
  const at = (time: number) => {
    const logSnr = schedule.logSnr(time, 1 - time);
    if (!Number.isFinite(logSnr))
      throw new ConfigError(
        `progressive distillation: log-SNR at t ${time} is ${logSnr} (finite). Truncate the schedule.`,
      );
    return logSnr;
  };
  return { t: at(index / studentSteps), mid: at((index - 0.5) / studentSteps), s: at((index - 1) / studentSteps) };
}

/** A target for the student, and the teacher's way to it; samples are x = z/α in the variance-exploding frame. */
export interface ProgressiveTarget {
  /** x̃: what the student shall answer at the start, so that one DDIM step with it ends where the teacher's two do. */
  readonly target: Float64Array;
  /** The teacher's two answers. */
  readonly first: Float64Array;
  readonly second: Float64Array;
  /** Where the teacher is after one and after two DDIM steps. */
  readonly xMid: Float64Array;
  readonly xEnd: Float64Array;
}

/**
 * The student's target at `x`, on noise level σ̃(λ_t). With a = σ̃_mid/σ̃_t and b = σ̃_s/σ̃_mid the two DDIM steps end at
 * (1 − b)D₂ + b(1 − a)D₁ + ab·x, so x̃ = ((1 − b)D₂ + b(1 − a)D₁)/(1 − ab): a mean of the teacher's two answers, free of the
 * cancellation in the paper's (z_s − σ_s/σ_t z_t)/(α_s − σ_s/σ_t α_t). The step to the data (`last`) takes D₂ itself.
 * The teacher's answers are used as they are: clip the student when it samples, not its target.
 */
export async function progressiveTarget(
  teacher: Denoise,
  x: Float64Array,
  { t, mid, s }: ProgressiveLevels,
  last = false,
): Promise<ProgressiveTarget> {
  const [sigma, sigmaMid, sigmaEnd] = [t, mid, s].map((logSnr) => Math.exp(-logSnr / 2));
  const [a, b] = [sigmaMid / sigma, sigmaEnd / sigmaMid];
  const first = await teacher(x, sigma);
  const xMid = mix(1 - a, first, a, x);
  const second = await teacher(xMid, sigmaMid);
  const xEnd = mix(1 - b, second, b, xMid);
  const total = 1 - a * b;
  const target = last ? second.slice() : mix((1 - b) / total, second, (b * (1 - a)) / total, first);
  return { target, first, second, xMid, xEnd };
}

/** a·x + b·y */
function mix(a: number, x: Float64Array, b: number, y: Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < out.length; i++) out[i] = a * x[i] + b * y[i];
  return out;
}

/**
 * Weights of the squared x error in progressive distillation, as functions of λ (their section 4): max(SNR, 1), which keeps
 * weight where the SNR goes to 0, and SNR + 1, which is the v error. Plain SNR would not train a one-step student.
 */
export const progressiveWeightings = {
  "truncated-snr": (logSnr: number) => Math.max(Math.exp(logSnr), 1),
  "snr-plus-one": (logSnr: number) => Math.exp(logSnr) + 1,
} as const satisfies Readonly<Record<string, (logSnr: number) => number>>;

/** The network's time label: atan(e^{−λ/2})/(π/2), with λ limited to ±20; t of the untruncated cosine schedule. */
export const inverseCosineLabel = (logSnr: number): number =>
  Math.atan(Math.exp(-Math.min(20, Math.max(-20, logSnr)) / 2)) / (Math.PI / 2);
