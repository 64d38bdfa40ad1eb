/** Euler–Maruyama steps of the reverse SDE of a path, and of every process between it and the probability-flow ODE. */
import type { Path } from "../diffusion/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import { checkSamples } from "./ladder.ts";
import { kick, needNoise } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import { type PathHanded, type PathStep, pathOptions } from "./path-sampler.ts";
import { estimate } from "./probability-flow.ts";

export const eulerMaruyamaOptions = {
  ...pathOptions,
  eta: { type: "number", default: 1, min: 0, about: "share of noise: 1 is the reverse SDE, 0 the ODE" },
} as const satisfies OptionTable;

export type EulerMaruyamaOptions = Given<typeof eulerMaruyamaOptions> & PathHanded;

/**
 * Integrates dz = (f z − ½(1 + η²) g² ∇ ln p) dt + η g dw back in time, in equal steps; all η have the same marginals
 * (Song et al. 2021, eq. 6 and 13; Huang et al. 2021). On the Ornstein–Uhlenbeck path with γ = horizon/steps this is
 * z += γ (z + 2 ∇ ln p) + √(2γ) n at η = 1, and z += γ (z + ∇ ln p) at η = 0. Needs `noise` unless `eta` is 0.
 */
export async function* eulerMaruyama(
  denoise: Denoise,
  z: Float64Array,
  path: Path,
  { noise, samples: _, ...given }: EulerMaruyamaOptions = {},
): AsyncGenerator<PathStep> {
  const where = "euler-maruyama";
  checkSamples(where, z);
  const { steps, end, last, eta } = resolve(where, eulerMaruyamaOptions, given);
  if (eta > 0) needNoise(where, noise, `eta ${eta}`);
  const dt = (1 - end) / steps;
  for (let index = 0; index < steps; index++) {
    const t = 1 - index * dt;
    const { denoised, score } = await estimate(denoise, path, z, t);
    const g = path.diffusion(t);
    const pull = ((1 + eta ** 2) / 2) * g ** 2 * dt;
    const mean = combine(new Float64Array(z.length), [1 - path.drift(t) * dt, z], [pull, score]);
    const final = index + 1 === steps;
    const plain = (final && last === "mean") || eta === 0;
    z = plain ? mean : combine(new Float64Array(z.length), [1, mean], ...kick(eta * g * Math.sqrt(dt), noise));
    yield { index, sigma: path.sigma(t) / path.alpha(t), t: final ? end : t - dt, x: z, mean, denoised };
  }
}
