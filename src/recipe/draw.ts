/** Drawing samples from trained parameters, as a recipe says. */
import { alphaOf, type PathType } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type Stream, stream } from "../random/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { type SamplerSpec, type SigmaGridSpec, type Sigmas, sigmaGrid, solve } from "../sampling/index.ts";
import { compileDenoiser, type Denoiser } from "../training/index.ts";
import { type DataFacts, modelOf, objectiveOf, type Recipe } from "./recipe.ts";

export interface DrawOptions extends CompileOptions {
  readonly count: number;
  /** Sample i of a seed is the same picture whatever the count and the batch (up to rounding). */
  readonly seed: number;
  /** The class of sample i; left out: none, or for a conditional model each class in turn. */
  readonly label?: (index: number) => number | undefined;
  /** Samples in one call of the network; 64 or the count, whichever is less. */
  readonly batch?: number;
  /** The sampler, its options and its steps, in place of the recipe's. */
  readonly sampling?: Recipe["sampling"];
}

/** Samples of one batch, and how far the drawing has come. */
export interface Drawn {
  /** Samples finished so far, of `count`. */
  readonly done: number;
  /** Share of all steps finished, for a progress bar. */
  readonly share: number;
  /** Network calls so far. */
  readonly evaluations: number;
}

/** Yields after every step of the sampler; returns all samples, flat in [−1, 1], `[count × dims]`. */
export async function* draw(
  recipe: Recipe,
  facts: DataFacts,
  params: Float32Array,
  { count, seed, label, batch: asked, sampling = recipe.sampling, ...options }: DrawOptions,
): AsyncGenerator<Drawn, Float64Array, void> {
  const model = modelOf(recipe, facts);
  const batch = Math.min(asked ?? 64, count);
  const dims = model.shape.reduce((n, s) => n * s, 1);
  const sigmas = sigmasOf(recipe, sampling);
  const { precondition } = objectiveOf(recipe);
  const denoiser: Denoiser = await compileDenoiser(model, params, { precondition, batch, ...options });
  const samples = new Float64Array(count * dims);
  const labelOf = label ?? ((i: number) => (model.classes > 0 ? i % model.classes : undefined));
  const spec = { type: sampling.sampler, ...sampling.options } as SamplerSpec;
  try {
    for (let start = 0; start < count; start += batch) {
      const indices = Array.from({ length: batch }, (_, i) => start + i);
      const streams = indices.map((i) => stream(seed, "sample", i));
      const noise = () => fill(streams, new Float64Array(batch * dims));
      const x = noise();
      const scale = startingScale(recipe, sigmas[0]);
      for (let i = 0; i < x.length; i++) x[i] *= scale;
      const denoise = guided(
        denoiser,
        indices.map((i) => (i < count ? labelOf(i) : undefined)),
        sampling.guidance ?? 1,
      );
      let last = x;
      for await (const step of solve(spec, denoise, x, sigmas, { noise })) {
        last = step.x;
        const share = (start + batch * ((step.index + 1) / (sigmas.length - 1))) / (Math.ceil(count / batch) * batch);
        yield { done: start, share: Math.min(share, 1), evaluations: denoiser.calls };
      }
      samples.set(last.subarray(0, Math.min(batch, count - start) * dims), start * dims);
    }
    return samples;
  } finally {
    await denoiser.close();
  }
}

/** Each sample's part of `out` from that sample's own stream. */
function fill(streams: readonly Stream[], out: Float64Array): Float64Array {
  const dims = out.length / streams.length;
  for (const [i, own] of streams.entries()) own.fillNormal(out.subarray(i * dims, (i + 1) * dims));
  return out;
}

/** The noise levels a recipe samples at. */
export function sigmasOf({ objective: { schedule } }: Recipe, { grid, steps }: Recipe["sampling"]): Sigmas {
  if (grid.type !== "timesteps") return sigmaGrid({ ...grid, steps } as SigmaGridSpec);
  if (schedule?.kind !== "discrete")
    throw new ConfigError('sampling.grid: "timesteps" needs an objective with a discrete schedule. Use karras.');
  return sigmaGrid({ ...grid, steps, schedule: schedule.table } as SigmaGridSpec);
}

/** Standard deviation of x̃ = z/α where sampling starts: that of pure noise z on the recipe's own path. */
function startingScale({ objective: { prediction } }: Recipe, sigma: number): number {
  const path: PathType | undefined = "path" in prediction ? prediction.path : undefined;
  return path === "vp" ? 1 / alphaOf("vp", sigma) : sigma;
}

/** Classifier-free guidance with weight w: D_∅ + w (D_label − D_∅). */
function guided(denoiser: Denoiser, labels: readonly (number | undefined)[], weight: number) {
  const conditional = denoiser.denoise(labels);
  if (weight === 1) return conditional;
  const unconditional = denoiser.denoise(labels.map(() => undefined));
  return async (x: Float64Array, sigma: number) => {
    const [with_, without] = [await conditional(x, sigma), await unconditional(x, sigma)];
    return with_.map((value, i) => without[i] + weight * (value - without[i]));
  };
}
