/** t_δ/T of Bernoulli timestep sampling, measured on the data at hand (Zheng et al. 2024, Algorithm 1, step 1). */
import { significantTime, w2Decay } from "../analysis/index.ts";
import { type Dataset, elements } from "../data/index.ts";
import { noiseAxis, noiseSchedule, sigmoid, type TimestepSpec, timestepSampler } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import type { Recipe } from "./recipe.ts";

/** Examples of each of the sets that are compared; the decay needs few. */
const setSize = 48;
/** Times at which they are compared; 1, where no distance is left to take a logarithm of, is not one. */
const points = 41;

/**
 * The recipe with a threshold of "auto" replaced by the share of the time axis in which two different sets of examples,
 * noised, are still further apart than `delta` of their distance (0.05 by default): W₂ from the debiased Sinkhorn
 * divergence, less what two samples of one set show. The sets are two classes or, without labels, dark and bright examples.
 */
export async function resolveThreshold(recipe: Recipe, dataset: Dataset): Promise<Recipe> {
  const { timesteps } = recipe.objective;
  if (timesteps.type !== "bernoulli" || timesteps.threshold !== "auto") return recipe;
  const { delta = 0.05, ...rest } = timesteps;
  const logSnrAt = timeline(recipe);
  const [x, y, again] = setsOf(dataset, recipe.training.seed);
  const dims = elements(dataset.shape);
  const noise = stream(recipe.training.seed, "significant interval");
  const decay = w2Decay({
    x,
    y,
    again,
    dims,
    process: { alpha: (t) => Math.sqrt(sigmoid(logSnrAt(t))), sigma: (t) => Math.sqrt(sigmoid(-logSnrAt(t))) },
    times: Array.from({ length: points }, (_, i) => i / points),
    noise: sharedNoise((count) => noise.fillNormal(new Float64Array(count))),
  });
  const measured = [];
  for await (const point of decay) measured.push(point);
  const found = significantTime(measured, delta);
  if (found === undefined || !(found > 0 && found < 1))
    throw new ConfigError(
      `objective.timesteps.threshold: auto: the examples never come as near as delta ${delta} of their distance. Give a larger delta, or a threshold.`,
    );
  const threshold = Number(found.toFixed(3));
  return { ...recipe, objective: { ...recipe.objective, timesteps: { ...rest, threshold } } };
}

/**
 * Noise for the sets x, y and again of each time, in that order. The latter two, which are never compared with each other,
 * have it in common: so it cancels in what the distance exceeds the baseline by, which else drowns in it at high noise.
 */
function sharedNoise(fresh: (count: number) => Float64Array): (count: number) => Float64Array {
  let calls = 0;
  let last: Float64Array = new Float64Array(0);
  return (count) => {
    if (calls++ % 3 < 2) last = fresh(count);
    return last;
  };
}

/** λ over the axis that the threshold is a share of: times of the schedule, or quantiles of the law it is put over. */
function timeline({ objective: { schedule, timesteps } }: Recipe): (t: number) => number {
  const clean = (logSnr: number) => Math.min(Math.max(logSnr, -40), 40);
  const over = timesteps.type === "bernoulli" ? timesteps.over : undefined;
  if (over === undefined || schedule) {
    if (!schedule)
      throw new ConfigError("objective.timesteps.threshold: auto: needs a schedule, or a law to be over. Give one.");
    const { logSnr } = noiseSchedule(
      schedule.kind === "discrete" ? { type: "discrete", table: schedule.table } : schedule.schedule,
    );
    return (t) => clean(logSnr(t));
  }
  const sampler = timestepSampler(over as TimestepSpec);
  const law = sampler.law(sampler.init());
  const { visit } = noiseAxis(sampler.of, undefined);
  const rising = visit(law.draw(0.25)).logSnr < visit(law.draw(0.75)).logSnr;
  return (t) => clean(visit(law.draw(rising ? 1 - t : t)).logSnr);
}

/** Two sets of different examples, and a second one like the first. */
function setsOf(dataset: Dataset, seed: number): readonly [Float64Array, Float64Array, Float64Array] {
  const dims = elements(dataset.shape);
  const order = stream(seed, "significant interval, examples").permutation(dataset.size);
  const { label } = dataset;
  const [first, second] =
    label && (dataset.classes?.length ?? 0) > 1 ? byLabel(dataset, order) : byBrightness(dataset, order);
  const size = Math.min(setSize, Math.floor(first.length / 2), second.length);
  if (size < 2)
    throw new ConfigError(
      `objective.timesteps.threshold: auto: ${dataset.name} has too few examples to compare. Give a threshold.`,
    );
  const read = (indices: readonly number[]) => {
    const out = new Float32Array(indices.length * dims);
    for (const [i, index] of indices.entries()) dataset.read(index, out, i * dims);
    return Float64Array.from(out);
  };
  return [read(first.slice(0, size)), read(second.slice(0, size)), read(first.slice(size, 2 * size))];
}

/** The examples of two classes. */
function byLabel(dataset: Dataset, order: Uint32Array): readonly [number[], number[]] {
  const of = (wanted: number) => Array.from(order.filter((index) => dataset.label?.(index) === wanted));
  return [of(0), of(1)];
}

/** The brighter and the darker half of some examples. */
function byBrightness(dataset: Dataset, order: Uint32Array): readonly [number[], number[]] {
  const dims = elements(dataset.shape);
  const row = new Float32Array(dims);
  const some = Array.from(order.subarray(0, 4 * setSize), (index) => {
    dataset.read(index, row, 0);
    return { index, mean: row.reduce((a, b) => a + b, 0) / dims };
  });
  const sorted = some.sort((a, b) => b.mean - a.mean).map(({ index }) => index);
  const half = Math.ceil(sorted.length / 2);
  return [sorted.slice(0, half), sorted.slice(half)];
}
