/**
 * The generalised sampler with which Karras et al. (2022) take earlier ones apart: any ladder, under any time σ(t) and
 * scaling s(t), by Euler's method or one of second order. Its ODE, for z = s(t) x, is
 * dz/dt = (σ'/σ + s'/s) z − (σ' s/σ) D(z/s; σ) (their eq. 4 and 81).
 */
import { vpSigma } from "../diffusion/index.ts";
import { type ChurnHanded, churnedLevels } from "./churn.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { heunOptions } from "./heun.ts";
import { checkStart } from "./ladder.ts";
import { kick } from "./noise.ts";
import { type Given, type OptionTable, type Resolved, resolve } from "./options.ts";

export const edmAblationOptions = {
  schedule: {
    type: "choice",
    default: "linear",
    choices: ["vp", "ve", "linear"],
    about: "time: σ(t) of Song's VP, √t, or t itself",
  },
  scaling: {
    type: "choice",
    default: "none",
    choices: ["vp", "none"],
    about: "s(t): 1/√(1 + σ²), which keeps the variance, or 1",
  },
  solver: { type: "choice", default: "heun", choices: ["euler", "heun"], about: "first or second order" },
  ...heunOptions,
  betaMin: { type: "number", default: 0.1, about: "β(0) of the VP schedule" },
  betaMax: { type: "number", default: 20, about: "β(1) of the VP schedule" },
} as const satisfies OptionTable;

export type EdmAblationOptions = Given<typeof edmAblationOptions> & ChurnHanded;

/** A noise level as a function of time, its derivative and its inverse. */
interface Clock {
  readonly sigma: (t: number) => number;
  readonly slope: (t: number) => number;
  readonly time: (sigma: number) => number;
}

const clocks: {
  readonly [K in Resolved<typeof edmAblationOptions>["schedule"]]: (betaMin: number, betaMax: number) => Clock;
} = {
  vp: (betaMin, betaMax) => vpSigma({ betaMin, betaMax }),
  ve: () => ({ sigma: Math.sqrt, slope: (t) => 1 / (2 * Math.sqrt(t)), time: (sigma) => sigma ** 2 }),
  linear: () => ({ sigma: (t) => t, slope: () => 1, time: (sigma) => sigma }),
};

/**
 * Runs the ODE, or with `sChurn` the stochastic sampler, down any ladder that ends in 0 or above. The samples it takes
 * and yields are unscaled, as everywhere; with the defaults it is `heun`. Some combinations diverge with few steps (VP
 * time without scaling), as they should. Needs `noise` if `sChurn` is above 0.
 */
export async function* edmAblation(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, round, ...given }: EdmAblationOptions = {},
): AsyncGenerator<Step> {
  checkStart("edm-ablation", x, sigmas);
  const options = resolve("edm-ablation", edmAblationOptions, given);
  const { schedule, scaling, solver, alpha, sNoise } = options;
  const steps = sigmas.length - 1;
  const raise = churnedLevels("edm-ablation", steps, options, { noise, round });
  const clock = clocks[schedule](options.betaMin, options.betaMax);
  const scale = (sigma: number) => (scaling === "vp" ? 1 / Math.sqrt(1 + sigma ** 2) : 1);
  const times = sigmas.map((sigma) => (sigma === 0 ? 0 : clock.time(sigma)));

  /** z at time t, as the factors of z and D in dz/dt; s'/s = −σ σ' s² under VP scaling. */
  const slopeAt = async (z: Float64Array, t: number) => {
    const [sigma, slope] = [clock.sigma(t), clock.slope(t)];
    const s = scale(sigma);
    const denoised = await denoise(scaled(z, 1 / s), sigma);
    const shrink = scaling === "vp" ? sigma * slope * s ** 2 : 0;
    return { denoised, a: slope / sigma - shrink, b: (-slope * s) / sigma };
  };

  let z = scaled(x, scale(sigmas[0]));
  for (let index = 0; index < steps; index++) {
    const sigma = sigmas[index];
    let t = times[index];

    // Churn: to the time of a higher level.
    const raised = raise(sigma);
    const amplitude = Math.sqrt(raised ** 2 - sigma ** 2) * scale(raised) * sNoise;
    const added = kick(amplitude, noise);
    if (raised > sigma) {
      t = clock.time(raised);
      z = combine(new Float64Array(z.length), [scale(raised) / scale(sigma), z], ...added);
    }

    const next = times[index + 1];
    const h = next - t;
    const { denoised, a, b } = await slopeAt(z, t);
    if (solver === "euler" || next === 0) z = combine(new Float64Array(z.length), [1 + h * a, z], [h * b, denoised]);
    else {
      const reach = alpha * h;
      const inner = (1 - alpha) * t + alpha * next;
      const probe = combine(new Float64Array(z.length), [1 + reach * a, z], [reach * b, denoised]);
      const second = await slopeAt(probe, inner);
      const [w1, w2] = [h * (1 - 1 / (2 * alpha)), h / (2 * alpha)];
      z = combine(
        new Float64Array(z.length),
        [1 + w1 * a, z],
        [w1 * b, denoised],
        [w2 * second.a, probe],
        [w2 * second.b, second.denoised],
      );
    }
    yield { index, sigma, x: scaled(z, 1 / scale(sigmas[index + 1])), denoised };
  }
}

/** c v; v itself where c is 1. */
function scaled(v: Float64Array, c: number): Float64Array {
  return c === 1 ? v : combine(new Float64Array(v.length), [c, v]);
}
