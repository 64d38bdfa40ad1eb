/** From data to the noise that the probability-flow ODE would make them of, and back. */
import { dormandPrince, type Field } from "../sampling/index.ts";
import type { BatchLabels } from "../training/index.ts";
import { startStd } from "./sampling-plan.ts";
import type { TrainedModel } from "./trained.ts";
import { usualLevels } from "./trained-levels.ts";

export interface EncodeOptions {
  /** The class of each row. */
  readonly labels: BatchLabels;
  /** Tolerance of the solver, relative and absolute; 1e-4 by default. */
  readonly tolerance?: number;
}

/** Unit noise for rows of data: the flow from the lowest noise level to the highest, over the standard deviation there. */
export async function encode(model: TrainedModel, x: Float64Array, options: EncodeOptions): Promise<Float64Array> {
  const { sigmaMin, sigmaMax } = usualLevels(model.recipe);
  const noisy = await flow(model, x, sigmaMin, sigmaMax, options);
  return noisy.map((value) => value / startStd(model.recipe, sigmaMax));
}

/** The inverse of `encode`, up to the tolerance. */
export async function decode(model: TrainedModel, latent: Float64Array, options: EncodeOptions): Promise<Float64Array> {
  const { sigmaMin, sigmaMax } = usualLevels(model.recipe);
  const start = latent.map((value) => value * startStd(model.recipe, sigmaMax));
  return flow(model, start, sigmaMax, sigmaMin, options);
}

/** dx/d ln σ = x − D between two levels, either way. */
async function flow(
  model: TrainedModel,
  x: Float64Array,
  from: number,
  to: number,
  { labels, tolerance = 1e-4 }: EncodeOptions,
): Promise<Float64Array> {
  const denoise = (await model.denoiser(labels.length)).denoise(labels);
  const field: Field = async ([log], y) => difference(y, await denoise(y, Math.exp(log)));
  const options = { from: Math.log(from), to: Math.log(to), rtol: tolerance, atol: tolerance };
  let last = x;
  for await (const { y } of dormandPrince(field, x, options)) last = y;
  return last;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length);
  for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
  return out;
}
