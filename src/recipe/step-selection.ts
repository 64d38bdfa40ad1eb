/**
 * The best steps for a trained model, by dynamic programming over the terms of its variational bound (Watson et al. 2021).
 * Every model is seen as a variance-preserving one, ᾱ = 1/(1 + σ̃²): the divergences do not depend on the scale of z.
 */
import { batches, type Dataset, order } from "../data/index.ts";
import { discreteSchedule } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { measureNodes, type NodeQuality, planSteps, sigmaSteps, stepCosts } from "../sampling/index.ts";
import { areBytes } from "./examples.ts";
import { startStd, usualLevels } from "./sampling-plan.ts";
import { evenBatch, type TrainedModel } from "./trained.ts";

export interface StepSelectionRequest {
  /** Examples that the model is measured on at every level. */
  readonly count: number;
  readonly seed: number;
  /** The most steps to plan. */
  readonly maxSteps: number;
  /** Noise levels to choose from, for a model without timesteps: evenly spaced in log-SNR. 200 by default. */
  readonly levels?: number;
  /** The variance of a step back: β̃ ("small", default) or β ("large"). */
  readonly variance?: "small" | "large";
  /** Most rows in one call of the network; 64 by default. */
  readonly batch?: number;
}

/** Noise levels, falling, and what they cost. */
export interface PlannedGrid {
  readonly sigmas: readonly number[];
  /** The bound on −ln p: bits/dim of bytes, nats/dim of other data. */
  readonly bound: number;
}

export interface StepSelection {
  readonly unit: "bits/dim" | "nats/dim";
  /** The levels to choose from, rising: σ̃ of node 1, 2, …. */
  readonly levels: readonly number[];
  /** The cheapest grid of so many steps. */
  best(steps: number): PlannedGrid;
  /** What a grid costs whose levels are taken to the nearest of `levels`; undefined where two fall on the same. */
  bound(sigmas: readonly number[]): number | undefined;
  /** Usual grids of so many steps, by name, with their costs; those that the levels cannot tell apart are left out. */
  usual(steps: number): Readonly<Record<string, PlannedGrid>>;
}

/** Measures a model, one pass over the examples a level, and plans steps; yields the share of the work done. */
export async function* selectSteps(
  model: TrainedModel,
  dataset: Dataset,
  { count, seed, maxSteps, levels: levelCount = 200, variance = "small", batch: most = 64 }: StepSelectionRequest,
): AsyncGenerator<{ readonly share: number; readonly evaluations: number }, StepSelection, void> {
  if (count > dataset.size)
    throw new ConfigError(`steps: ${count} examples of ${dataset.name} (it has ${dataset.size}).`);
  const { recipe, dims } = model;
  const levels = nodesOf(model, levelCount);
  const nodes = levels.length;
  if (maxSteps > nodes)
    throw new ConfigError(`steps: a budget of ${maxSteps} steps from ${nodes} noise levels (as many at most).`);
  const batch = evenBatch(count, most);
  const whole = Math.ceil(count / batch);
  const denoiser = await model.denoiser(batch);
  const assemble = batches(dataset, { seed, order: order(seed, dataset.size) });
  const bytes = areBytes(dataset, assemble(0, Math.min(count, 16)).x);
  const alphasCumprod = levels.map((sigma) => 1 / (1 + sigma ** 2));
  const sums = levels.map((_, i) => ({ node: i + 1, reconstruction: 0, decoderNll: 0 }));
  let square = 0;

  for (let part = 0; part < whole; part++) {
    const { x: found, labels } = assemble(part * batch, batch);
    const x = Float64Array.from(found);
    square += x.reduce((sum, v) => sum + v * v, 0) / (whole * batch);
    const streams = Array.from({ length: batch }, (_, i) => stream(seed, "step selection", part * batch + i));
    const noise = () => {
      const out = new Float64Array(x.length);
      for (const [row, own] of streams.entries()) own.fillNormal(out.subarray(row * dims, (row + 1) * dims));
      return out;
    };
    const denoise = denoiser.denoise(
      Array.from({ length: batch }, (_, i) => (model.classes > 0 ? labels?.[i] : undefined)),
    );
    const decoder = bytes ? "bytes" : "density";
    for await (const { node, reconstruction, decoderNll } of measureNodes(denoise, x, {
      alphasCumprod,
      noise,
      batch,
      decoder,
    })) {
      sums[node - 1].reconstruction += reconstruction / whole;
      sums[node - 1].decoderNll += decoderNll / whole;
      yield { share: (part + node / nodes) / whole, evaluations: model.calls };
    }
  }
  const priors = levels.map((sigma) => priorCost(square, dims, sigma, startStd(recipe, sigma)));
  return selection({ levels, alphasCumprod, qualities: sums, priors, dims, variance, maxSteps, bytes });
}

