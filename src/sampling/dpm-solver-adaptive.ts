/** DPM-Solver with adaptive steps: DPM-Solver-12 and -23 (Lu et al. 2022a, appendix C). */
import { alphaOf } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import type { Denoise, Sigmas } from "./denoise.ts";
import { dpmSolverOptions, singlestepUpdates } from "./dpm-solver.ts";
import { apply, prediction } from "./exponential.ts";
import { checkStart, ends } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import type { AdaptiveStep } from "./sampler.ts";

export const dpmSolverAdaptiveOptions = {
  order: { type: "integer", default: 3, min: 2, max: 3, about: "2 compares orders 1 and 2, 3 compares orders 2 and 3" },
  predicts: dpmSolverOptions.predicts,
  coefficients: dpmSolverOptions.coefficients,
  atol: { type: "number", default: 0.0078, min: 0, about: "absolute tolerance of z; 2/255 for images in [-1, 1]" },
  rtol: { type: "number", default: 0.05, min: 0, about: "tolerance relative to z" },
  hInit: { type: "number", default: 0.05, above: 0, about: "first step, in half log-SNR" },
  theta: { type: "number", default: 0.9, above: 0, max: 1, about: "safety factor of the next step" },
} as const satisfies OptionTable;

export interface DpmSolverAdaptiveHanded extends Handed {
  /** Samples in the batch, each with its own error; the worst one decides. Default 1. */
  readonly batch?: number;
  /** α at a noise level: errors are those of z = α x, so that the tolerances mean the same at all levels. Default VP. */
  readonly alpha?: (sigma: number) => number;
  /** Whether a level is near enough to the end to stop; by default only the end itself. */
  readonly arrived?: (sigma: number) => boolean;
  /** Whether to keep the first evaluation of a rejected step; default true. The peers' code evaluates again. */
  readonly reuse?: boolean;
}

export type DpmSolverAdaptiveOptions = Given<typeof dpmSolverAdaptiveOptions> & DpmSolverAdaptiveHanded;

/**
 * Adaptive DPM-Solver from the first level to the last positive one; those between are ignored, and a final 0 takes the
 * denoiser's answer. A step is accepted if the worst sample's root-mean-square error, over atol or rtol·|z|, is at most 1.
 * @throws ConfigError for two zero tolerances, or a batch that doesn't divide x.
 */
export async function* dpmSolverAdaptive(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { batch = 1, alpha, arrived, reuse = true, noise: _, ...given }: DpmSolverAdaptiveOptions = {},
): AsyncGenerator<AdaptiveStep> {
  checkStart("dpm-solver-adaptive", x, sigmas);
  const { order, predicts, coefficients, atol, rtol, hInit, theta } = resolve(
    "dpm-solver-adaptive",
    dpmSolverAdaptiveOptions,
    given,
  );
  if (!(atol + rtol > 0)) throw new ConfigError("dpm-solver-adaptive: atol and rtol are both 0 (one above 0).");
  if (!Number.isInteger(x.length / batch))
    throw new ConfigError(`dpm-solver-adaptive: batch ${batch} does not divide the ${x.length} numbers of x.`);
  const { from, to, zero } = ends("dpm-solver-adaptive", sigmas);
  const scale = alpha ?? ((sigma: number) => alphaOf("vp", sigma));
  const done = (sigma: number) => sigma <= to || (arrived?.(sigma) ?? false);

  let [sigma, h, index, rejected] = [from, Math.min(hInit, Math.log(from / to)), 0, 0];
  let previous = { x, scale: scale(from) }; // the lower-order solution of the last accepted step
  let denoised: Float64Array | undefined;
  while (!done(sigma)) {
    if (!(h > 1e-12)) throw new RangeError(`dpm-solver-adaptive: the step shrank to ${h} at σ = ${sigma}: not finite?`);
    denoised ??= await denoise(x, sigma);
    // e^{−h} σ is the end itself, to the last digit, when h was cut to reach it.
    const next = h >= Math.log(sigma / to) ? to : sigma * Math.exp(-h);
    const levels = [sigma, ...[1, 2].slice(0, order - 1).map((k) => sigma * Math.exp((-h * k) / order)), next];
    const values = [prediction(predicts, x, denoised, sigma)];
    const high = singlestepUpdates(predicts, coefficients, levels);
    const low = singlestepUpdates(predicts, coefficients, order === 2 ? [sigma, next] : [sigma, levels[1], next]);
    for (let k = 1; k < order; k++) {
      const inner = apply(high[k - 1], x, values);
      values.push(prediction(predicts, inner, await denoise(inner, levels[k]), levels[k]));
    }
    const lower = { x: apply(low[order - 2], x, values), scale: scale(next) };
    const higher = apply(high[order - 1], x, values);
    const error = worstError(higher, lower, previous, { atol, rtol, batch });
    if (error <= 1) {
      yield { index: index++, sigma, x: higher, denoised, next, rejected };
      rejected = 0;
      [x, sigma, previous] = [higher, next, lower];
    } else rejected++;
    if (error <= 1 || !reuse) denoised = undefined;
    h = Math.min(theta * h * error ** (-1 / order), Math.log(sigma / to));
  }
  if (zero) {
    denoised = await denoise(x, sigma);
    yield { index, sigma, x: denoised, denoised, next: 0, rejected: 0 };
  }
}

interface Solution {
  readonly x: Float64Array;
  readonly scale: number;
}

/** max over samples of √mean((z_high − z_low)²/δ²), δ = max(atol, rtol·max(|z_low|, |z_previous|)). */
function worstError(
  higher: Float64Array,
  lower: Solution,
  previous: Solution,
  { atol, rtol, batch }: { readonly atol: number; readonly rtol: number; readonly batch: number },
): number {
  const dims = higher.length / batch;
  let worst = 0;
  for (let row = 0; row < higher.length; row += dims) {
    let sum = 0;
    for (let i = row; i < row + dims; i++) {
      const size = Math.max(Math.abs(lower.x[i]) * lower.scale, Math.abs(previous.x[i]) * previous.scale);
      sum += (((higher[i] - lower.x[i]) * lower.scale) / Math.max(atol, rtol * size)) ** 2;
    }
    worst = Math.max(worst, Math.sqrt(sum / dims));
  }
  return worst;
}
