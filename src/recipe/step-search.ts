/** Steps of a trained model found by gradient through its sampler, and whether they are better on data not searched on. */
import { batches, type Dataset, order } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import {
  energyDistance,
  type FeatureMap,
  featureKernelLoss,
  kernelLoss,
  runSteps,
  type SampleLoss,
  type SearchedSteps,
  stepGradient,
} from "../sampling/index.ts";
import { type Estimate, estimate } from "./examples.ts";
import { startStd } from "./sampling-plan.ts";
import type { TrainedModel } from "./trained.ts";
import { usualLevels } from "./trained-levels.ts";

/** Examples that every batch of samples is compared with. */
const mostExamples = 2048;

/** What samples are compared with data by: the energy distance of both as they are, or KID, the kernel distance. */
export type StepLoss = "energy" | "kid";

export interface StepSearchRequest {
  /** "energy" by default. */
  readonly loss?: StepLoss;
  /** What the kernel of "kid" sees; left out: samples and data as they are, as for points. */
  readonly features?: FeatureMap;
  /** Levels to begin from, falling; the first stays. */
  readonly start: readonly number[];
  readonly seed: number;
  /** Updates; 200 by default. */
  readonly updates?: number;
  /** Samples in an update; 256 by default. They are compared with up to 2,048 examples. */
  readonly batch?: number;
  /** How far an update moves ln of a gap, about; 0.03 by default. */
  readonly rate?: number;
  /** Whether the factor of each step is searched too; false by default. DDIM has none of its own. */
  readonly factors?: boolean;
  /** Batches of other noise that the steps are compared on, against other examples; 20 by default. */
  readonly checks?: number;
}

export interface StepSearch extends SearchedSteps {
  /** The loss on other examples, from the levels begun from, and from those found. */
  readonly before: Estimate;
  readonly after: Estimate;
  /** after − before, batch by batch. */
  readonly change: Estimate;
}

/** Searches by Adam; yields every update's loss. */
export async function* searchSteps(
  model: TrainedModel,
  dataset: Dataset,
  request: StepSearchRequest,
): AsyncGenerator<{ readonly share: number; readonly loss: number }, StepSearch, void> {
  const { start, seed, updates = 200, batch = 256, rate = 0.03, factors: free = false, checks = 20 } = request;
  const { loss: lossName = "energy", features } = request;
  if (start.length < 2) throw new ConfigError("steps: --search: one step has no levels to move (2 steps or more).");
  const { dims, recipe } = model;
  const { sigmaMin } = usualLevels(recipe);
  const half = Math.floor(dataset.size / 2);
  const denoiser = await model.denoiser(batch);
  const assemble = batches(dataset, { seed, order: order(seed, dataset.size) });
  /** The first half of the data is searched on, the second checked on; in each, samples meet the same examples. */
  const lossFrom = (first: number): SampleLoss | Promise<SampleLoss> => {
    const x = Float64Array.from(assemble(first, Math.min(half, mostExamples)).x);
    if (lossName === "energy") return energyDistance(x, dims);
    return features ? featureKernelLoss(x, features) : kernelLoss(x, dims);
  };
  /** Batch k: noise, and classes as often as the half has them. */
  const draw = (purpose: "search" | "check", k: number) => {
    const first = purpose === "search" ? 0 : half;
    const classes = stream(seed, `step classes, ${purpose}`, k);
    const labels = Array.from({ length: batch }, () =>
      model.classes > 0 ? assemble(first + classes.integer(half), 1).labels?.[0] : undefined,
    );
    const std = startStd(recipe, start[0]);
    const noise = stream(seed, `step ${purpose}`, k).fillNormal(new Float64Array(batch * dims));
    return { labels, noise: noise.map((v) => v * std) };
  };
  // Levels as ln of the gaps between their logarithms, so that they always fall; factors as they are.
  const gaps = Float64Array.from(start.slice(1), (sigma, i) => Math.log(Math.log(start[i] / sigma)));
  const factors = new Float64Array(start.length).fill(1);
  const range = Math.log(start[0] / sigmaMin);
  const stepsNow = (): SearchedSteps => {
    keepWithin(range, gaps);
    let log = Math.log(start[0]);
    return {
      sigmas: [start[0], ...Array.from(gaps, (gap) => Math.exp((log -= Math.exp(gap))))],
      factors: [...factors],
    };
  };
  const adam = [adamOf(gaps, rate), adamOf(factors, rate / 3)];
  const lossOf = await lossFrom(0);
  for (let update = 0; update < updates; update++) {
    const { labels, noise } = draw("search", update);
    const now = stepsNow();
    const found = await stepGradient(denoiser.denoise(labels), denoiser.denoiseAndProduct(labels), noise, now, lossOf);
    // ln σ_i = ln σ_0 − Σ exp(gap): a gap moves all levels after it.
    const ofGaps = new Float64Array(gaps.length);
    for (let i = gaps.length - 1, sum = 0; i >= 0; i--) ofGaps[i] = -Math.exp(gaps[i]) * (sum += found.levels[i + 1]);
    const cooled = 1 - update / updates;
    adam[0](ofGaps, cooled);
    if (free) adam[1](found.factors, cooled);
    yield { share: (update + 1) / updates, loss: found.loss };
  }
  const last = stepsNow();
  const begun: SearchedSteps = { sigmas: start, factors: start.map(() => 1) };
  const [before, after] = [new Float64Array(checks), new Float64Array(checks)];
  const check = await lossFrom(half);
  for (let k = 0; k < checks; k++) {
    const { labels, noise } = draw("check", k);
    const denoise = denoiser.denoise(labels);
    before[k] = (await check((await runSteps(denoise, noise, begun)).at(-1) ?? noise)).loss;
    after[k] = (await check((await runSteps(denoise, noise, last)).at(-1) ?? noise)).loss;
  }
  const change = after.map((value, k) => value - before[k]);
  return { ...last, before: estimate(before), after: estimate(after), change: estimate(change) };
}

/** Moves gaps whose levels would end below the lowest together until the last level is there. */
function keepWithin(range: number, gaps: Float64Array): void {
  const total = gaps.reduce((sum, gap) => sum + Math.exp(gap), 0);
  if (total > range) for (let i = 0; i < gaps.length; i++) gaps[i] -= Math.log(total / range);
}

/** Adam on an array in place; `scale` shrinks the rate. */
function adamOf(values: Float64Array, rate: number) {
  const [mean, square] = [new Float64Array(values.length), new Float64Array(values.length)];
  let step = 0;
  return (gradient: Float64Array, scale: number) => {
    step++;
    for (let i = 0; i < values.length; i++) {
      mean[i] = 0.9 * mean[i] + 0.1 * gradient[i];
      square[i] = 0.99 * square[i] + 0.01 * gradient[i] ** 2;
      values[i] -= (scale * rate * (mean[i] / (1 - 0.9 ** step))) / (Math.sqrt(square[i] / (1 - 0.99 ** step)) + 1e-12);
    }
  };
}