/** KL(N(x, σ²) ‖ N(0, s²)) in nats a sample, from the mean of |x|². */
const priorCost = (square: number, dims: number, sigma: number, s: number) =>
  (square / s ** 2 + dims * ((sigma / s) ** 2 - 1 + 2 * Math.log(s / sigma))) / 2;

/** The timesteps of a discrete process, or levels evenly spaced in log-SNR; rising. */
function nodesOf({ recipe }: TrainedModel, count: number): number[] {
  const { schedule } = recipe.objective;
  if (schedule?.kind === "discrete") return Array.from(discreteSchedule(schedule.table).sigmas.filter(Number.isFinite));
  return sigmaSteps({ type: "exponential", steps: count, ...usualLevels(recipe) }).toReversed();
}

interface Measured {
  readonly levels: readonly number[];
  readonly alphasCumprod: readonly number[];
  readonly qualities: readonly NodeQuality[];
  /** What it costs to start from each level. */
  readonly priors: readonly number[];
  readonly dims: number;
  readonly variance: "small" | "large";
  readonly maxSteps: number;
  readonly bytes: boolean;
}

function selection({ levels, priors, dims, maxSteps, bytes, ...measured }: Measured): StepSelection {
  const nodes = levels.length;
  const jumps = stepCosts({ ...measured, dims });
  // One more node stands for pure noise, from which the first step goes to any level: where to start is planned too.
  const size = nodes + 2;
  const cost = new Float64Array(size * size).fill(Number.POSITIVE_INFINITY);
  for (let s = 0; s <= nodes; s++) {
    cost.set(jumps.subarray(s * (nodes + 1), (s + 1) * (nodes + 1)), s * size);
    if (s > 0) cost[s * size + nodes + 1] = priors[s - 1];
  }
  const plans = planSteps(cost, size, maxSteps + 1);
  const unit = dims * (bytes ? Math.LN2 : 1);
  const logs = levels.map(Math.log);
  const nearest = (sigma: number) => {
    const log = Math.log(sigma);
    return logs.reduce((best, value, i) => (Math.abs(value - log) < Math.abs(logs[best] - log) ? i : best), 0) + 1;
  };
  const bound = (sigmas: readonly number[]) => {
    const path = [0, ...sigmas.map(nearest).toReversed(), nodes + 1];
    if (path.some((node, i) => i > 0 && node <= path[i - 1])) return undefined;
    return path.slice(1).reduce((sum, node, i) => sum + cost[path[i] * size + node], 0) / unit;
  };
  const at = (steps: number, place: (share: number) => number) =>
    Array.from({ length: steps }, (_, i) => levels[Math.round(place(steps === 1 ? 0 : i / (steps - 1)))]);
  const [sigmaMin, sigmaMax] = [levels[0], levels[nodes - 1]];
  return {
    unit: bytes ? "bits/dim" : "nats/dim",
    levels,
    best: (steps) => ({
      sigmas: plans
        .path(steps + 1)
        .slice(1, -1)
        .map((node) => levels[node - 1])
        .toReversed(),
      bound: plans.cost(steps + 1) / unit,
    }),
    bound,
    usual: (steps) => {
      const candidates: Readonly<Record<string, readonly number[]>> = {
        "even nodes": at(steps, (share) => (1 - share) * (nodes - 1)),
        trailing: at(steps, (share) => nodes - 1 - share * (nodes - nodes / steps)),
        quadratic: at(steps, (share) => (1 - share) ** 2 * (nodes - 1)),
        exponential: sigmaSteps({ type: "exponential", steps, sigmaMin, sigmaMax }),
        karras: sigmaSteps({ type: "karras", steps, sigmaMin, sigmaMax }),
      };
      return Object.fromEntries(
        Object.entries(candidates).flatMap(([name, sigmas]) => {
          const found = bound(sigmas);
          return found === undefined ? [] : [[name, { sigmas, bound: found }]];
        }),
      );
    },
  };
}
