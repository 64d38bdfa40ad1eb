/** A trained network as a denoiser, and the products with its Jacobian that likelihoods and gradient guidance need. */
import type { Precondition, Preconditioning } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type Expr, gradients, inFloat16, input, type Precision } from "../graph/index.ts";
import { bake } from "../nn/index.ts";
import { type CompileOptions, compile, type Program } from "../runtime/index.ts";
import type { Denoise } from "../sampling/index.ts";
import { buildModel, type ModelSpec, modelInputs, oneHot } from "./model.ts";

export interface DenoiserOptions extends CompileOptions {
  readonly precondition: Precondition;
  /** Images in one call of the network; the samples of a run may be more, and are then cut into such batches. */
  readonly batch: number;
  /** What the network computes in; float32 by default. D is put together in float64 in either case. */
  readonly precision?: Precision;
}

/** The class of each image of a batch; undefined: none. */
export type BatchLabels = readonly (number | undefined)[];

/** The weight of guidance: that of all images of a batch, or of each. */
export type GuidanceWeights = number | ArrayLike<number>;

/** D(x; σ̃) and vᵀ ∂D/∂x of one batch, from one pass through the network and back. Each image has a row of v. */
export type DenoiseAndProduct = (
  x: Float64Array,
  sigma: number,
  v: Float64Array,
) => Promise<{ readonly denoised: Float64Array; readonly product: Float64Array }>;

/** D(x; σ̃) of one batch, each image at a noise level of its own; with the variance output, for models that have one. */
export type DenoiseEach = (
  x: Float64Array,
  sigmas: ArrayLike<number>,
) => Promise<{ readonly denoised: Float64Array; readonly variance?: Float64Array }>;

/** A trained network, ready to denoise. */
export interface Denoiser {
  readonly batch: number;
  /** D(x; σ̃) of one batch, each image given its label (or none). A network that is told the weight of guidance is told `guidance`, 1 by default. */
  denoise(labels: BatchLabels, guidance?: GuidanceWeights): Denoise;
  /** D of images at different noise levels, as a loss or a bound needs them; solvers take {@link denoise}. */
  denoiseEach(labels: BatchLabels, guidance?: GuidanceWeights): DenoiseEach;
  /** D with its vector–Jacobian products. The gradient's program is compiled when first used. */
  denoiseAndProduct(labels: BatchLabels, guidance?: GuidanceWeights): DenoiseAndProduct;
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
  { precondition, batch, precision = "float32", ...options }: DenoiserOptions,
): Promise<Denoiser> {
  const compiled = (outputs: Readonly<Record<string, Expr>>) =>
    compile(precision === "float16" ? halved(outputs) : outputs, options);
  const inputs = modelInputs(spec, batch);
  const { output, variance, parameters } = buildModel(spec, inputs, false);
  const dims = spec.shape.reduce((n, s) => n * s, 1);
  const size = batch * dims;
  const [baked, bakedVariance] = bake(variance ? [output, variance] : [output], parameters, values);
  const forward = await compiled({ output: baked, ...(variance && { variance: bakedVariance }) });
  let lastVariance: Float64Array | undefined;
  let both: Promise<Program> | undefined;
  const compileBoth = () => {
    const v = input("v", inputs.x.shape);
    const [product] = gradients(baked, [inputs.x], v);
    return compiled({ output: baked, product });
  };
  let calls = 0;

  /** What the network is fed for images at their noise levels. */
  const prepare = (labels: BatchLabels, guidance: GuidanceWeights = 1) => {
    if (spec.classes === 0 && labels.some((label) => label !== undefined))
      throw new ConfigError("labels: the model was trained without labels. Leave the class out.");
    const feeds = {
      ...(spec.classes > 0 && { labels: oneHot(labels, spec.classes, batch) }),
      ...(spec.guided && { guidance: guidanceFeed(guidance, batch) }),
    };
    const scaled = new Float32Array(size);
    const cNoise = new Float32Array(batch);
    return (x: Float64Array, at: readonly Preconditioning[]) => {
      if (x.length !== size)
        throw new RangeError(`denoise: x has ${x.length} numbers (${size}, ${batch} examples of [${spec.shape}]).`);
      for (const [row, { cIn, cNoise: label }] of at.entries()) {
        cNoise[row] = label;
        for (let i = row * dims; i < (row + 1) * dims; i++) scaled[i] = cIn * x[i];
      }
      return { ...feeds, x: scaled, cNoise };
    };
  };
  const everywhere = (sigma: number) => new Array<Preconditioning>(batch).fill(precondition(sigma));
  const denoisedBy = (at: readonly Preconditioning[], x: Float64Array, f: Float32Array) =>
    affine(x, f, at, ({ cSkip, cOut }) => [cSkip, cOut]);

  return {
    batch,
    get calls() {
      return calls;
    },
    get variance() {
      return lastVariance;
    },
    denoise(labels, guidance) {
      const feedsOf = prepare(labels, guidance);
      return async (x, sigma) => {
        const at = everywhere(sigma);
        const { output: f, variance: v } = await forward.run(feedsOf(x, at));
        lastVariance = v && Float64Array.from(v);
        calls++;
        return denoisedBy(at, x, f);
      };
    },
    denoiseEach(labels, guidance) {
      const feedsOf = prepare(labels, guidance);
      return async (x, sigmas) => {
        const at = Array.from(sigmas, precondition);
        if (at.length !== batch) throw new RangeError(`denoise: ${at.length} noise levels for ${batch} examples.`);
        const { output: f, variance: v } = await forward.run(feedsOf(x, at));
        calls++;
        return { denoised: denoisedBy(at, x, f), ...(v && { variance: Float64Array.from(v) }) };
      };
    },
    denoiseAndProduct(labels, guidance) {
      const feedsOf = prepare(labels, guidance);
      return async (x, sigma, v) => {
        both ??= compileBoth();
        const program = await both;
        const at = everywhere(sigma);
        const { output: f, product } = await program.run({ ...feedsOf(x, at), v });
        calls++;
        return {
          denoised: denoisedBy(at, x, f),
          product: affine(v, product, at, ({ cSkip, cOut, cIn }) => [cSkip, cOut * cIn]),
        };
      };
    },
    async close() {
      await forward.close();
      await (await both)?.close();
    },
  };
}

/** The same outputs by name, computed in float16. */
function halved(outputs: Readonly<Record<string, Expr>>): Readonly<Record<string, Expr>> {
  const made = inFloat16(Object.values(outputs));
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, made[i]]));
}

/** What a network is fed that is told the weight of guidance. */
export const guidanceFeed = (guidance: GuidanceWeights, batch: number): Float32Array =>
  typeof guidance === "number" ? new Float32Array(batch).fill(guidance) : Float32Array.from(guidance);

/** a x + b y, in float64, with the a and b of each row. */
function affine<T>(
  x: Float64Array,
  y: Float32Array,
  rows: readonly T[],
  factors: (row: T) => readonly [a: number, b: number],
): Float64Array {
  const out = new Float64Array(x.length);
  const dims = x.length / rows.length;
  for (const [row, one] of rows.entries()) {
    const [a, b] = factors(one);
    for (let i = row * dims; i < (row + 1) * dims; i++) out[i] = a * x[i] + b * y[i];
  }
  return out;
}
