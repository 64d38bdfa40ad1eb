/** DPM-Solver++ (Lu et al. 2022b), multistep: earlier clean estimates give the higher orders, at one evaluation a step. */
import { combine, type Term } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { eulerStep } from "./euler.ts";
import { checkStart } from "./ladder.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";

/**
 * DPM-Solver++(2M): x' = (σ'/σ) x + (1 − σ'/σ) D*, with D* extrapolated to the middle of the step from this and the
 * previous estimate; first order in the first step and in the one to 0.
 */
export async function* dpmpp2m(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  options: Given<Record<never, never>> & Handed = {},
): AsyncGenerator<Step> {
  checkStart("dpm++2m", x, sigmas);
  const { noise: _, ...given } = options;
  resolve("dpm++2m", {}, given);
  let last: { readonly denoised: Float64Array; readonly h: number } | undefined;
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const h = Math.log(sigma / next);
    const denoised = await denoise(x, sigma);
    if (!last || next === 0) x = eulerStep(x, denoised, sigma, next);
    else {
      const ratio = next / sigma;
      const slope = h / (2 * last.h);
      x = combine(
        new Float64Array(x.length),
        [ratio, x],
        [(1 - ratio) * (1 + slope), denoised],
        [-(1 - ratio) * slope, last.denoised],
      );
    }
    last = { denoised, h };
    yield { index, sigma, x, denoised };
  }
}

const sdeOptions = {
  eta: { type: "number", default: 1, min: 0, about: "strength of the added noise; 0 is the ODE, 1 the reverse SDE" },
  sNoise: { type: "number", default: 1, min: 0, about: "standard deviation of the added noise, near 1" },
} as const satisfies OptionTable;

export const dpmpp2mSdeOptions = {
  ...sdeOptions,
  solverType: {
    type: "choice",
    default: "midpoint",
    choices: ["midpoint", "heun"],
    about: "how the second-order term is weighted",
  },
} as const satisfies OptionTable;

export const dpmpp3mSdeOptions = {
  ...sdeOptions,
  curvature: {
    type: "number",
    default: 0.5,
    min: 0,
    max: 1,
    about: "weight of the second derivative: 1 is third order, 1/2 (as in k-diffusion) second, better with few steps",
  },
} as const satisfies OptionTable;

export type Dpmpp2mSdeOptions = Given<typeof dpmpp2mSdeOptions> & Handed;
export type Dpmpp3mSdeOptions = Given<typeof dpmpp3mSdeOptions> & Handed;

/** DPM-Solver++(2M) for the reverse SDE; needs `noise` unless `eta` is 0. */
export async function* dpmpp2mSde(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: Dpmpp2mSdeOptions = {},
): AsyncGenerator<Step> {
  const where = "dpm++2m-sde";
  const { eta, sNoise, solverType } = resolve(where, dpmpp2mSdeOptions, given);
  yield* multistepSde(where, denoise, x, sigmas, { eta, sNoise, noise }, (hEta, h, [now, before]) => {
    if (!before) return [];
    const weight = solverType === "heun" ? phi2(hEta) : -Math.expm1(-hEta) / 2;
    const c = (weight * h) / before.h;
    return [
      [c, now.denoised],
      [-c, before.denoised],
    ];
  });
}

/**
 * DPM-Solver++(3M) for the reverse SDE, on quadratic extrapolation of D once three estimates are there. Expanding D in
 * the step asks for 1 times its second derivative; k-diffusion's, and our default, is half of that, which makes the
 * method second order. Needs `noise` unless `eta` is 0.
 */
export async function* dpmpp3mSde(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise, ...given }: Dpmpp3mSdeOptions = {},
): AsyncGenerator<Step> {
  const where = "dpm++3m-sde";
  const { eta, sNoise, curvature } = resolve(where, dpmpp3mSdeOptions, given);
  yield* multistepSde(where, denoise, x, sigmas, { eta, sNoise, noise }, (hEta, h, [now, before, earlier]) => {
    if (!before) return [];
    const r0 = before.h / h;
    if (!earlier) {
      const c = phi2(hEta) / r0;
      return [
        [c, now.denoised],
        [-c, before.denoised],
      ];
    }
    // φ₂ hD' − φ₃ h²D'' in terms of the divided differences (D − D₁)/r₀ and (D₁ − D₂)/r₁.
    const r1 = earlier.h / h;
    const phi3 = phi2(hEta) / hEta - 0.5;
    const bend = (phi2(hEta) * r0 - 2 * curvature * phi3) / (r0 + r1);
    const a = (phi2(hEta) + bend) / r0;
    const b = -bend / r1;
    return [
      [a, now.denoised],
      [b - a, before.denoised],
      [-b, earlier.denoised],
    ];
  });
}

/** An estimate and the length, in −ln σ, of the step that began with it. */
interface Past {
  readonly denoised: Float64Array;
  readonly h: number;
}

/**
 * x' = (σ'/σ) e^{−ηh} x + (1 − e^{−(1+η)h}) D + correction + σ' √(1 − e^{−2ηh}) n, with h = ln(σ/σ'). The correction
 * is a combination of the latest estimates, newest first; the step to 0 returns D.
 */
async function* multistepSde(
  where: string,
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { eta, sNoise, noise }: { readonly eta: number; readonly sNoise: number } & Handed,
  correction: (hEta: number, h: number, past: readonly Past[]) => readonly Term[],
): AsyncGenerator<Step> {
  checkStart(where, x, sigmas);
  if (eta > 0) needNoise(where, noise, `eta ${eta}`);
  let past: readonly Past[] = [];
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const denoised = await denoise(x, sigma);
    if (next === 0) x = eulerStep(x, denoised, sigma, next);
    else {
      const h = Math.log(sigma / next);
      const hEta = h * (1 + eta);
      past = [{ denoised, h }, ...past.slice(0, 2)];
      x = combine(
        new Float64Array(x.length),
        [Math.exp(-hEta), x],
        [-Math.expm1(-hEta), denoised],
        ...correction(hEta, h, past),
        ...kick(next * Math.sqrt(-Math.expm1(-2 * eta * h)) * sNoise, noise),
      );
    }
    yield { index, sigma, x, denoised };
  }
}

/** φ₂ = 1 − (1 − e^{−h})/h. */
const phi2 = (h: number) => Math.expm1(-h) / h + 1;
