/** Samplers on discrete schedules. The vectors hold states z = √ᾱ x; the library works on x = z/√ᾱ at σ = √(1/ᾱ − 1). */
import { alphaOf, discreteSchedule } from "../../../src/diffusion/index.ts";
import {
  type AncestralStep,
  ancestral,
  clipped,
  type Denoise,
  ddim,
  ddimEncode,
  epsilonScaled,
  type Network,
  networkDenoiser,
  type Sigmas,
  type Step,
} from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

/** α of a variance-preserving path at a noise level. */
export const vpAlpha = (sigma: number): number => alphaOf("vp", sigma);

/** σ̃ of the given timesteps of a vector's `schedule`. */
export function levelsOf({ kind, ...options }: Input, timesteps: readonly number[]): number[] {
  const { sigmas } = discreteSchedule({ type: kind, ...options });
  return timesteps.map((t) => sigmas[t]);
}

export const scaled = (x: Float64Array, factor: number): Float64Array => x.map((v) => factor * v);

function denoiser({ model, clipDenoised, scale }: Input): Denoise {
  const denoise = scale ? epsilonScaled(ideal(model), scale) : ideal(model);
  return clipDenoised ? clipped(denoise) : denoise;
}

/** Runs a sampler on VP states; `states` are those before the first step and after each one. */
export async function runVp(
  start: Float64Array,
  sigmas: Sigmas,
  sampler: (x: Float64Array) => AsyncIterable<Step>,
): Promise<{ readonly x: Float64Array; readonly states: Float64Array[] }> {
  const states = [start];
  for await (const step of sampler(scaled(start, 1 / vpAlpha(sigmas[0]))))
    states.push(scaled(step.x, vpAlpha(sigmas[step.index + 1])));
  return { x: states[states.length - 1], states };
}

export function ddimCase(input: Input) {
  const levels = levelsOf(input.schedule, input.timesteps);
  if (input.direction === "encode") return runVp(input.x.data, levels, (x) => ddimEncode(denoiser(input), x, levels));
  const sigmas = [...levels.toReversed(), 0];
  return runVp(input.x.data, sigmas, (x) =>
    ddim(denoiser(input), x, sigmas, { eta: input.eta ?? 0, ...given(input.noises) }),
  );
}

export function ancestralCase(input: Input) {
  const sigmas = [...levelsOf(input.schedule, input.timesteps).toReversed(), 0];
  const { varianceType: variance, varianceOutput } = input;
  return runVp(input.x.data, sigmas, (x) =>
    ancestral(denoiser(input), x, sigmas, {
      variance,
      varianceOutput: () => varianceOutput?.data ?? varianceOutput,
      ...given(input.noises),
    }),
  );
}

/** σ̃² = e^γ, so that α² = sigmoid(−γ). */
async function vdmStep({ gammaMin, gammaMax, t, s, z, noise, clip, model }: Input) {
  const sigmas = [t, s].map((u) => Math.exp((gammaMin + (gammaMax - gammaMin) * u) / 2));
  const [alpha, alphaNext] = sigmas.map(vpAlpha);
  const network: Network = (input) => input.map((v) => model.scale * v + (model.bias ?? 0));
  const predict = networkDenoiser(network, { type: "eps", path: "vp" });
  let last: AncestralStep | undefined;
  const start = scaled(z.data, 1 / alpha);
  for await (const step of ancestral(clip ? clipped(predict) : predict, start, sigmas, { noise: () => noise.data }))
    last = step;
  const { mean, std, x } = last!;
  return { mean: scaled(mean, alphaNext), std: (std as number) * alphaNext, next: scaled(x, alphaNext) };
}

export const samplerDiscrete: Adapters = {
  "sampler.ddim": ddimCase,
  "sampler.ddpm-ancestral": ancestralCase,
  "sampler.vdm-step": vdmStep,
};
