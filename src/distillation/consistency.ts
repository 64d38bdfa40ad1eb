/** Consistency distillation and training (Song et al. 2023): schedules, pairs of neighbouring points, losses. */
import { ConfigError, unknownName } from "../errors/index.ts";
import { type Denoise, finish, heun } from "../sampling/index.ts";

/** How the number of noise scales and the target network's average change as training goes on. */
export interface ConsistencySchedule {
  /** "fixed": always `startScales`. "progressive": from `startScales` to `endScales`, growing as √step. */
  readonly scaleMode: "fixed" | "progressive";
  /** "fixed": always `startEma`. "adaptive": `startEma` at first, nearer to 1 with more scales. */
  readonly emaMode: "fixed" | "adaptive";
  /** μ₀; 0.95 by default. */
  readonly startEma?: number;
  /** s₀; 2 by default, the paper's for training. Distillation has 40 or 18 fixed ones. */
  readonly startScales?: number;
  /** s₁, with "progressive"; 200 by default. */
  readonly endScales?: number;
  /** Steps of the whole run, with "progressive". */
  readonly totalSteps?: number;
}

/**
 * N and μ at a training step (their appendix C): n = max(⌈√(k/K((s₁ + 1)² − s₀²) + s₀²) − 1⌉, 1), N = n + 1, and
 * μ = exp(s₀ ln μ₀/n).
 */
export function consistencyScales(
  { scaleMode, emaMode, startEma = 0.95, startScales = 2, endScales = 200, totalSteps = 800_000 }: ConsistencySchedule,
  step: number,
): { readonly numScales: number; readonly targetEma: number } {
  if (scaleMode !== "fixed" && scaleMode !== "progressive")
    throw unknownName("consistency schedule: scaleMode", scaleMode, ["fixed", "progressive"]);
  if (emaMode !== "fixed" && emaMode !== "adaptive")
    throw unknownName("consistency schedule: emaMode", emaMode, ["fixed", "adaptive"]);
  if (!(startScales >= 2 && Number.isSafeInteger(startScales)))
    throw new ConfigError(
      `consistency schedule: startScales must be a whole number of at least 2; got ${startScales}.`,
    );
  if (!(startEma > 0 && startEma <= 1))
    throw new ConfigError(`consistency schedule: startEma must be above 0 and at most 1; got ${startEma}.`);
  let intervals = startScales - 1;
  if (scaleMode === "progressive") {
    if (!(endScales >= startScales && totalSteps > 0))
      throw new ConfigError(
        `consistency schedule: needs endScales ≥ startScales and totalSteps > 0; got ${endScales}, ${startScales}, ${totalSteps}.`,
      );
    const grown = (step / totalSteps) * ((endScales + 1) ** 2 - startScales ** 2) + startScales ** 2;
    intervals = Math.max(Math.ceil(Math.sqrt(grown) - 1), 1);
  } else if (emaMode === "adaptive")
    throw new ConfigError(
      'consistency schedule: emaMode "adaptive" needs scaleMode "progressive", whose scales it follows.',
    );
  const targetEma = emaMode === "fixed" ? startEma : Math.exp((Math.log(startEma) * startScales) / intervals);
  return { numScales: intervals + 1, targetEma };
}

/** Two neighbouring points of one trajectory: the student answers at the first, the target network at the second. */
export interface ConsistencyPair {
  /** x + σ·noise. */
  readonly xSigma: Float64Array;
  /** The same trajectory at the next lower level. */
  readonly xNext: Float64Array;
}

/**
 * Moves a noisy batch down one scale. With a `teacher`, one Heun step of its probability flow (consistency distillation);
 * without, one Euler step that takes the clean data for the denoiser's answer, x + σ'·noise (consistency training).
 */
export async function consistencyPair(
  x: Float64Array,
  noise: Float64Array,
  { sigma, next }: { readonly sigma: number; readonly next: number },
  teacher?: Denoise,
): Promise<ConsistencyPair> {
  if (!(sigma > next && next > 0))
    throw new ConfigError(`consistency pair: levels must be sigma > next > 0; got ${sigma} and ${next}.`);
  const xSigma = noisy(x, sigma, noise);
  const xNext = teacher ? await finish(heun(teacher, xSigma, [sigma, next])) : noisy(x, next, noise);
  return { xSigma, xNext };
}

/** x + σ·noise */
function noisy(x: Float64Array, sigma: number, noise: Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < out.length; i++) out[i] = x[i] + sigma * noise[i];
  return out;
}

/** Loss weights as functions of σ and σ_data, with SNR = σ⁻². */
export const consistencyWeightings = {
  uniform: () => 1,
  snr: (sigma: number) => sigma ** -2,
  karras: (sigma: number, sigmaData: number) => sigma ** -2 + sigmaData ** -2,
  "truncated-snr": (sigma: number) => Math.max(sigma ** -2, 1),
} as const satisfies Readonly<Record<string, (sigma: number, sigmaData: number) => number>>;

/** The name of a weighting of consistency losses. */
export type ConsistencyWeighting = keyof typeof consistencyWeightings;

/** The weight of a level. */
export function consistencyWeight(name: ConsistencyWeighting, sigma: number, sigmaData = 0.5): number {
  if (!Object.hasOwn(consistencyWeightings, name))
    throw unknownName("consistency weighting", name, Object.keys(consistencyWeightings));
  return consistencyWeightings[name](sigma, sigmaData);
}

/** Weight times the mean over a sample's dimensions of the squared ("l2") or absolute ("l1") difference, for each sample. */
export function consistencyLoss(
  student: Float64Array,
  target: Float64Array,
  { norm, weight = 1, batch = 1 }: { readonly norm: "l1" | "l2"; readonly weight?: number; readonly batch?: number },
): Float64Array {
  if (norm !== "l1" && norm !== "l2") throw unknownName("consistency loss: norm", norm, ["l1", "l2"]);
  const dims = student.length / batch;
  const losses = new Float64Array(batch);
  for (let row = 0; row < batch; row++) {
    let sum = 0;
    for (let i = row * dims; i < (row + 1) * dims; i++) {
      const difference = student[i] - target[i];
      sum += norm === "l2" ? difference ** 2 : Math.abs(difference);
    }
    losses[row] = (weight * sum) / dims;
  }
  return losses;
}
