/** A trained model looked at along its ODE: curvature, single steps, and denoising of images it has not seen. */
import { rowDistances, type Trajectories, trajectories } from "../analysis/index.ts";
import { type Dataset, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { sigmaGrid } from "../sampling/index.ts";
import { matchPool } from "../transport/index.ts";
import { startStd } from "./sampling-plan.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";
import { usualLevels } from "./trained-levels.ts";

export interface ExamineRequest {
  /** Trajectories to follow. */
  readonly count: number;
  /** Heun steps, evenly spaced in ln σ. */
  readonly steps: number;
  readonly seed: number;
  /** Images in one call of the network; 64 or the count, whichever is less. */
  readonly batch?: number;
}

/** Follows `count` trajectories from pure noise; of a conditional model, each class in turn. */
export async function examineTrajectories(
  model: TrainedModel,
  { count, steps, seed, batch: most = 64 }: ExamineRequest,
): Promise<Trajectories> {
  const { dims, classes, recipe } = model;
  const { sigmaMin, sigmaMax } = usualLevels(recipe);
  const sigmas = sigmaGrid({ type: "exponential", sigmaMin, sigmaMax, steps });
  const batch = evenBatch(count, most);
  const std = startStd(recipe, sigmaMax);
  const parts: Trajectories[] = [];
  for (let first = 0; first < count; first += batch) {
    const start = new Float64Array(batch * dims);
    for (let i = 0; i < batch; i++)
      stream(seed, "sample", first + i).fillNormal(start.subarray(i * dims, (i + 1) * dims));
    const labels = Array.from({ length: batch }, (_, i) => (classes > 0 ? (first + i) % classes : undefined));
    const { denoise } = await model.denoiser(batch);
    parts.push(
      await trajectories(
        denoise(labels),
        start.map((value) => std * value),
        dims,
        sigmas,
      ),
    );
  }
  return joined(parts);
}

/** Batches as one bundle. All are of one size, which makes the mean of means the mean. */
function joined(parts: readonly Trajectories[]): Trajectories {
  const flat = (values: readonly Float64Array[]) => Float64Array.from(values.flatMap((part) => [...part]));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    levels: parts[0].levels.map(({ sigma }, i) => ({
      sigma,
      curvature: mean(parts.map(({ levels }) => levels[i].curvature)),
      singleStepError: mean(parts.map(({ levels }) => levels[i].singleStepError)),
    })),
    lengths: flat(parts.map(({ lengths }) => lengths)),
    guesses: parts[0].guesses.map((_, i) => flat(parts.map(({ guesses }) => guesses[i]))),
    samples: flat(parts.map(({ samples }) => samples)),
  };
}

/** ‖D(x + σ ε) − x‖ at a noise level, root mean squares over pixels, means over images. */
export interface DenoisingError {
  readonly sigma: number;
  /** Noise independent of the image: what plain training minimises, and no denoiser beats the posterior mean at it. */
  readonly independent: number;
  /** Noise matched with the images in a pool: what training with matched noise minimises. */
  readonly matched: number;
}

export interface DenoisingRequest {
  readonly sigmas: readonly number[];
  /** Images, in one pool; classes are matched within themselves if the model knows them. */
  readonly pool: number;
  readonly seed: number;
  readonly batch?: number;
}

/** Denoises images with noise of their own, and with the same noise matched. */
export async function* examineDenoising(
  model: TrainedModel,
  dataset: Dataset,
  { sigmas, pool, seed, batch: most = 64 }: DenoisingRequest,
): AsyncGenerator<DenoisingError> {
  const dims = elements(dataset.shape);
  if (dims !== model.dims)
    throw new ConfigError(
      `${dataset.name}: has examples of [${dataset.shape}] (the model takes ${model.dims} numbers).`,
    );
  if (pool > dataset.size) throw new ConfigError(`--pool: ${dataset.name} has ${dataset.size} examples; got ${pool}.`);
  const indices = stream(seed, "examples").permutation(dataset.size).subarray(0, pool);
  const x = new Float32Array(pool * dims);
  for (const [i, index] of indices.entries()) dataset.read(index, x, i * dims);
  const labels = Array.from(indices, (index) => (model.classes > 0 ? dataset.label?.(index) : undefined));
  const independent = stream(seed, "noise").fillNormal(new Float32Array(pool * dims));
  const within = model.classes > 0 ? { labels: Int32Array.from(labels, (label) => label ?? 0) } : {};
  const matched = matchPool({ samples: x, noise: independent, dims, ...within });
  const batch = evenBatch(pool, most);
  const error = async (noise: Float32Array, sigma: number) => {
    let sum = 0;
    for (let first = 0; first < pool; first += batch) {
      const row = (i: number) => Math.min(first + i, pool - 1);
      const clean = new Float64Array(batch * dims);
      const noisy = new Float64Array(batch * dims);
      for (let i = 0; i < batch; i++)
        for (let d = 0; d < dims; d++) {
          clean[i * dims + d] = x[row(i) * dims + d];
          noisy[i * dims + d] = clean[i * dims + d] + sigma * noise[row(i) * dims + d];
        }
      const { denoise } = await model.denoiser(batch);
      const guess = await denoise(Array.from({ length: batch }, (_, i) => labels[row(i)]))(noisy, sigma);
      const used = Math.min(batch, pool - first);
      for (const distance of rowDistances(guess.subarray(0, used * dims), clean, dims)) sum += distance / pool;
    }
    return sum;
  };
  for (const sigma of sigmas)
    yield { sigma, independent: await error(independent, sigma), matched: await error(matched, sigma) };
}
