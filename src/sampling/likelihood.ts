/**
 * Log-likelihood by the probability-flow ODE (Song et al. 2021, section 4.3; Chen et al. 2018): the density at the noisy end
 * is known, and along the flow ln p changes by the divergence. In the variance-exploding frame the flow is
 * dx/d ln σ = x − D on every path; a path only says how far z = α x is scaled at both ends.
 */
import { type Level, type Path, priorLogDensity } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { combine } from "./combine.ts";
import type { Denoise } from "./denoise.ts";
import { type DormandPrinceOptions, dormandPrince, type Field } from "./dormand-prince.ts";

/** Jv or Jᵀv with J = ∂D/∂x at (x, σ), row by row: only vᵀJv is used, so a vector-Jacobian product serves as well. */
export type JacobianProduct = (x: Float64Array, sigma: number, v: Float64Array) => Promise<Product> | Product;

/** The product, or the product and D itself where one pass gives both: D is then not computed again. */
export type Product = Float64Array | { readonly product: Float64Array; readonly denoised: Float64Array };

/** How the trace of J = ∂D/∂x is found. */
export type Trace =
  /** A formula: tr J of every row. */
  | { readonly type: "formula"; readonly trace: (x: Float64Array, sigma: number) => Float64Array }
  /** Exactly, by as many products as there are dimensions. */
  | { readonly type: "exact"; readonly product: JacobianProduct }
  /**
   * Hutchinson's estimate, the mean of vᵀJv over the probes: arrays like x of ±1 (least variance) or unit normals. They are
   * kept along the whole flow, so that it stays an ODE; the estimate of ln p is unbiased. `identity` "probed" also estimates
   * the part of the divergence that is known, dims, by |v|², as the published code does; the default, "exact", has less
   * variance with normal probes and is the same with ±1.
   */
  | {
      readonly type: "probes";
      readonly product: JacobianProduct;
      readonly probes: readonly Float64Array[];
      readonly identity?: "exact" | "probed";
    };

export interface LikelihoodOptions extends DormandPrinceOptions {
  /** The level of the data, its noise small but above 0. */
  readonly start: Level;
  /** The level at which z is taken to be N(0, priorStd² I). */
  readonly end: Level;
  readonly priorStd: number;
  /** Rows of z. */
  readonly batch: number;
  readonly trace: Trace;
}

/** Where the flow has got to. All in nats, one number a row. */
export interface LikelihoodStep {
  /** σ/α of the level. */
  readonly sigma: number;
  /** z at that level. */
  readonly z: Float64Array;
  /** The integral of the divergence of the flow of z so far. */
  readonly deltaLogProb: Float64Array;
  /** Steps kept and thrown away so far. */
  readonly accepted: number;
  readonly rejected: number;
}

/** ln p in nats, one number a row: logLikelihood = priorLogProb + deltaLogProb. */
export interface Likelihood {
  readonly logLikelihood: Float64Array;
  readonly priorLogProb: Float64Array;
  readonly deltaLogProb: Float64Array;
  /** z at the noisy end. */
  readonly latent: Float64Array;
}

/** The ends of a path in time, and its prior. Default: t from 1e-5 to 1. */
export function likelihoodEnds(
  path: Path,
  { tStart = 1e-5, tEnd = 1 }: { readonly tStart?: number; readonly tEnd?: number } = {},
): Pick<LikelihoodOptions, "start" | "end" | "priorStd"> {
  const level = (t: number) => ({ alpha: path.alpha(t), sigma: path.sigma(t) });
  return { start: level(tStart), end: level(tEnd), priorStd: path.priorStd };
}

/**
 * ln p(z) of every row of `z`, a state at `start`. Tolerances are those of the ODE, 1e-5 by default; rows are one system, as
 * in the published code, so the last digits depend on the batch.
 * @throws ConfigError for ends that are not noise levels in order, or a batch or probes that don't fit z.
 */
export async function likelihood(denoise: Denoise, z: Float64Array, options: LikelihoodOptions): Promise<Likelihood> {
  let last: LikelihoodStep | undefined;
  for await (const step of likelihoodSteps(denoise, z, options)) last = step;
  if (!last) throw new Error("internal: the flow took no step");
  const { z: latent, deltaLogProb } = last;
  const priorLogProb = priorLogDensity(latent, z.length / options.batch, options.priorStd);
  const logLikelihood = combine(new Float64Array(options.batch), [1, priorLogProb], [1, deltaLogProb]);
  return { logLikelihood, priorLogProb, deltaLogProb, latent };
}

