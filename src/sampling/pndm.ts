/**
 * Pseudo numerical methods (Liu et al. 2022). Their transfer from level to level with a given ε̂ is x' = x + (σ' − σ) ε̂ in
 * the variance-exploding frame, so PNDM is Adams–Bashforth with a Runge–Kutta start, and PLMS the same without that start.
 */
import { ConfigError } from "../errors/index.ts";
import { combine, type Term } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { apply, prediction, type Update } from "./exponential.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

/** Adams–Bashforth weights of orders 1 to 4 for equal steps, newest evaluation first. */
const adamsBashforth: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

export const plmsOptions = {
  order: { type: "integer", default: 4, min: 1, max: 4, about: "evaluations combined; 1 is DDIM" },
} as const satisfies OptionTable;

export type PlmsOptions = Given<typeof plmsOptions> & Handed;

/**
 * PLMS, also called iPNDM: ε̂ from the last `order` evaluations, fewer at the start. Its weights belong to steps of equal
 * length in σ. On a ladder whose steps change smoothly it is second order at most, whatever `order`; `deis` has the weights
 * of the ladder itself.
 */
export async function* plms(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: PlmsOptions = {},
): AsyncGenerator<Step> {
  checkStart("plms", x, sigmas);
  const { order } = resolve("plms", plmsOptions, given);
  const history: Float64Array[] = [];
  for (const [index, update] of plmsUpdates(sigmas, order).entries()) {
    const sigma = sigmas[index];
    const denoised = await denoise(x, sigma);
    remember(history, prediction("noise", x, denoised, sigma));
    x = apply(update, x, history);
    yield { index, sigma, x, denoised };
  }
}

/** The update of each step of `plms`, its weights newest evaluation first. */
export function plmsUpdates(sigmas: Sigmas, order: number): readonly Update[] {
  return sigmas.slice(1).map((next, i) => ({
    scale: 1,
    weights: adamsBashforth[Math.min(i + 1, order) - 1].map((w) => (next - sigmas[i]) * w),
  }));
}

export const pndmOptions = {
  order: {
    type: "integer",
    default: 4,
    min: 2,
    max: 4,
    about: "4 is PNDM, with three Runge-Kutta steps first; 2 is S-PNDM, with one",
  },
} as const satisfies OptionTable;

export interface PndmHanded extends Handed {
  /**
   * The level in the middle of each of the first three steps, for order 4. On a discrete schedule that is the level of the
   * timestep half-way, rounded down; by default the mean of the two levels, with which the start is true Runge–Kutta.
   */
  readonly middles?: Sigmas;
}

export type PndmOptions = Given<typeof pndmOptions> & PndmHanded;

/**
 * PNDM (order 4): three pseudo Runge–Kutta steps of four evaluations, then Adams–Bashforth. S-PNDM (order 2): one Heun
 * step, then Adams–Bashforth of order 2.
 * @throws ConfigError if one of the steps that evaluate at their end would end at 0, or for order 3, which has no start.
 */
export async function* pndm(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { middles, noise: _, ...given }: PndmOptions = {},
): AsyncGenerator<Step> {
  checkStart("pndm", x, sigmas);
  const { order } = resolve("pndm", pndmOptions, given);
  if (order === 3) throw new ConfigError("pndm: order must be 4 (PNDM) or 2 (S-PNDM); got 3.");
  const warmUp = order - 1;
  if (!(sigmas[Math.min(warmUp, sigmas.length - 1)] > 0) || sigmas.length <= warmUp)
    throw new ConfigError(
      `pndm: too few noise levels: ${sigmas.length} (order ${order} needs ${warmUp + 1} above 0). Use plms or order 2.`,
    );
  const history: Float64Array[] = [];
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const start = x;
    const denoised = await denoise(start, sigma);
    remember(history, prediction("noise", start, denoised, sigma));
    const slopeAt = async (level: number, epsilon: Float64Array) => {
      const there = transfer(start, sigma, level, [1], [epsilon]);
      return prediction("noise", there, await denoise(there, level), level);
    };
    const [first] = history;
    if (index >= warmUp) x = transfer(start, sigma, next, adamsBashforth[order - 1], history);
    else if (order === 2) x = transfer(start, sigma, next, [1 / 2, 1 / 2], [first, await slopeAt(next, first)]);
    else {
      const middle = middles?.[index] ?? (sigma + next) / 2;
      const second = await slopeAt(middle, first);
      const third = await slopeAt(middle, second);
      const fourth = await slopeAt(next, third);
      x = transfer(start, sigma, next, [1 / 6, 2 / 6, 2 / 6, 1 / 6], [first, second, third, fourth]);
    }
    yield { index, sigma, x, denoised };
  }
}

/** x + (σ' − σ) Σ_j w_j ε̂_j */
function transfer(
  x: Float64Array,
  sigma: number,
  next: number,
  weights: readonly number[],
  values: readonly Float64Array[],
): Float64Array {
  const terms = weights.map((w, j): Term => [(next - sigma) * w, values[j]]);
  return combine(new Float64Array(x.length), [1, x], ...terms);
}

function remember(history: Float64Array[], epsilon: Float64Array): void {
  history.unshift(epsilon);
  history.length = Math.min(history.length, 4);
}
