/** DPM-Solver with a fixed budget of evaluations (Lu et al. 2022a, "DPM-Solver-fast"). */
import { ConfigError } from "../errors/index.ts";
import type { Denoise, Sigmas } from "./denoise.ts";
import { type DpmOrder, dpmSolution, dpmStages } from "./dpm-step.ts";
import { checkStart, ends } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import type { AdaptiveStep } from "./sampler.ts";

export const dpmFastOptions = {
  evaluations: { type: "integer", default: 0, min: 0, about: "how many in all; 0: as many as the ladder has steps" },
} as const satisfies OptionTable;

export type DpmFastOptions = Given<typeof dpmFastOptions> & Handed;

/**
 * Spends the evaluations on steps of order 3, equal in ln σ, and what is left on a step or two of lower order. Of the
 * ladder only the ends count: the first level, the last positive one, and a 0 after it, which costs one evaluation.
 */
export async function* dpmFast(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: DpmFastOptions = {},
): AsyncGenerator<AdaptiveStep> {
  checkStart("dpm-fast", x, sigmas);
  const { evaluations } = resolve("dpm-fast", dpmFastOptions, given);
  const { from, to, zero } = ends("dpm-fast", sigmas);
  const budget = (evaluations || sigmas.length - 1) - (zero ? 1 : 0);
  if (budget < 1)
    throw new ConfigError(`dpm-fast: too few evaluations: ${evaluations} (2 or more for a ladder that ends in 0).`);

  const orders = fastOrders(budget);
  let sigma = from;
  for (const [index, order] of orders.entries()) {
    const next = index + 1 < orders.length ? from * (to / from) ** ((index + 1) / orders.length) : to;
    const stages = await dpmStages(denoise, x, sigma, next, order);
    x = dpmSolution(x, stages, order);
    yield { index, sigma, x, denoised: stages.denoised, next, rejected: 0 };
    sigma = next;
  }
  if (zero) {
    x = await denoise(x, to);
    yield { index: orders.length, sigma: to, x, denoised: x, next: 0, rejected: 0 };
  }
}

/** Orders of the steps that use exactly `budget` evaluations: 3, …, 3, then 2 and 1, or 1, or 2. */
export function fastOrders(budget: number): DpmOrder[] {
  const rest = budget % 3;
  const threes = Array.from({ length: Math.floor(budget / 3) - (rest === 0 ? 1 : 0) }, (): DpmOrder => 3);
  return [...threes, ...(rest === 0 ? ([2, 1] as const) : [rest as DpmOrder])];
}
