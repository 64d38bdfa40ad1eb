/** A model: a network, the examples it is for, and how its output becomes a denoiser. */
import type { Precondition } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type Expr, input } from "../graph/index.ts";
import { bake, createScope, type NetworkConfig, type NoiseInput, network, type Parameter } from "../nn/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import type { Denoise } from "../sampling/index.ts";

/** Everything that decides a network's parameters. */
export interface ModelSpec {
  readonly network: NetworkConfig;
  /** Of one example: [channels, height, width] or [dims]. */
  readonly shape: readonly number[];
  /** Number of classes; 0 for a model without labels. */
  readonly classes: number;
  /** The network sees tiles of patch × patch pixels as channels, at 1/patch of the resolution: faster, less sharp. */
  readonly patch: number;
}

/** F(c_in x; c_noise, label) as a graph, with what it is made of. */
export interface ModelGraph {
  readonly output: Expr;
  readonly parameters: readonly Parameter[];
  /** Inputs to be filled with numbers from [0, 1), for dropout. */
  readonly uniforms: readonly NoiseInput[];
}

/** What a model reads: c_in x [B, …shape], c_noise [B], and labels as one-hot rows [B, classes] (zeros: no label). */
export interface ModelInputs {
  readonly x: Expr;
  readonly noise: Expr;
  readonly labels?: Expr;
}

/** Builds the network on given inputs. `training` turns dropout on. */
export function buildModel(spec: ModelSpec, { x, noise, labels }: ModelInputs, training: boolean): ModelGraph {
  const scope = createScope({ training });
  const tiled = spec.patch > 1 ? spaceToDepth(x, spec.patch) : x;
  const raw = network(scope, { x: tiled, noise, ...(labels && { labels }) }, spec.network);
  const output = spec.patch > 1 ? depthToSpace(raw, spec.patch) : raw;
  return { output, parameters: scope.parameters, uniforms: scope.noises };
}

/** Input nodes of a model for a batch. */
export function modelInputs(spec: ModelSpec, batch: number): ModelInputs {
  return {
    x: input("x", [batch, ...spec.shape]),
    noise: input("cNoise", [batch]),
    ...(spec.classes > 0 && { labels: input("labels", [batch, spec.classes]) }),
  };
}

/** The network of a model for one example: what it is made of, and what it costs. */
export const networkOf = (spec: ModelSpec, batch = 1): ModelGraph => buildModel(spec, modelInputs(spec, batch), false);

/** Tiles of p × p pixels become channels: [B, C, H, W] → [B, C p², H/p, W/p]. */
function spaceToDepth(x: Expr, p: number): Expr {
  const [b, c, h, w] = x.shape;
  if (h % p !== 0 || w % p !== 0)
    throw new ConfigError(`model: ${h}×${w} does not divide into patches of ${p}×${p}. Use sizes divisible by ${p}.`);
  const tiles = x.reshape([b, c, h / p, p, w / p, p]).transpose([0, 1, 3, 5, 2, 4]);
  return tiles.reshape([b, c * p * p, h / p, w / p]);
}

/** The inverse of {@link spaceToDepth}. */
function depthToSpace(x: Expr, p: number): Expr {
  const [b, cpp, h, w] = x.shape;
  const c = cpp / (p * p);
  return x
    .reshape([b, c, p, p, h, w])
    .transpose([0, 1, 4, 2, 5, 3])
    .reshape([b, c, h * p, w * p]);
}

export interface DenoiserOptions extends CompileOptions {
  readonly precondition: Precondition;
  /** Images in one call of the network; the samples of a run may be more, and are then cut into such batches. */
  readonly batch: number;
}

/** A trained network, ready to denoise. */
export interface Denoiser {
  readonly batch: number;
  /** D(x; σ̃) of one batch, each image given its label (or none). */
  denoise(labels: readonly (number | undefined)[]): Denoise;
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
  const { output, parameters } = buildModel(spec, inputs, false);
  const [baked] = bake([output], parameters, values);
  const program = await compile({ output: baked }, options);
  const size = batch * spec.shape.reduce((n, s) => n * s, 1);
  let calls = 0;
  return {
    batch,
    get calls() {
      return calls;
    },
    denoise(labels) {
      const feeds = spec.classes > 0 ? { labels: oneHot(labels, spec.classes, batch) } : {};
      if (spec.classes === 0 && labels.some((label) => label !== undefined))
        throw new ConfigError("labels: the model was trained without labels. Leave the class out.");
      const scaled = new Float32Array(size);
      const cNoise = new Float32Array(batch);
      return async (x, sigma) => {
        const { cSkip, cOut, cIn, cNoise: label } = precondition(sigma);
        for (let i = 0; i < size; i++) scaled[i] = cIn * x[i];
        const { output: f } = await program.run({ ...feeds, x: scaled, cNoise: cNoise.fill(label) });
        calls++;
        const denoised = new Float64Array(size);
        for (let i = 0; i < size; i++) denoised[i] = cSkip * x[i] + cOut * f[i];
        return denoised;
      };
    },
    close: () => program.close(),
  };
}

/** Rows of zeros with a 1 at each label. */
export function oneHot(labels: readonly (number | undefined)[], classes: number, rows: number): Float32Array {
  const out = new Float32Array(rows * classes);
  for (const [i, label] of labels.entries()) {
    if (label === undefined) continue;
    if (!Number.isInteger(label) || label < 0 || label >= classes)
      throw new ConfigError(`labels: got ${label} (a whole number below ${classes}, the model's number of classes).`);
    out[i * classes + label] = 1;
  }
  return out;
}