/** The flow of `likelihood`, attempt by attempt. */
export async function* likelihoodSteps(
  denoise: Denoise,
  z: Float64Array,
  { start, end, priorStd: _, batch, trace, ...solver }: LikelihoodOptions,
): AsyncGenerator<LikelihoodStep> {
  const dims = z.length / batch;
  const [from, to] = [start, end].map(({ alpha, sigma }) => Math.log(sigma / alpha));
  if (!Number.isInteger(dims) || z.length === 0)
    throw new ConfigError(`likelihood: batch ${batch} does not divide the ${z.length} numbers of z.`);
  if (!(Number.isFinite(from) && Number.isFinite(to) && from < to))
    throw new ConfigError(
      `likelihood: noise must grow from start to end, from above 0; got σ/α ${Math.exp(from)} and ${Math.exp(to)}.`,
    );
  const evaluate = evaluator(denoise, trace, z.length, batch);
  const identity = identityTrace(trace, dims, batch);

  // One system: x of all rows, then the divergence gathered by each row.
  const field: Field = async ([log], y) => {
    const sigma = Math.exp(log);
    const x = y.slice(0, z.length);
    const { denoised, traces } = await evaluate(x, sigma);
    const slope = new Float64Array(y.length);
    combine(slope.subarray(0, z.length), [1, x], [-1, denoised]);
    for (let row = 0; row < batch; row++) slope[z.length + row] = identity[row] - traces[row];
    return slope;
  };
  const initial = new Float64Array(z.length + batch);
  combine(initial.subarray(0, z.length), [1 / start.alpha, z]);
  for await (const { t, y, accepted, rejected } of dormandPrince(field, initial, { ...solver, from, to })) {
    // The path is known at its ends only; between them its α is taken as geometric in σ, which is exact at both.
    const share = (t[0] - from) / (to - from);
    const alpha = start.alpha * (end.alpha / start.alpha) ** share;
    yield {
      sigma: Math.exp(t[0]),
      z: combine(new Float64Array(z.length), [alpha, y.subarray(0, z.length)]),
      deltaLogProb: y.slice(z.length).map((v, row) => v + identity[row] * Math.log(alpha / start.alpha)),
      accepted: accepted[0],
      rejected: rejected[0],
    };
  }
}

/** D, and tr J of every row. */
function evaluator(denoise: Denoise, trace: Trace, size: number, batch: number) {
  if (trace.type === "formula")
    return async (x: Float64Array, sigma: number) => ({
      denoised: await denoise(x, sigma),
      traces: trace.trace(x, sigma),
    });
  const dims = size / batch;
  const { product } = trace;
  const probes = trace.type === "probes" ? trace.probes : basis(size, dims);
  const share = trace.type === "probes" ? 1 / probes.length : 1;
  if (probes.length === 0 || probes.some((probe) => probe.length !== size))
    throw new ConfigError(
      `likelihood: probes must be arrays of ${size} numbers, at least one; got ${probes.map((p) => p.length).join(", ") || "none"}.`,
    );
  return async (x: Float64Array, sigma: number) => {
    const traces = new Float64Array(batch);
    let denoised: Float64Array | undefined;
    for (const probe of probes) {
      const found = await product(x, sigma, probe);
      const image = found instanceof Float64Array ? found : found.product;
      if (!(found instanceof Float64Array)) ({ denoised } = found);
      for (let row = 0, i = 0; row < batch; row++) {
        let sum = 0;
        for (const end = i + dims; i < end; i++) sum += probe[i] * image[i];
        traces[row] += share * sum;
      }
    }
    return { denoised: denoised ?? (await denoise(x, sigma)), traces };
  };
}

/** The trace of the identity in every row: dims, or what probes say of it. */
function identityTrace(trace: Trace, dims: number, batch: number): Float64Array {
  const known = new Float64Array(batch);
  if (trace.type !== "probes" || trace.identity !== "probed") return known.fill(dims);
  for (const probe of trace.probes)
    for (const [i, v] of probe.entries()) known[Math.floor(i / dims)] += v ** 2 / trace.probes.length;
  return known;
}

/** The unit vectors of a row, each for all rows at once. */
function basis(size: number, dims: number): Float64Array[] {
  return Array.from({ length: dims }, (_, d) => new Float64Array(size).map((_v, i) => (i % dims === d ? 1 : 0)));
}

/**
 * Jv by central differences of the denoiser, for functions without a gradient. Two evaluations a product. `step` is relative
 * to σ, below which D hardly bends; networks in float32 need it no smaller than the default.
 */
export function byDifferences(denoise: Denoise, step = 1e-3) {
  return async (x: Float64Array, sigma: number, v: Float64Array): Promise<Float64Array> => {
    const h = step * sigma;
    const at = (sign: number) => denoise(combine(new Float64Array(x.length), [1, x], [sign * h, v]), sigma);
    const [up, down] = [await at(1), await at(-1)];
    return combine(new Float64Array(x.length), [1 / (2 * h), up], [-1 / (2 * h), down]);
  };
}

/** Whole numbers 0 … levels − 1 made continuous by uniform noise of one spacing (`dequantize`), scaled to [low, high]. */
export interface Quantization {
  readonly levels?: number;
  readonly low?: number;
  readonly high?: number;
}

/** What turns a density of scaled data into one of whole numbers: log2(levels/(high − low)); 7 for bytes in [−1, 1], 8 in [0, 1]. */
export function bitsPerDimOffset({ levels = 256, low = -1, high = 1 }: Quantization = {}): number {
  if (!(levels >= 2 && low < high))
    throw new ConfigError(`bits/dim: needs at least 2 levels and low < high; got ${levels}, ${low} and ${high}.`);
  return Math.log2(levels / (high - low));
}

/**
 * Bits per dimension, −ln p/(D ln 2) + offset, of dequantised data. It only has a meaning for data that was whole numbers, with
 * uniform noise of one spacing added; without that noise it is often negative. For other data use `natsPerDim`.
 */
export function bitsPerDim(logLikelihood: number, dims: number, quantization: Quantization = {}): number {
  return natsPerDim(logLikelihood, dims) / Math.LN2 + bitsPerDimOffset(quantization);
}

/** −ln p/D: the same for data of any kind, in its own units. */
export const natsPerDim = (logLikelihood: number, dims: number): number => -logLikelihood / dims;
