/** DPM-Solver (Lu et al. 2022a) and DPM-Solver++ (Lu et al. 2022b), orders 1 to 3, single-step and multistep. */
import { ConfigError } from "../errors/index.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { apply, type Predicts, phis, prediction, span, type Update } from "./exponential.ts";
import { checkStart } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

export const dpmSolverOptions = {
  order: {
    type: "integer",
    default: 2,
    min: 1,
    max: 3,
    about: "order of convergence; above 2 only without strong guidance",
  },
  method: {
    type: "choice",
    default: "multistep",
    choices: ["multistep", "singlestep", "singlestep-fixed"],
    about: "from earlier evaluations, or from new ones inside each step",
  },
  predicts: {
    type: "choice",
    default: "data",
    choices: ["data", "noise"],
    about: "what is interpolated: data is DPM-Solver++, noise is DPM-Solver",
  },
  coefficients: {
    type: "choice",
    default: "dpmsolver",
    choices: ["dpmsolver", "taylor"],
    about: "how the higher-order terms are weighted; both have the same order",
  },
  curvature: {
    type: "number",
    default: 0.5,
    min: 0,
    max: 1,
    about: "multistep order 3: weight of the second derivative; 1/2, the usual code, is second order, 1 third",
  },
  ending: {
    type: "choice",
    default: "lower",
    choices: ["lower", "same"],
    about: "multistep runs of fewer than 10 steps end with lower orders, or not",
  },
} as const satisfies OptionTable;

export type DpmSolverOptions = Given<typeof dpmSolverOptions> & Handed;

/** Weights of the higher-order terms. */
export type Coefficients = (typeof dpmSolverOptions.coefficients.choices)[number];

/**
 * DPM-Solver on a ladder in which every level but the last is one evaluation, whatever the method: a single-step method
 * takes `order` levels at a time and puts its inner evaluations on those between (`singlestepOrders`, `solverSigmas`).
 * A ladder that ends with 0 takes the denoiser's answer at the last positive level ("denoise to zero").
 * @throws ConfigError for fewer positive levels than the order needs, or a number "singlestep-fixed" can't divide.
 */
export async function* dpmSolver(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: DpmSolverOptions = {},
): AsyncGenerator<Step> {
  checkStart("dpm-solver", x, sigmas);
  const { method, ...settings } = resolve("dpm-solver", dpmSolverOptions, given);
  const positive = sigmas.filter((sigma) => sigma > 0);
  const steps = positive.length - 1;
  const run = method === "multistep" ? multistep : singlestep;
  const orders =
    method === "singlestep"
      ? singlestepOrders(steps, settings.order)
      : method === "singlestep-fixed"
        ? fixedOrders(steps, settings.order)
        : multistepOrders("dpm-solver", steps, settings.order, settings.ending === "lower" && steps < 10);

  let index = 0;
  if (steps > 0)
    for await (const step of run(denoise, x, positive, orders, settings)) {
      ({ x } = step);
      index = step.index + 1;
      yield step;
    }
  if (positive.length < sigmas.length) {
    const sigma = positive[steps];
    const denoised = await denoise(x, sigma);
    yield { index, sigma, x: denoised, denoised };
  }
}

interface Settings {
  readonly predicts: Predicts;
  readonly coefficients: Coefficients;
  readonly curvature: number;
}

/** Orders of a multistep run: rising while there is no history, and at will falling again towards the end. */
export function multistepOrders(where: string, steps: number, order: number, lower: boolean): number[] {
  if (steps > 0 && steps < order)
    throw new ConfigError(`${where}: too few steps for order ${order}: ${steps} (at least ${order}). Lower the order.`);
  return Array.from({ length: steps }, (_, i) => Math.min(i + 1, order, lower ? steps - i : order));
}

/** How a single-step run spends `evaluations`: steps of the full order, and lower ones to make the sum exact. */
export function singlestepOrders(evaluations: number, order: number): number[] {
  const count = Math.floor(evaluations / order);
  const rest = evaluations % order;
  const full = (n: number) => new Array<number>(n).fill(order);
  if (rest > 0) return [...full(count), rest];
  // Order 3 always ends below order 3, where the step into low noise is stiff (Lu et al. 2022a, appendix D.1).
  return order === 3 && count > 0 ? [...full(count - 1), 2, 1] : full(count);
}

function fixedOrders(evaluations: number, order: number): number[] {
  if (evaluations % order !== 0)
    throw new ConfigError(
      `dpm-solver: "singlestep-fixed" needs a multiple of order ${order}: ${evaluations} steps (such as ${order * Math.max(1, Math.floor(evaluations / order))}).`,
    );
  return new Array<number>(evaluations / order).fill(order);
}

