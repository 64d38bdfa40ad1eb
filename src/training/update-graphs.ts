/**
 * One update as graphs: the gradient of a micro-batch's loss, its norm, and what a whole gradient does to the state. How they
 * become programs is the updater's matter.
 */
import { ConfigError } from "../errors/index.ts";
import { type Expr, inFloat16, input, type Precision, recompute } from "../graph/index.ts";
import { flatGradient, flatten, type NoiseInput, type Parameter, parameterCount } from "../nn/index.ts";
import type { Carried } from "../runtime/index.ts";
import { clipScale, globalNorm } from "./gradient.ts";
import { type LossSpec, lossGraph } from "./loss-graph.ts";
import { type AdamState, adam, adamRates, type OptimizerSpec } from "./optimizer.ts";

/**
 * What is kept from the forward to the backward pass: all that gradients want, or little, and the rest is computed a second
 * time. The gradient is the same up to rounding.
 */
export const memorySpecs = ["normal", "low"] as const;
export type MemorySpec = (typeof memorySpecs)[number];

/** An update, of samples that pass through the network `microBatch` at a time. The gradient is that of the whole batch. */
export interface UpdateSpec extends LossSpec {
  /** Samples in one update; a multiple of `microBatch`. */
  readonly batch: number;
  readonly memory?: MemorySpec;
  /**
   * What the network and its gradients are computed in; float32 if left out. The state is float32 in either case, and so are
   * the loss, all sums and the update: in float16 the loss is multiplied by a loss scale, and the gradient divided by it.
   */
  readonly precision?: Precision;
  readonly optimizer: OptimizerSpec;
  /** The gradient's norm is cut to this; undefined leaves it alone. */
  readonly clip?: number;
}

/** The arrays that training changes, each as long as the parameters. */
export const stateNames = ["params", "mean", "square", "ema"] as const;
export type StateName = (typeof stateNames)[number];

/** The graphs of one update: of a micro-batch's gradient, and of what a whole gradient does to the state. */
export interface UpdateGraphs {
  readonly parameters: readonly Parameter[];
  readonly uniforms: readonly NoiseInput[];
  /** The loss of each sample of a micro-batch. */
  readonly losses: Expr;
  /** The micro-batch's part of the gradient, flat; a function of the input "params". */
  readonly gradient: Expr;
  /** The norm of a flat gradient, and what clipping multiplies it with. */
  measure(gradient: Expr): { readonly norm: Expr; readonly gradientScale?: Expr };
  /** What the update does to all parameters, from a gradient that is clipped already. */
  changeBy(gradient: Expr): Readonly<Record<StateName, Carried>>;
  /** What it does to `length` of them, from the input "gradient" and, with clipping, the number "gradientScale". */
  change(length: number): Readonly<Record<StateName, Carried>>;
}

/** Builds the graphs of an update. Throws ConfigError where the model does not fit its data. */
export function updateGraphs(spec: UpdateSpec): UpdateGraphs {
  const { batch, microBatch, memory, precision, clip, optimizer } = spec;
  if (batch % microBatch !== 0)
    throw new ConfigError(`training.microBatch: ${microBatch} does not divide the batch of ${batch}.`);
  const { losses, parameters, uniforms } = lossGraph(spec);
  const vectors = (length: number): Readonly<Record<StateName, Expr<"input">>> => ({
    params: input("params", [length]),
    mean: input("mean", [length]),
    square: input("square", [length]),
    ema: input("ema", [length]),
  });
  const before = vectors(parameterCount(parameters));
  const lossScale = precision === "float16" ? input("lossScale", []) : undefined;
  const loss = losses.sum().mul(1 / batch);
  const passes = [losses, flatGradient(lossScale ? loss.mul(lossScale) : loss, parameters)];
  const nodes = parameters.map(({ node }) => node);
  const kept = memory === "low" ? recompute(passes, 1, nodes) : passes;
  const whole = flatten(kept, parameters, before.params);
  const [microLosses, gradient] = lossScale ? inFloat16(whole, [before.params]) : whole;
  return {
    parameters,
    uniforms,
    losses: microLosses,
    gradient: lossScale ? gradient.div(lossScale) : gradient,
    measure(flat) {
      const norm = globalNorm(flat);
      return { norm, ...(clip !== undefined && { gradientScale: clipScale(norm, clip) }) };
    },
    changeBy: (flat) => change(optimizer, before, flat),
    change(length) {
      const flat = input("gradient", [length]);
      const clipped = clip === undefined ? flat : flat.mul(input("gradientScale", []));
      return change(optimizer, vectors(length), clipped);
    },
  };
}

/** What an update does to parameters by their gradient. */
function change(
  optimizer: OptimizerSpec,
  before: Readonly<Record<StateName, Expr<"input">>>,
  gradient: Expr,
): Readonly<Record<StateName, Carried>> {
  const { params, mean, square }: AdamState = adam(optimizer, before, gradient, adamRates());
  const ema = params.add(before.ema.sub(params).mul(input("emaDecay", [])));
  return {
    params: { before: before.params, after: params },
    mean: { before: before.mean, after: mean },
    square: { before: before.square, after: square },
    ema: { before: before.ema, after: ema },
  };
}
