/** A trained network as a denoiser, and the products with its Jacobian that likelihoods and gradient guidance need. */
import type { Precondition } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { gradients, input } from "../graph/index.ts";
import { bake } from "../nn/index.ts";
import { type CompileOptions, compile, type Program } from "../runtime/index.ts";
import type { Denoise } from "../sampling/index.ts";
import { buildModel, type ModelSpec, modelInputs, oneHot } from "./model.ts";

export interface DenoiserOptions extends CompileOptions {
  readonly precondition: Precondition;
  /** Images in one call of the network; the samples of a run may be more, and are then cut into such batches. */
  readonly batch: number;
}

/** The class of each image of a batch; undefined: none. */
export type BatchLabels = readonly (number | undefined)[];

/** D(x; σ̃) and vᵀ ∂D/∂x of one batch, from one pass through the network and back. Each image has a row of v. */
export type DenoiseAndProduct = (
  x: Float64Array,
  sigma: number,
  v: Float64Array,
) => Promise<{ readonly denoised: Float64Array; readonly product: Float64Array }>;

/** A trained network, ready to denoise. */
export interface Denoiser {
  readonly batch: number;
  /** D(x; σ̃) of one batch, each image given its label (or none). */
  denoise(labels: BatchLabels): Denoise;
  /** D with its vector–Jacobian products. The gradient's program is compiled when first used. */
  denoiseAndProduct(labels: BatchLabels): DenoiseAndProduct;
  /** The variance output of the last call of {@link denoise}, `[batch × dims]`; absent for models without one. */
  readonly variance?: Float64Array | undefined;
  /** Network calls so far. */
  readonly calls: number;
  close(): Promise<void>;
}

/** Compiles a network with its parameters as constants, which lets ONNX Runtime lay them out for speed. */
export async function compileDenoiser(
  spec: ModelSpec,
  values: Float32Array,
  { precondition, batch, ...options }: DenoiserOptions,
): Promise<Denoiser> {
  const inputs = modelInputs(spec, batch);
  const { output, variance, parameters } = buildModel(spec, inputs, false);
  const size = batch * spec.shape.reduce((n, s) => n * s, 1);
  const [baked, bakedVariance] = bake(variance ? [output, variance] : [output], parameters, values);
  const forward = await compile({ output: baked, ...(variance && { variance: bakedVariance }) }, options);
  let lastVariance: Float64Array | undefined;
  let both: Promise<Program> | undefined;
  const compileBoth = () => {
    const v = input("v", inputs.x.shape);
    const [product] = gradients(baked, [inputs.x], v);
    return compile({ output: baked, product }, options);
  };
  let calls = 0;

  /** The network's input at a noise level, and the numbers that make its output D. */
  const prepare = (labels: BatchLabels) => {
    if (spec.classes === 0 && labels.some((label) => label !== undefined))
      throw new ConfigError("labels: the model was trained without labels. Leave the class out.");
    const feeds = spec.classes > 0 ? { labels: oneHot(labels, spec.classes, batch) } : {};
    const scaled = new Float32Array(size);
    const cNoise = new Float32Array(batch);
    return (x: Float64Array, sigma: number) => {
      if (x.length !== size)
        throw new RangeError(`denoise: x has ${x.length} numbers (${size}, ${batch} examples of [${spec.shape}]).`);
      const numbers = precondition(sigma);
      for (let i = 0; i < size; i++) scaled[i] = numbers.cIn * x[i];
      return { ...numbers, feeds: { ...feeds, x: scaled, cNoise: cNoise.fill(numbers.cNoise) } };
    };
  };

  return {
    batch,
    get calls() {
      return calls;
    },
    get variance() {
      return lastVariance;
    },
    denoise(labels) {
      const at = prepare(labels);
      return async (x, sigma) => {
        const { cSkip, cOut, feeds } = at(x, sigma);
        const { output: f, variance: v } = await forward.run(feeds);
        lastVariance = v && Float64Array.from(v);
        calls++;
        return affine(cSkip, x, cOut, f);
      };
    },
    denoiseAndProduct(labels) {
      const at = prepare(labels);
      return async (x, sigma, v) => {
        both ??= compileBoth();
        const program = await both;
        const { cSkip, cOut, cIn, feeds } = at(x, sigma);
        const { output: f, product } = await program.run({ ...feeds, v });
        calls++;
        return { denoised: affine(cSkip, x, cOut, f), product: affine(cSkip, v, cOut * cIn, product) };
      };
    },
    async close() {
      await forward.close();
      await (await both)?.close();
    },
  };
}

/** a x + b y, in float64. */
function affine(a: number, x: Float64Array, b: number, y: Float32Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let i = 0; i < out.length; i++) out[i] = a * x[i] + b * y[i];
  return out;
}
