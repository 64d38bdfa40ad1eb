/** The best steps for a trained model, by dynamic programming over the terms of its variational bound (Watson et al. 2021). */
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { planSteps, stepCosts } from "../sampling/index.ts";
import { estimate } from "./examples.ts";
import { candidateLevels, usualGrids } from "./step-levels.ts";
import {
  measureLevels,
  type StepMeasurement,
  type StepMeasurementRequest,
  type StepProgress,
} from "./step-measurement.ts";
import type { TrainedModel } from "./trained.ts";

export interface StepSelectionRequest extends StepMeasurementRequest {
  /** The most steps to plan. */
  readonly maxSteps: number;
  /** Noise levels to choose from, for a model without timesteps: evenly spaced in log-SNR. 200 by default. */
  readonly levels?: number;
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
  { maxSteps, levels: levelCount = 200, ...request }: StepSelectionRequest,
): AsyncGenerator<StepProgress, StepSelection, void> {
  const levels = candidateLevels(model.recipe, levelCount);
  if (maxSteps > levels.length)
    throw new ConfigError(`steps: a budget of ${maxSteps} steps from ${levels.length} noise levels (as many at most).`);
  return selection(yield* measureLevels(model, dataset, levels, request), model, maxSteps);
}

function selection(measured: StepMeasurement, { recipe }: TrainedModel, maxSteps: number): StepSelection {
  const { levels, nats, unit } = measured;
  const nodes = levels.length;
  const qualities = levels.map((_, i) => ({
    node: i + 1,
    reconstruction: mean(measured.reconstruction(i + 1)),
    decoderNll: mean(measured.decoderNll(i + 1)),
  }));
  const jumps = stepCosts({ ...measured, qualities });
  // One more node stands for pure noise, from which the first step goes to any level: where to start is planned too.
  const size = nodes + 2;
  const cost = new Float64Array(size * size).fill(Number.POSITIVE_INFINITY);
  for (let s = 0; s <= nodes; s++) {
    cost.set(jumps.subarray(s * (nodes + 1), (s + 1) * (nodes + 1)), s * size);
    if (s > 0) cost[s * size + nodes + 1] = mean(measured.prior(s));
  }
  const plans = planSteps(cost, size, maxSteps + 1);
  const logs = levels.map(Math.log);
  const nearest = (sigma: number) => {
    const log = Math.log(sigma);
    return logs.reduce((best, value, i) => (Math.abs(value - log) < Math.abs(logs[best] - log) ? i : best), 0) + 1;
  };
  const bound = (sigmas: readonly number[]) => {
    const path = sigmas.map(nearest).toReversed();
    if (path.some((node, i) => i > 0 && node <= path[i - 1])) return undefined;
    return mean(measured.bounds(path));
  };
  return {
    unit,
    levels,
    best: (steps) => ({
      sigmas: plans
        .path(steps + 1)
        .slice(1, -1)
        .map((node) => levels[node - 1])
        .toReversed(),
      bound: plans.cost(steps + 1) / nats,
    }),
    bound,
    usual: (steps) =>
      Object.fromEntries(
        Object.entries(usualGrids(recipe, steps)).flatMap(([name, sigmas]) => {
          const found = bound(sigmas);
          return found === undefined ? [] : [[name, { sigmas, bound: found }]];
        }),
      ),
  };
}

const mean = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** A grid's bound on data that it was not planned on. */
export interface CheckedGrid {
  readonly bound: number;
  /** Standard error over examples. */
  readonly error: number;
  /** How much more than the first grid it costs, example by example, and the standard error of that. */
  readonly more: number;
  readonly moreError: number;
}

/**
 * Measures grids at exactly their own levels, on the same examples and noise. `known` are the levels that steps were
 * planned from, whose lowest two make the variance of the decoder there.
 */
export async function* checkGrids(
  model: TrainedModel,
  dataset: Dataset,
  grids: readonly (readonly number[])[],
  known: readonly number[],
  request: StepMeasurementRequest,
): AsyncGenerator<StepProgress, CheckedGrid[], void> {
  // Levels apart by rounding only are the same: a jump between them would have no variance.
  const apart = (a: number, b: number) => b / a > 1 + 1e-6;
  const sorted = [...known.slice(0, 2), ...grids.flat()].sort((a, b) => a - b);
  const levels = sorted.filter((sigma, i) => i === 0 || apart(sorted[i - 1], sigma));
  const nodeOf = (sigma: number) => levels.findLastIndex((level) => !apart(sigma, level)) + 1;
  const measured = yield* measureLevels(model, dataset, levels, request);
  const all = grids.map((sigmas) => measured.bounds(sigmas.map(nodeOf).toReversed()));
  return all.map((bounds) => {
    const [own, more] = [estimate(bounds), estimate(bounds.map((bound, i) => bound - all[0][i]))];
    return { bound: own.mean, error: own.error, more: more.mean, moreError: more.error };
  });
}
