/** UniPC: a multistep predictor and a corrector that reuses the predictor's one evaluation (Zhao et al. 2023). */
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { multistepOrders } from "./dpm-solver.ts";
import { apply, phis, prediction, type Span, span, type Update } from "./exponential.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const unipcOptions = {
  order: { type: "integer", default: 2, min: 1, max: 3, about: "order of the predictor; the corrector adds one" },
  variant: { type: "choice", default: "bh2", choices: ["bh1", "bh2"], about: "B(h) = h, or e^h − 1" },
  predicts: { type: "choice", default: "data", choices: ["data", "noise"], about: "what is interpolated" },
  ending: {
    type: "choice",
    default: "lower",
    choices: ["lower", "same"],
    about: "the last steps have lower orders, or not",
  },
} as const satisfies OptionTable;

export type UnipcOptions = Given<typeof unipcOptions> & Handed;

/**
 * UniPC-p: predicts with order p, evaluates there once, corrects to order p + 1. The evaluation at the predicted point
 * serves the next step too, and the last step is not corrected, so there is one evaluation a step. A ladder that ends
 * with 0 takes the denoiser's answer at the last positive level.
 * @throws ConfigError for fewer positive levels than the order needs.
 */
export async function* unipc(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: UnipcOptions = {},
): AsyncGenerator<Step> {
  checkStart("unipc", x, sigmas);
  const { order, variant, predicts, ending } = resolve("unipc", unipcOptions, given);
  const positive = sigmas.filter((sigma) => sigma > 0);
  const steps = positive.length - 1;
  const orders = multistepOrders("unipc", steps, order, ending === "lower");

  let denoised = await denoise(x, positive[0]);
  const values = [prediction(predicts, x, denoised, positive[0])]; // newest first
  for (let index = 0; index < steps; index++) {
    const [sigma, next, used] = [positive[index], positive[index + 1], denoised];
    const bridge = span(predicts, sigma, next);
    const { predict, correct } = updates(bridge, variant, ratios(positive, index, orders[index]));
    const predicted = apply(predict, x, values);
    if (index + 1 === steps && steps + 1 === sigmas.length) {
      yield { index, sigma, x: predicted, denoised: used };
      return;
    }
    denoised = await denoise(predicted, next);
    const value = prediction(predicts, predicted, denoised, next);
    x = index + 1 === steps ? predicted : apply(correct, x, [value, ...values]);
    values.unshift(value);
    values.length = Math.min(values.length, 3);
    yield { index, sigma, x, denoised: used };
  }
  yield { index: steps, sigma: positive[steps], x: denoised, denoised };
}

/** r_k = (λ_k − λ_0)/h of the `order` − 1 earlier levels, newest first: negative numbers. */
function ratios(sigmas: Sigmas, index: number, order: number): number[] {
  const h = Math.log(sigmas[index] / sigmas[index + 1]);
  return Array.from({ length: order - 1 }, (_, k) => Math.log(sigmas[index] / sigmas[index - 1 - k]) / h);
}

/**
 * Predictor and corrector weights. Both match Σ_k ρ_k r_k^{i−1} = i! φ_{i+1}(h)/B(h) for as many i as they have points
 * (their eq. 5); with a single point both take ρ = 1/2, which B(h) makes second order by itself.
 */
function updates(
  { h, scale, unit }: Span,
  variant: "bh1" | "bh2",
  earlier: readonly number[],
): { readonly predict: Update; readonly correct: Update } {
  const order = earlier.length + 1;
  const phi = phis(h, order + 1);
  const b = variant === "bh1" ? h : phi[0];
  let factorial = 1;
  const targets = Array.from({ length: order }, (_, i) => (phi[i + 1] * (factorial *= i + 1)) / b);

  const forward = order === 1 ? [] : order === 2 ? [0.5] : vandermonde(earlier, targets);
  const back = order === 1 ? [0.5] : vandermonde([...earlier, 1], targets);
  // D1_k = (m_k − m_0)/r_k: each difference takes its weight from m_0.
  const old = (rho: readonly number[]) => earlier.map((r, k) => (-unit * b * rho[k]) / r);
  const sum = (weights: readonly number[]) => weights.reduce((total, weight) => total + weight, 0);
  const [predicted, corrected, latest] = [old(forward), old(back), -unit * b * back[order - 1]];
  return {
    predict: { scale, weights: [-unit * phi[0] - sum(predicted), ...predicted] },
    correct: { scale, weights: [latest, -unit * phi[0] - sum(corrected) - latest, ...corrected] },
  };
}

/** Solves Σ_k ρ_k r_k^i = target_i, i = 0 … n − 1, for the n nodes r: the Björck–Pereyra recursion, by Newton's form. */
function vandermonde(nodes: readonly number[], targets: readonly number[]): number[] {
  const n = nodes.length;
  const rho = targets.slice(0, n);
  for (let k = 0; k < n - 1; k++) for (let i = n - 1; i > k; i--) rho[i] -= nodes[k] * rho[i - 1];
  for (let k = n - 2; k >= 0; k--) {
    for (let i = k + 1; i < n; i++) rho[i] /= nodes[i] - nodes[i - k - 1];
    for (let i = k; i < n - 1; i++) rho[i] -= rho[i + 1];
  }
  return rho;
}
