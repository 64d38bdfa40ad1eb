/**
 * DEIS (Zhang and Chen 2023): with ρ = σ/α the probability flow is dx/dρ = ε̂(x, ρ), and each step integrates a polynomial
 * through the last evaluations exactly. The methods differ in the variable of that polynomial.
 */
import { type NoiseSchedule, type NoiseScheduleSpec, noiseSchedule } from "../diffusion/index.ts";
import { combine, type Term } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { apply, prediction, type Update } from "./exponential.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import { integrate } from "./quadrature.ts";

export const deisOptions = {
  order: {
    type: "integer",
    default: 3,
    min: 0,
    max: 3,
    about: "earlier evaluations used; the order of convergence is one more",
  },
  variable: {
    type: "choice",
    default: "rho",
    choices: ["rho", "log-rho", "time"],
    about: "variable of the interpolating polynomial (ρAB, log-ρAB, tAB)",
  },
} as const satisfies OptionTable;

/** The variable of the interpolating polynomial. */
export type DeisVariable = (typeof deisOptions.variable.choices)[number];

export interface DeisHanded extends Handed {
  /** The schedule whose time "time" interpolates in; Song's linear VP by default. */
  readonly schedule?: NoiseScheduleSpec | NoiseSchedule;
}

export type DeisOptions = Given<typeof deisOptions> & DeisHanded;

/**
 * DEIS with Adams–Bashforth coefficients of its own for every step. Order rises from 0 while there is no history. A ladder
 * that ends with 0 takes the denoiser's answer at the last positive level.
 */
export async function* deis(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  options: DeisOptions = {},
): AsyncGenerator<Step> {
  checkStart("deis", x, sigmas);
  const updates = deisUpdates(sigmas, options);
  const values: Float64Array[] = []; // ε̂, newest first
  for (const [index, update] of updates.entries()) {
    const sigma = sigmas[index];
    const denoised = await denoise(x, sigma);
    values.unshift(prediction("noise", x, denoised, sigma));
    values.length = Math.min(values.length, 4);
    x = sigmas[index + 1] > 0 ? apply(update, x, values) : denoised;
    yield { index, sigma, x, denoised };
  }
}

/**
 * The update of each step: x' = x + Σ_j C_j ε̂_{i−j}, C_j = ∫ L_j(u(ρ)) dρ from ρ_i to ρ_{i+1}, with L_j the Lagrange basis at
 * the last levels in the variable u (their eq. 15). Divided by α these are the coefficients of the VP frame.
 */
export function deisUpdates(sigmas: Sigmas, { schedule, noise: _, ...given }: DeisOptions = {}): readonly Update[] {
  const { order, variable } = resolve("deis", deisOptions, given);
  const u = variables[variable](noiseSchedule(schedule ?? { type: "linear" }));
  return sigmas.slice(1).map((next, i) => {
    if (next === 0) return { scale: 1, weights: [-sigmas[i]] };
    const nodes = Array.from({ length: Math.min(order, i) + 1 }, (_, j) => u(sigmas[i - j]));
    return { scale: 1, weights: nodes.map((_, j) => exactIntegral(nodes, j, u, sigmas[i], next)) };
  });
}

const variables: { readonly [V in DeisVariable]: (schedule: NoiseSchedule) => (rho: number) => number } = {
  rho: () => (rho) => rho,
  "log-rho": () => Math.log,
  time: (schedule) => (rho) => schedule.time(-2 * Math.log(rho)),
};

/** ∫ L_j(u(ρ)) dρ, taken over ln ρ, in which steps are short and the integrand is smooth. */
function exactIntegral(
  nodes: readonly number[],
  j: number,
  u: (rho: number) => number,
  from: number,
  to: number,
): number {
  if (nodes.length === 1) return to - from;
  const basis = (v: number) => {
    let product = 1;
    for (const [k, node] of nodes.entries()) if (k !== j) product *= (v - node) / (nodes[j] - node);
    return product;
  };
  return integrate((log) => basis(u(Math.exp(log))) * Math.exp(log), Math.log(from), Math.log(to));
}

export const rhoRungeKuttaOptions = {
  tableau: { type: "choice", default: "4rk", choices: ["2heun", "3kutta", "4rk"], about: "stages of each step" },
} as const satisfies OptionTable;

export type RhoRungeKuttaOptions = Given<typeof rhoRungeKuttaOptions> & Handed;

/** Explicit Runge–Kutta methods as rows of coefficients: nodes c, then a row of a for each later stage, then b. */
const tableaus: {
  readonly [T in (typeof rhoRungeKuttaOptions.tableau.choices)[number]]: {
    readonly c: readonly number[];
    readonly a: readonly (readonly number[])[];
    readonly b: readonly number[];
  };
} = {
  "2heun": { c: [0, 1], a: [[], [1]], b: [1 / 2, 1 / 2] },
  "3kutta": { c: [0, 1 / 2, 1], a: [[], [1 / 2], [-1, 2]], b: [1 / 6, 4 / 6, 1 / 6] },
  "4rk": { c: [0, 1 / 2, 1 / 2, 1], a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], b: [1 / 6, 2 / 6, 2 / 6, 1 / 6] },
};

/** Evaluations a step of a tableau. */
export const stagesOf = (tableau: keyof typeof tableaus): number => tableaus[tableau].b.length;

/**
 * ρRK (Zhang and Chen 2023): a Runge–Kutta method on dx/dρ = ε̂. As many evaluations a step as its order, and one in a step
 * to 0, which takes the denoiser's answer.
 */
export async function* rhoRungeKutta(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: RhoRungeKuttaOptions = {},
): AsyncGenerator<Step> {
  checkStart("rho-rk", x, sigmas);
  const { c, a, b } = tableaus[resolve("rho-rk", rhoRungeKuttaOptions, given).tableau];
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const start = x;
    const denoised = await denoise(start, sigma);
    if (next === 0) x = denoised;
    else {
      const h = next - sigma;
      const slopes = [prediction("noise", start, denoised, sigma)];
      const along = (weights: readonly number[]) =>
        combine(new Float64Array(start.length), [1, start], ...weights.map((w, j): Term => [h * w, slopes[j]]));
      for (let k = 1; k < c.length; k++) {
        const inner = along(a[k]);
        slopes.push(prediction("noise", inner, await denoise(inner, sigma + c[k] * h), sigma + c[k] * h));
      }
      x = along(b);
    }
    yield { index, sigma, x, denoised };
  }
}
