/** Linear multistep: Adams–Bashforth on the uneven ladder of noise levels. */
import { combine, type Term } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const lmsOptions = {
  order: { type: "integer", default: 4, min: 1, max: 8, about: "how many slopes are kept; higher ones oscillate" },
} as const satisfies OptionTable;

export type LmsOptions = Given<typeof lmsOptions> & Handed;

/**
 * x' = x + ∫ p dσ, p being the polynomial through the latest `order` slopes (x − D)/σ, as many as there are. One
 * evaluation a step.
 */
export async function* lms(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: LmsOptions = {},
): AsyncGenerator<Step> {
  checkStart("lms", x, sigmas);
  const { order } = resolve("lms", lmsOptions, given);
  let slopes: Float64Array[] = [];
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const sigma = sigmas[index];
    const denoised = await denoise(x, sigma);
    const slope = combine(new Float64Array(x.length), [1 / sigma, x], [-1 / sigma, denoised]);
    slopes = [slope, ...slopes.slice(0, order - 1)];
    const nodes = slopes.map((_, j) => sigmas[index - j]);
    const weights = lagrangeIntegrals(nodes, sigma, sigmas[index + 1]);
    x = combine(new Float64Array(x.length), [1, x], ...slopes.map((d, j): Term => [weights[j], d]));
    yield { index, sigma, x, denoised };
  }
}

/** ∫ from `a` to `b` of each Lagrange basis polynomial on `nodes`. */
export function lagrangeIntegrals(nodes: readonly number[], a: number, b: number): number[] {
  // In u = (σ − a)/(b − a), where the interval is [0, 1], powers stay of moderate size.
  const u = nodes.map((node) => (node - a) / (b - a));
  return u.map((uj, j) => {
    let polynomial = [b - a];
    for (const [k, uk] of u.entries()) {
      if (k === j) continue;
      // Times (u − u_k)/(u_j − u_k); coefficients lowest first.
      const shifted = [0, ...polynomial];
      polynomial = shifted.map((c, i) => (c - uk * (polynomial[i] ?? 0)) / (uj - uk));
    }
    return polynomial.reduce((sum, c, i) => sum + c / (i + 1), 0);
  });
}
