/** The variational bound on the likelihood of data under a trained model, its three terms apart. */
import { batches, type Dataset, order } from "../data/index.ts";
import { lowDiscrepancy, type ReverseVariance } from "../diffusion/index.ts";
import { stream } from "../random/index.ts";
import { type BoundFormName, type BoundFormOptions, boundForm } from "./bound-form.ts";
import { areBytes, checkExamples, type Estimate, estimate } from "./examples.ts";
import type { LikelihoodProgress } from "./run-likelihood.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";

export interface RunBoundRequest extends BoundFormOptions {
  /** Examples, chosen at random by the seed. */
  readonly count: number;
  readonly seed: number;
  /** Noise levels, or timesteps, that each example is seen at, spread evenly; 32 by default, all timesteps at most. */
  readonly levels?: number;
  /** Leaves the classes out of a model that knows them. */
  readonly unconditional?: boolean;
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

export interface RunBound {
  readonly form: BoundFormName;
  readonly variance?: ReverseVariance;
  /** Bits a dimension for images of bytes, otherwise nats a dimension. */
  readonly unit: "bits/dim" | "nats/dim";
  /** The bound: an upper bound on −log p(x)/D in expectation, and its terms, which add up to it. */
  readonly total: Estimate;
  readonly prior: Estimate;
  readonly reconstruction: Estimate;
  readonly diffusion: Estimate;
  readonly dims: number;
  readonly sigmaMin: number;
  readonly sigmaMax: number;
  /** Noise levels for each example. */
  readonly levels: number;
  readonly evaluations: number;
}

/**
 * The bound of examples of a data set. Their noise levels are spread evenly, over those of one example and over all
 * examples: together `count`·`levels` equally spaced ones. Standard errors are over examples, and so hold the noise too.
 */
export async function* runBound(
  model: TrainedModel,
  dataset: Dataset,
  { count, seed, levels: asked = 32, unconditional = false, batch: most = 64, ...options }: RunBoundRequest,
): AsyncGenerator<LikelihoodProgress, RunBound, void> {
  checkExamples("bound", model, dataset, count);
  const { dims } = model;
  const { x, labels } = batches(dataset, { seed, order: order(seed, dataset.size) })(0, count);
  const bytes = areBytes(dataset, x);
  const form = boundForm(model.recipe, bytes, options);
  const levels = Math.min(asked, form.most);
  const offsets = lowDiscrepancy(stream(seed, "bound levels").uniform(), { size: count });
  const visitOf = (example: number, which: number) =>
    which === 0 ? form.reconstruction : form.diffusion((which - 1 + offsets[example]) / levels);

  const perExample = levels + 1;
  const total = count * perExample;
  const batch = evenBatch(total, most);
  const denoiser = await model.denoiser(batch);
  const callsBefore = model.calls;
  const unit = dims * (bytes ? Math.LN2 : 1);
  const cleanOf = (example: number) => Float64Array.from(x.subarray(example * dims, (example + 1) * dims));
  const prior = Float64Array.from({ length: count }, (_, example) => form.prior(cleanOf(example)) / unit);
  const reconstruction = new Float64Array(count);
  const diffusion = new Float64Array(count);

  for (let start = 0; start < total; start += batch) {
    // A last batch that is not full repeats what there was, and forgets it.
    const rows = Array.from({ length: batch }, (_, i) => {
      const item = (start + i) % total;
      const example = Math.floor(item / perExample);
      const which = item % perExample;
      const noise = stream(seed, "bound noise", item).fillNormal(new Float64Array(dims));
      return { example, which, visit: visitOf(example, which), clean: cleanOf(example), noise };
    });
    const noisy = new Float64Array(batch * dims);
    for (const [row, { visit, clean, noise }] of rows.entries()) {
      // At infinite noise x̃ stands for the noise itself.
      const [a, b] = visit.sigma === Number.POSITIVE_INFINITY ? [0, 1] : [1, visit.sigma];
      for (let i = 0; i < dims; i++) noisy[row * dims + i] = a * clean[i] + b * noise[i];
    }
    const told = rows.map(({ example }) => (model.classes > 0 && !unconditional ? labels?.[example] : undefined));
    const sigmas = rows.map(({ visit }) => visit.sigma);
    const { denoised, variance } = await denoiser.denoiseEach(told)(noisy, sigmas);
    for (const [row, { example, which, visit, clean, noise }] of rows.slice(0, total - start).entries()) {
      const own = (values: Float64Array) => values.subarray(row * dims, (row + 1) * dims);
      const answer = { clean, noise, denoised: own(denoised), ...(variance && { variance: own(variance) }) };
      const nats = visit.nats(answer) / unit;
      if (which === 0) reconstruction[example] = nats;
      else diffusion[example] += nats / levels;
    }
    yield { share: Math.min(1, (start + batch) / total), evaluations: model.calls - callsBefore };
  }
  return {
    form: form.name,
    ...(form.variance !== undefined && { variance: form.variance }),
    unit: bytes ? "bits/dim" : "nats/dim",
    total: estimate(prior.map((value, i) => value + reconstruction[i] + diffusion[i])),
    prior: estimate(prior),
    reconstruction: estimate(reconstruction),
    diffusion: estimate(diffusion),
    dims,
    sigmaMin: form.sigmaMin,
    sigmaMax: form.sigmaMax,
    levels,
    evaluations: model.calls - callsBefore,
  };
}
