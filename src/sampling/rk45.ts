/** The probability-flow ODE, in σ or along a path, by the adaptive Runge–Kutta pair of Dormand and Prince. */
import type { Path } from "../diffusion/index.ts";
import { combine } from "./combine.ts";
import type { Denoise, Sigmas } from "./denoise.ts";
import { type DormandPrinceOptions, dormandPrince, dormandPrinceOptions, type Field } from "./dormand-prince.ts";
import { checkSamples, checkStart, ends } from "./ladder.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, resolve } from "./options.ts";
import { type PathHanded, type PathStep, pathOptions } from "./path-sampler.ts";
import { probabilityFlow } from "./probability-flow.ts";
import type { AdaptiveStep } from "./sampler.ts";

/** D(x; σ) for a batch whose samples have noise levels of their own: `sigmas` has one for each. */
export type DenoiseEach = (x: Float64Array, sigmas: Float64Array) => Promise<Float64Array> | Float64Array;

/** A `DenoiseEach` from a `Denoise`, by one call for each sample: right for every model, and slow. */
export function oneByOne(denoise: Denoise): DenoiseEach {
  return async (x, sigmas) => {
    const dims = x.length / sigmas.length;
    const out = new Float64Array(x.length);
    for (const [i, sigma] of sigmas.entries())
      out.set(await denoise(x.slice(i * dims, (i + 1) * dims), sigma), i * dims);
    return out;
  };
}

/**
 * Adaptive steps in σ, common to the whole batch: the error is averaged over it, so the steps (and in the last digits
 * the samples) depend on what else is in it. Of the ladder only the ends count: the first level, the last positive one,
 * and a 0 after it, which costs one evaluation.
 */
export function rk45(
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  { noise: _, ...given }: DormandPrinceOptions & Handed = {},
): AsyncGenerator<AdaptiveStep> {
  return integrate((y, levels) => denoise(y, levels[0]), x, sigmas, given, 1);
}

/**
 * `rk45` with steps chosen for each of `samples` samples alone, so that none depends on the others. A step of the
 * generator is one attempt for all unfinished samples; its `sigma` and `next` are the highest levels among them.
 */
export function rk45Each(
  denoise: DenoiseEach,
  x: Float64Array,
  sigmas: Sigmas,
  { samples, ...given }: DormandPrinceOptions & { readonly samples: number },
): AsyncGenerator<AdaptiveStep> {
  return integrate(denoise, x, sigmas, given, samples);
}

async function* integrate(
  denoise: DenoiseEach,
  x: Float64Array,
  sigmas: Sigmas,
  given: DormandPrinceOptions,
  systems: number,
): AsyncGenerator<AdaptiveStep> {
  checkStart("rk45", x, sigmas);
  const options = resolve("rk45", dormandPrinceOptions, given);
  const { from, to, zero } = ends("rk45", sigmas);
  const dims = x.length / systems;
  const part = (v: Float64Array, s: number) => v.subarray(s * dims, (s + 1) * dims);

  /** a x + b v, with the factors of each sample's own level. */
  const perSample = (
    levels: Float64Array,
    x: Float64Array,
    v: Float64Array,
    factors: (sigma: number) => [number, number],
  ) => {
    const out = new Float64Array(x.length);
    for (const [s, sigma] of levels.entries()) {
      const [a, b] = factors(sigma);
      combine(part(out, s), [a, part(x, s)], [b, part(v, s)]);
    }
    return out;
  };
  const field: Field = async (levels, y) =>
    perSample(levels, y, await denoise(y, levels), (sigma) => [1 / sigma, -1 / sigma]);

  let levels: Float64Array = new Float64Array(systems).fill(from);
  let [index, rejected, kept] = [0, 0, 0];
  for await (const { t, y, slope, accepted } of dormandPrince(field, x, { ...options, from, to, systems })) {
    const now = accepted.reduce((a, b) => a + b);
    if (now === kept) rejected++;
    else {
      // The estimate at the start of the step is in its first slope.
      const denoised = perSample(levels, x, slope, (sigma) => [1, -sigma]);
      yield { index: index++, sigma: Math.max(...levels), x: y, denoised, next: Math.max(...t), rejected };
      [x, levels, kept, rejected] = [y, t, now, 0];
    }
  }
  if (zero) {
    x = await denoise(x, levels);
    yield { index, sigma: to, x, denoised: x, next: 0, rejected: 0 };
  }
}

/** How exactly `rk45Path` integrates, and the time at which it stops. */
export const rk45PathOptions = { ...dormandPrinceOptions, end: pathOptions.end } as const satisfies OptionTable;

export type Rk45PathOptions = Given<typeof rk45PathOptions> & PathHanded;

/**
 * The probability-flow ODE of any path in the path's own time, from 1 to `end`, with steps common to the whole batch:
 * the ODE sampler of Song et al. (2021).
 */
export async function* rk45Path(
  denoise: Denoise,
  z: Float64Array,
  path: Path,
  { noise: _, samples: __, ...given }: Rk45PathOptions = {},
): AsyncGenerator<PathStep & { readonly rejected: number }> {
  checkSamples("rk45", z);
  const { end, ...options } = resolve("rk45", rk45PathOptions, given);
  let [t, index, rejected] = [1, 0, 0];
  for await (const attempt of dormandPrince(probabilityFlow(denoise, path), z, { ...options, from: 1, to: end })) {
    if (attempt.accepted[0] === index) rejected++;
    else {
      // D from the slope at the start: D = (z + σ² ∇ ln p)/α, ∇ ln p = 2 (f z − dz/dt)/g².
      const [alpha, sigma] = [path.alpha(t), path.sigma(t)];
      const c = (2 * sigma ** 2) / path.diffusion(t) ** 2;
      const of = (1 + c * path.drift(t)) / alpha;
      const denoised = combine(new Float64Array(z.length), [of, z], [-c / alpha, attempt.slope]);
      [t, z] = [attempt.t[0], attempt.y];
      yield { index: index++, sigma: sigma / alpha, t, x: z, mean: z, denoised, rejected };
      rejected = 0;
    }
  }
}
