/** Ancestral sampling: a deterministic step to a lower level than the next, then noise up to the next. */
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { type Handed, kick, needNoise } from "./noise.ts";
import type { OptionTable, Resolved } from "./options.ts";
import type { OdeStep } from "./sampler.ts";

export const ancestralNoiseOptions = {
  eta: { type: "number", default: 1, min: 0, about: "share of ancestral noise; 0 is the ODE, 1 the posterior of DDPM" },
  sNoise: { type: "number", default: 1, min: 0, about: "standard deviation of the added noise, near 1" },
} as const satisfies OptionTable;

/** The parts of an ancestral step: deterministic to `down`, then noise of standard deviation `up`; down² + up² = to². */
export interface AncestralSplit {
  readonly down: number;
  readonly up: number;
}

/**
 * Splits a step between two noise levels: up = min(σ', η √(σ'²(σ² − σ'²)/σ²)), down = √(σ'² − up²). At η = 1 the noise
 * is that of the forward process's posterior.
 */
export function ancestralSplit(from: number, to: number, eta: number): AncestralSplit {
  if (!(0 <= to && to <= from && eta >= 0))
    throw new ConfigError(`ancestralSplit: from ${from} to ${to} with eta ${eta} (0 ≤ to ≤ from, eta ≥ 0).`);
  if (to === 0) return { down: 0, up: 0 };
  // down²/to² written without the cancellation in σ'² − up².
  const ratio = (to / from) ** 2;
  const down = Math.sqrt(Math.max(0, 1 - eta ** 2 + eta ** 2 * ratio));
  return { down: to * down, up: to * Math.min(1, eta * Math.sqrt(1 - ratio)) };
}

/** Steps down the ladder; noise follows every step but the one to 0. */
export async function* withAncestralNoise(
  where: string,
  step: OdeStep,
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { eta, sNoise }: Resolved<typeof ancestralNoiseOptions>,
  { noise }: Handed,
): AsyncGenerator<Step> {
  if (eta > 0) needNoise(where, noise, `eta ${eta}`);
  for (let index = 0; index + 1 < sigmas.length; index++) {
    const [sigma, next] = [sigmas[index], sigmas[index + 1]];
    const { down, up } = ancestralSplit(sigma, next, eta);
    const denoised = await denoise(x, sigma);
    x = await step(denoise, x, denoised, sigma, down);
    if (next > 0) combine(x, [1, x], ...kick(up * sNoise, noise));
    yield { index, sigma, x, denoised };
  }
}
