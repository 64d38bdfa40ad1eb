/** One step of DPM-Solver (Lu et al. 2022a) in σ-space: time is t = −ln σ, the network's part is ε = (x − D)/σ. */
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import { eulerStep } from "./euler.ts";

export type DpmOrder = 1 | 2 | 3;

/** The evaluations of a step, from which solutions of every order up to theirs follow. */
export interface DpmStages {
  readonly denoised: Float64Array;
  readonly from: number;
  readonly to: number;
  /** Where the second evaluation lies in the step, in t. */
  readonly r: number;
  /** ε at the start and at the further stages. */
  readonly eps: readonly Float64Array[];
}

/** Evaluates the network once for each order. Order 2 has its stage at r = 1/2, order 3 at 1/3 and 2/3. */
export async function dpmStages(
  denoise: Denoise,
  x: Float64Array,
  from: number,
  to: number,
  order: DpmOrder,
): Promise<DpmStages> {
  const denoised = await denoise(x, from);
  const eps = [slope(x, denoised, from)];
  const r = order === 3 ? 1 / 3 : 1 / 2;
  const level = (share: number) => from * (to / from) ** share;
  if (order > 1) {
    const s1 = level(r);
    const u1 = eulerStep(x, denoised, from, s1);
    eps.push(slope(u1, await denoise(u1, s1), s1));
  }
  if (order > 2) {
    const s2 = level(2 * r);
    // s₂ (r₂/r₁)(expm1(r₂h)/(r₂h) − 1), with expm1(r₂h) = σ/s₂ − 1.
    const c = 2 * s2 * ((from / s2 - 1) / Math.log(from / s2) - 1);
    const u2 = combine(new Float64Array(x.length), [1, x], [s2 - from + c, eps[0]], [-c, eps[1]]);
    eps.push(slope(u2, await denoise(u2, s2), s2));
  }
  return { denoised, from, to, r, eps };
}

/** The solution of an order, at most that of the stages, at the end of the step. */
export function dpmSolution(x: Float64Array, { from, to, r, eps }: DpmStages, order: DpmOrder): Float64Array {
  const out = new Float64Array(x.length);
  const h = to - from;
  if (order === 1) return combine(out, [1, x], [h, eps[0]]);
  const c = order === 2 ? -h / (2 * r) : (to / (2 * r)) * ((from / to - 1) / Math.log(from / to) - 1);
  return combine(out, [1, x], [h + c, eps[0]], [-c, eps[order - 1]]);
}

function slope(x: Float64Array, denoised: Float64Array, sigma: number): Float64Array {
  return combine(new Float64Array(x.length), [1 / sigma, x], [-1 / sigma, denoised]);
}
