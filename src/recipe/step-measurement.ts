/**
 * How well a trained model does at chosen noise levels, example by example: all that the variational bound of ancestral
 * sampling through any of them needs (Watson et al. 2021). Every model is seen as a variance-preserving one,
 * ᾱ = 1/(1 + σ̃²): the divergences do not depend on the scale of z.
 */
import { batches, type Dataset, order } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { jumpCost, measureNodes } from "../sampling/index.ts";
import { areBytes } from "./examples.ts";
import { startStd } from "./sampling-plan.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";

export interface StepMeasurementRequest {
  /** Examples to measure on. */
  readonly count: number;
  /** Where they begin in the seed's order of the data; 0 by default. Each has its own noise. */
  readonly first?: number;
  readonly seed: number;
  /** The variance of a step back: β̃ ("small", default) or β ("large"). */
  readonly variance?: "small" | "large";
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

export interface StepProgress {
  /** Of all work, 0 to 1. */
  readonly share: number;
  readonly evaluations: number;
}

/** What the examples cost at the levels, in nats. Nodes are numbered from 1. */
export interface StepMeasurement {
  readonly unit: "bits/dim" | "nats/dim";
  /** Nats in one `unit` of a whole sample. */
  readonly nats: number;
  /** Rising. */
  readonly levels: readonly number[];
  readonly alphasCumprod: readonly number[];
  readonly dims: number;
  readonly variance: "small" | "large";
  /** Of an example at a node: ‖x₀ − x̂₀‖². */
  reconstruction(node: number): Float64Array;
  /** −ln p of each example by the decoder that jumps from a node to the data. */
  decoderNll(node: number): Float64Array;
  /** What each example costs to start from at a node: KL(N(x, σ̃²) ‖ N(0, s²)). */
  prior(node: number): Float64Array;
  /** The bound of each example along nodes that rise, in `unit`. */
  bounds(nodes: readonly number[]): Float64Array;
}

/** Evaluates the network once for each level and example. */
export async function* measureLevels(
  model: TrainedModel,
  dataset: Dataset,
  levels: readonly number[],
  { count, first = 0, seed, variance = "small", batch: most = 64 }: StepMeasurementRequest,
): AsyncGenerator<StepProgress, StepMeasurement, void> {
  if (first + count > dataset.size)
    throw new ConfigError(
      `steps: ${count} examples ${first === 0 ? "" : `besides ${first} others `}of ${dataset.name} (it has ${dataset.size}).`,
    );
  const { recipe, dims } = model;
  const nodes = levels.length;
  const batch = evenBatch(count, most);
  const whole = Math.ceil(count / batch);
  const denoiser = await model.denoiser(batch);
  const assemble = batches(dataset, { seed, order: order(seed, dataset.size) });
  const bytes = areBytes(dataset, assemble(0, Math.min(dataset.size, 16)).x);
  const alphasCumprod = levels.map((sigma) => 1 / (1 + sigma ** 2));
  const table = () => Array.from({ length: nodes }, () => new Float64Array(count));
  const [reconstruction, decoderNll] = [table(), table()];
  const squares = new Float64Array(count);

  for (let part = 0; part < whole; part++) {
    // A last batch that is not full repeats what there was, and forgets it.
    const items = Array.from({ length: batch }, (_, i) => (part * batch + i) % count);
    const x = new Float64Array(batch * dims);
    const labels = items.map((item, row) => {
      const { x: one, labels: label } = assemble(first + item, 1);
      x.set(one, row * dims);
      squares[item] = one.reduce((sum, v) => sum + v * v, 0);
      return model.classes > 0 ? label?.[0] : undefined;
    });
    const streams = items.map((item) => stream(seed, "step selection", first + item));
    const noise = () => {
      const out = new Float64Array(x.length);
      for (const [row, own] of streams.entries()) own.fillNormal(out.subarray(row * dims, (row + 1) * dims));
      return out;
    };
    const decoder = bytes ? "bytes" : "density";
    const measuring = measureNodes(denoiser.denoise(labels), x, { alphasCumprod, noise, batch, decoder });
    for await (const { node, each } of measuring) {
      const wanted = Math.min(batch, count - part * batch);
      reconstruction[node - 1].set(each.reconstruction.subarray(0, wanted), part * batch);
      decoderNll[node - 1].set(each.decoderNll.subarray(0, wanted), part * batch);
      yield { share: (part + node / nodes) / whole, evaluations: model.calls };
    }
  }

  const nats = dims * (bytes ? Math.LN2 : 1);
  const jump = { alphasCumprod, dims, variance };
  const prior = (node: number) => {
    const sigma = levels[node - 1];
    const s = startStd(recipe, sigma);
    return squares.map((square) => (square / s ** 2 + dims * ((sigma / s) ** 2 - 1 + 2 * Math.log(s / sigma))) / 2);
  };
  return {
    unit: bytes ? "bits/dim" : "nats/dim",
    nats,
    levels,
    ...jump,
    reconstruction: (node) => reconstruction[node - 1],
    decoderNll: (node) => decoderNll[node - 1],
    prior,
    bounds(path) {
      const total = prior(path[path.length - 1]);
      for (const [i, node] of path.entries()) {
        const { fixed, factor } = i === 0 ? { fixed: 0, factor: 1 } : jumpCost(path[i - 1], node, jump);
        const costs = (i === 0 ? decoderNll : reconstruction)[node - 1];
        for (let k = 0; k < count; k++) total[k] += fixed + factor * costs[k];
      }
      return total.map((sum) => sum / nats);
    },
  };
}
