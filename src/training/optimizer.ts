/** Adam and AdamW as graphs over one flat vector (Kingma & Ba 2015; Loshchilov & Hutter 2019). */
import { type Expr, input, lift } from "../graph/index.ts";

/** What an optimiser is made of, apart from the learning rate. */
export interface OptimizerSpec {
  /** `adam` adds weight decay to the gradient, `adamw` shrinks the parameters directly. */
  readonly type: "adam" | "adamw";
  /** Decay of the mean of gradients; 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squared gradients; 0.999. */
  readonly beta2?: number;
  /** Keeps the division safe; 1e−8. */
  readonly eps?: number;
  readonly weightDecay?: number;
}

/** Parameters and both moments, flat, as one update reads or leaves them. */
export interface AdamState {
  readonly params: Expr;
  readonly mean: Expr;
  readonly square: Expr;
}

/** The numbers that change from update to update, as scalars handed in. */
export interface AdamRates {
  readonly lr: Expr;
  /** 1/(1 − β₁ᵗ) and 1/(1 − β₂ᵗ), t = 1, 2, …: what makes up for moments that start at 0. */
  readonly meanScale: Expr;
  readonly squareScale: Expr;
}

export const adamRates = (): AdamRates => ({
  lr: input("lr", []),
  meanScale: input("meanScale", []),
  squareScale: input("squareScale", []),
});

/** Values of {@link adamRates} for update `t` = 1, 2, …. */
export function adamFeeds({ beta1 = 0.9, beta2 = 0.999 }: OptimizerSpec, t: number, lr: number) {
  return { lr: [lr], meanScale: [1 / (1 - beta1 ** t)], squareScale: [1 / (1 - beta2 ** t)] };
}

/** One update: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← θ − lr · m̂/(√v̂ + ε). */
export function adam(
  { type, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 }: OptimizerSpec,
  { params, mean, square }: AdamState,
  gradient: Expr,
  { lr, meanScale, squareScale }: AdamRates,
): AdamState {
  const coupled = type === "adam" && weightDecay !== 0 ? gradient.add(params.mul(weightDecay)) : gradient;
  const nextMean = mean.mul(beta1).add(coupled.mul(1 - beta1));
  const nextSquare = square.mul(beta2).add(coupled.mul(coupled).mul(1 - beta2));
  // √(s v) + ε = √s (√v + ε/√s): the scale is applied to numbers, not to all of v.
  const root = squareScale.sqrt();
  const direction = nextMean.mul(lr.mul(meanScale).div(root)).div(nextSquare.sqrt().add(lift(eps).div(root)));
  const shrunk = type === "adamw" && weightDecay !== 0 ? params.sub(params.mul(lr.mul(weightDecay))) : params;
  return { params: shrunk.sub(direction), mean: nextMean, square: nextSquare };
}
