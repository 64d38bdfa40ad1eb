/**
 * How the loss of a trained network spreads from draw to draw, noise level by noise level: the variance that a timestep law
 * leaves in the estimate of a weighted loss. What the network's errors are is measured once; what any law and weighting
 * make of them is arithmetic, so laws are compared on the same errors.
 */
import { batches, type Dataset, order } from "../data/index.ts";
import type { LogSnrRange, Objective, TimestepLaw } from "../diffusion/index.ts";
import { stream } from "../random/index.ts";
import { noiseOf } from "../training/index.ts";
import { checkExamples, type Estimate } from "./examples.ts";
import type { LikelihoodProgress } from "./run-likelihood.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";

export interface ErrorsRequest {
  readonly range: LogSnrRange;
  /** Equal parts of the range; 32 by default. */
  readonly bins?: number;
  /** Examples, each seen once in every bin. */
  readonly count: number;
  readonly seed: number;
  /** Whose noise (input perturbation, offset) and timesteps are used; plain noise and any λ if left out. */
  readonly objective?: Objective;
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

/** Squared errors of a network over the log-SNRs. Draws are `[bins × count]`, bins from low to high λ. */
export interface NoiseErrors {
  readonly range: LogSnrRange;
  readonly bins: number;
  readonly count: number;
  readonly logSnr: Float64Array;
  /** ‖ε − ε̂‖², the mean over dimensions. */
  readonly squared: Float64Array;
}

/** Where all but 2 in 10,000 draws of a law fall, within [−20, 20]. */
export function lawRange(objective: Objective, law: TimestepLaw): LogSnrRange {
  const [a, b] = [1e-4, 1 - 1e-4].map((u) => Math.min(Math.max(objective.draw(law, u).logSnr, -20), 20));
  return { min: Math.min(a, b), max: Math.max(a, b) };
}

/** Measures the errors of a model on examples of a data set, each with its class if the model knows classes. */
export async function* measureErrors(
  model: TrainedModel,
  dataset: Dataset,
  { range, bins = 32, count, seed, objective, batch: most = 64 }: ErrorsRequest,
): AsyncGenerator<LikelihoodProgress, NoiseErrors, void> {
  checkExamples("explain", model, dataset, count);
  const { dims, facts } = model;
  const { x, labels } = batches(dataset, { seed, order: order(seed, dataset.size) })(0, count);
  const width = (range.max - range.min) / bins;
  const levels = objective?.axis.levels?.filter(Number.isFinite);
  const nearest = (at: number) =>
    levels?.reduce((best, level) => (Math.abs(level - at) < Math.abs(best - at) ? level : best)) ?? at;
  const total = bins * count;
  // Each example stands at its own place in every bin.
  const place = stream(seed, "place in a bin").uniform();
  const logSnr = Float64Array.from({ length: total }, (_, item) => {
    const within = (place + (item % count) / count) % 1;
    return nearest(range.min + (Math.floor(item / count) + within) * width);
  });
  const squared = new Float64Array(total);
  const batch = evenBatch(total, most);
  const denoiser = await model.denoiser(batch);
  const callsBefore = model.calls;
  const shape = [1, ...facts.shape];

  for (let start = 0; start < total; start += batch) {
    // A last batch that is not full repeats what there was, and forgets it.
    const items = Array.from({ length: batch }, (_, i) => (start + i) % total);
    const sigmas = items.map((item) => Math.exp(-logSnr[item] / 2));
    const noises = items.map((item) => {
      const own = Float32Array.from(stream(seed, "noise of errors", item).fillNormal(new Float64Array(dims)));
      return objective ? noiseOf(objective.noise, { seed, position: item, shape }, own) : { noise: own };
    });
    const noisy = new Float64Array(batch * dims);
    for (const [row, item] of items.entries()) {
      const { noise, inputNoise = noise } = noises[row];
      const from = (item % count) * dims;
      for (let i = 0; i < dims; i++) noisy[row * dims + i] = x[from + i] + sigmas[row] * inputNoise[i];
    }
    const told = items.map((item) => (model.classes > 0 ? labels?.[item % count] : undefined));
    const { denoised } = await denoiser.denoiseEach(told)(noisy, sigmas);
    for (const [row, item] of items.slice(0, total - start).entries()) {
      let sum = 0;
      for (let i = 0; i < dims; i++) {
        const at = row * dims + i;
        sum += ((noisy[at] - denoised[at]) / sigmas[row] - noises[row].noise[i]) ** 2;
      }
      squared[item] = sum / dims;
    }
    yield { share: Math.min(1, (start + batch) / total), evaluations: model.calls - callsBefore };
  }
  return { range, bins, count, logSnr, squared };
}

/** A weighted loss and where it is looked at: one draw's loss is weight/density · ‖ε − ε̂‖². */
export interface Estimator {
  /** w(λ). */
  readonly weight: (logSnr: number) => number;
  /** p(λ). */
  readonly density: (logSnr: number) => number;
}

/** The estimator that an objective makes under a law. */
export const estimatorOf = (objective: Objective, law: TimestepLaw): Estimator => ({
  weight: objective.effectiveWeighting(law),
  density: (logSnr) => objective.axis.density(law, logSnr),
});

/** The loss of one draw that falls into a bin. */
export interface LossBin extends LogSnrRange {
  /** The probability that a draw does. */
  readonly share: number;
  readonly mean: number;
  readonly std: number;
}

/**
 * The variance of one draw's loss, over the square of its mean; a batch of n independent draws has 1/n of it. `between`
 * noise levels is what draws spread evenly over a batch do away with, `within` a level they do not.
 */
export interface LossSpread {
  readonly mean: Estimate;
  readonly variance: Estimate;
  readonly between: Estimate;
  readonly within: Estimate;
  readonly bins: readonly LossBin[];
}

/** What a law makes of measured errors. Standard errors are jackknife ones over groups of examples. */
export function lossSpread(errors: NoiseErrors, estimator: Estimator): LossSpread {
  const all = momentsOf(errors, estimator, () => true);
  const groups = Math.min(10, errors.count);
  const without = Array.from({ length: groups }, (_, g) =>
    summary(momentsOf(errors, estimator, (example) => example % groups !== g)),
  );
  const whole = summary(all);
  const withError = (key: keyof typeof whole): Estimate => {
    const mean = without.reduce((sum, one) => sum + one[key], 0) / groups;
    const squares = without.reduce((sum, one) => sum + (one[key] - mean) ** 2, 0);
    return { mean: whole[key], error: Math.sqrt((squares * (groups - 1)) / groups) };
  };
  const { min, max } = errors.range;
  const width = (max - min) / errors.bins;
  const bins = all.map(({ share, mean, variance }, i) => ({
    min: min + i * width,
    max: min + (i + 1) * width,
    share,
    mean,
    std: Math.sqrt(variance),
  }));
  return {
    mean: withError("mean"),
    variance: withError("variance"),
    between: withError("between"),
    within: withError("within"),
    bins,
  };
}

/**
 * The density that an adaptive law comes to for a weighting: in proportion to the mean weighted error of each bin, so that
 * the loss is the same at every noise level (Kingma & Gao 2023, appendix F). 0 outside the measured range.
 */
export function adaptiveDensity(errors: NoiseErrors, weight: Estimator["weight"]): Estimator["density"] {
  const { range, bins, count, logSnr, squared } = errors;
  const width = (range.max - range.min) / bins;
  const means = Float64Array.from({ length: bins }, (_, bin) => {
    let sum = 0;
    for (let i = bin * count; i < (bin + 1) * count; i++) sum += weight(logSnr[i]) * squared[i];
    return sum / count;
  });
  const total = means.reduce((a, b) => a + b, 0) * width;
  return (at) => {
    const bin = Math.floor((at - range.min) / width);
    return at < range.min || at > range.max ? 0 : means[Math.min(bin, bins - 1)] / total;
  };
}

interface Moments {
  readonly share: number;
  readonly mean: number;
  readonly variance: number;
}

/** Of one draw's loss in each bin, from examples that are kept; bins that are never drawn have no loss. */
function momentsOf(
  { range, bins, count, logSnr, squared }: NoiseErrors,
  { weight, density }: Estimator,
  keep: (example: number) => boolean,
): Moments[] {
  const width = (range.max - range.min) / bins;
  const found = Array.from({ length: bins }, (_, bin) => {
    let [kept, mass, first, second] = [0, 0, 0, 0];
    for (let example = 0; example < count; example++) {
      if (!keep(example)) continue;
      kept++;
      const at = bin * count + example;
      const p = density(logSnr[at]);
      if (!(p > 0)) continue;
      const loss = (weight(logSnr[at]) / p) * squared[at];
      mass += p;
      first += p * loss;
      second += p * loss ** 2;
    }
    if (mass === 0) return { share: 0, mean: 0, variance: 0 };
    const mean = first / mass;
    const unbiased = kept > 1 ? kept / (kept - 1) : 1;
    return { share: (mass / kept) * width, mean, variance: Math.max(0, second / mass - mean ** 2) * unbiased };
  });
  const total = found.reduce((sum, { share }) => sum + share, 0);
  return found.map((one) => ({ ...one, share: one.share / total }));
}

function summary(bins: readonly Moments[]) {
  const over = (value: (one: Moments) => number) => bins.reduce((sum, one) => sum + one.share * value(one), 0);
  const mean = over((one) => one.mean);
  const within = over((one) => one.variance) / mean ** 2;
  const between = over((one) => (one.mean - mean) ** 2) / mean ** 2;
  return { mean, within, between, variance: within + between };
}