async function* multistep(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  orders: readonly number[],
  settings: Settings,
): AsyncGenerator<Step> {
  const values: Float64Array[] = []; // newest first
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const sigma = sigmas[index];
    const denoised = await denoise(x, sigma);
    values.unshift(prediction(settings.predicts, x, denoised, sigma));
    values.length = Math.min(values.length, 3);
    const past = [sigma, sigmas[index - 1], sigmas[index - 2]];
    x = apply(multistepUpdate(orders[index], settings, past, sigmas[index + 1]), x, values);
    yield { index, sigma, x, denoised };
  }
}

/** A multistep update from the levels `past`, newest first, to `next` (Lu et al. 2022b, algorithm 2 and appendix D). */
function multistepUpdate(
  order: number,
  { predicts, coefficients, curvature }: Settings,
  past: readonly number[],
  next: number,
): Update {
  const { h, scale, unit } = span(predicts, past[0], next);
  const [phi1, phi2, phi3] = phis(h, 3);
  if (order === 1) return { scale, weights: [-unit * phi1] };

  const length = Math.log(past[0] / next);
  const r0 = Math.log(past[1] / past[0]) / length;
  if (order === 2) {
    const slope = (coefficients === "taylor" ? phi2 : phi1 / 2) / r0;
    return { scale, weights: [-unit * (phi1 + slope), unit * slope] };
  }

  // φ₂ hm' + φ₃ h²m'' in terms of the divided differences (m₀ − m₁)/r₀ and (m₁ − m₂)/r₁.
  const r1 = Math.log(past[2] / past[1]) / length;
  const bend = (phi2 * r0 + 2 * curvature * phi3) / (r0 + r1);
  const near = (phi2 + bend) / r0;
  const far = bend / r1;
  return { scale, weights: [-unit * (phi1 + near), unit * (near + far), -unit * far] };
}

async function* singlestep(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  orders: readonly number[],
  { predicts, coefficients }: Settings,
): AsyncGenerator<Step> {
  let start = 0;
  for (const [index, order] of orders.entries()) {
    const levels = sigmas.slice(start, start + order + 1);
    const denoised = await denoise(x, levels[0]);
    const values = [prediction(predicts, x, denoised, levels[0])];
    const updates = singlestepUpdates(predicts, coefficients, levels);
    for (const [k, update] of updates.slice(0, -1).entries()) {
      const inner = apply(update, x, values);
      values.push(prediction(predicts, inner, await denoise(inner, levels[k + 1]), levels[k + 1]));
    }
    x = apply(updates[updates.length - 1], x, values);
    start += order;
    yield { index, sigma: levels[0], x, denoised };
  }
}

/**
 * The updates of one single-step step, to each inner level and to the end (Lu et al. 2022a, algorithms 1, 4, 5). All start
 * from the same x; each uses the predictions at the levels before its own.
 */
export function singlestepUpdates(
  predicts: Predicts,
  coefficients: Coefficients,
  levels: readonly number[],
): readonly Update[] {
  const [sigma, ...ends] = levels;
  const next = ends[ends.length - 1];
  const order = ends.length;
  const { h, scale, unit } = span(predicts, sigma, next);
  const [phi1, phi2, phi3] = phis(h, 3);
  if (order === 1) return [{ scale, weights: [-unit * phi1] }];

  const r1 = Math.log(sigma / ends[0]) / Math.log(sigma / next);
  const inner = span(predicts, sigma, ends[0]);
  const toInner = { scale: inner.scale, weights: [-inner.unit * phis(inner.h, 1)[0]] };
  if (order === 2) {
    const slope = (coefficients === "taylor" ? phi2 : phi1 / 2) / r1;
    return [toInner, { scale, weights: [-unit * (phi1 - slope), -unit * slope] }];
  }

  const r2 = Math.log(sigma / ends[1]) / Math.log(sigma / next);
  const second = span(predicts, sigma, ends[1]);
  const [one, two] = phis(second.h, 2);
  const rise = (r2 / r1) * two;
  const toSecond = { scale: second.scale, weights: [-second.unit * (one - rise), -second.unit * rise] };
  // First and second derivative from (m₁ − m₀)/r₁ and (m₂ − m₀)/r₂; "dpmsolver" is content with the latter as the first.
  const near = coefficients === "taylor" ? (phi2 * r2 - 2 * phi3) / ((r2 - r1) * r1) : 0;
  const far = coefficients === "taylor" ? (2 * phi3 - phi2 * r1) / ((r2 - r1) * r2) : phi2 / r2;
  return [toInner, toSecond, { scale, weights: [-unit * (phi1 - near - far), -unit * near, -unit * far] }];
}
