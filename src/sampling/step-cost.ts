/**
 * What each jump of a discrete process costs in the variational bound (Watson et al. 2021), for `planSteps`. Nodes 1 … T are
 * the timesteps of the process, node 0 is the data.
 */
import { type DiscretizedCdf, discretizedLogLikelihood } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { clipped } from "./clip.ts";
import { combine } from "./combine.ts";
import type { Denoise, Noise } from "./denoise.ts";

/** How well the model does at one node, in nats, summed over dimensions and averaged over the batch. */
export interface NodeQuality {
  /** The node, from 1. */
  readonly node: number;
  /** E‖x₀ − x̂₀‖². */
  readonly reconstruction: number;
  /** −ln p(x₀ | x_node) of the decoder that jumps from here to the data. */
  readonly decoderNll: number;
}

/** What `measureNodes` finds at one node, with the parts of each sample of the batch. */
export interface MeasuredNode extends NodeQuality {
  readonly each: { readonly reconstruction: Float64Array; readonly decoderNll: Float64Array };
}

export interface MeasureOptions {
  /** ᾱ of nodes 1 … T. */
  readonly alphasCumprod: ArrayLike<number>;
  /** One draw for each node, in order from 1. */
  readonly noise: Noise;
  /** Samples in the batch. */
  readonly batch: number;
  /** The Φ of the decoder's discretised Gaussian; "tanh" by default, as in the published bounds. */
  readonly cdf?: DiscretizedCdf;
  /**
   * "bytes" by default: 8-bit data in [−1, 1], a discretised Gaussian, x̂₀ clipped. "density" is for other data: x̂₀ as it
   * is, and the density of a Gaussian.
   */
  readonly decoder?: "bytes" | "density";
}

/**
 * Measures a model on data at every node, one evaluation each: all that the T²/2 costs need.
 * The decoder's variance is 1 − ᾱ, except at node 1, where it is the posterior variance of the step above, as in DDPM.
 */
export async function* measureNodes(
  denoise: Denoise,
  x: Float64Array,
  { alphasCumprod, noise, batch, cdf = "tanh", decoder = "bytes" }: MeasureOptions,
): AsyncGenerator<MeasuredNode> {
  const limited = decoder === "bytes" ? clipped(denoise) : denoise;
  for (let node = 1; node <= alphasCumprod.length; node++)
    if (!(alphasCumprod[node - 1] > 0 && alphasCumprod[node - 1] < 1))
      throw new ConfigError(
        `step costs: alphasCumprod of node ${node} is ${alphasCumprod[node - 1]} (between 0 and 1; 0 is zero terminal SNR).`,
      );
  for (let node = 1; node <= alphasCumprod.length; node++) {
    const alphaBar = alphasCumprod[node - 1];
    const sigma = Math.sqrt((1 - alphaBar) / alphaBar);
    const denoised = await limited(combine(new Float64Array(x.length), [1, x], [sigma, noise()]), sigma);
    const logScale = Math.log(decoderVariance(alphasCumprod, node)) / 2;
    const each = { reconstruction: new Float64Array(batch), decoderNll: new Float64Array(batch) };
    const dims = x.length / batch;
    for (let row = 0, i = 0; row < batch; row++) {
      let [squared, logs] = [0, 0];
      for (const end = i + dims; i < end; i++) {
        const error = x[i] - denoised[i];
        squared += error ** 2;
        logs +=
          decoder === "bytes"
            ? discretizedLogLikelihood(x[i], denoised[i], logScale, { cdf })
            : -(error ** 2 * Math.exp(-2 * logScale) + Math.log(2 * Math.PI)) / 2 - logScale;
      }
      each.reconstruction[row] = squared;
      each.decoderNll[row] = -logs;
    }
    yield { node, reconstruction: mean(each.reconstruction), decoderNll: mean(each.decoderNll), each };
  }
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function decoderVariance(alphasCumprod: ArrayLike<number>, node: number): number {
  const variance = 1 - alphasCumprod[node - 1];
  if (node > 1 || alphasCumprod.length === 1) return variance;
  const above = alphasCumprod[1];
  return ((1 - above / alphasCumprod[0]) * variance) / (1 - above);
}

export interface JumpOptions {
  /** ᾱ of nodes 1 … T. */
  readonly alphasCumprod: ArrayLike<number>;
  /** Dimensions of a sample. */
  readonly dims: number;
  /** The reverse variance of a jump: β̃ ("small") or β ("large"). */
  readonly variance: "small" | "large";
}

/** What a jump costs, in nats: `fixed` + `factor`·E‖x₀ − x̂₀‖² at the node it starts from. */
export interface JumpCost {
  readonly fixed: number;
  readonly factor: number;
}

/**
 * The KL of the jump from node r to node s < r: D/2 (β̃/v + ln(v/β̃) − 1) + ᾱ_s β²/(2(1 − ᾱ_r)² v)·E‖x₀ − x̂₀‖² with
 * β = 1 − ᾱ_r/ᾱ_s and v the variance.
 */
export function jumpCost(s: number, r: number, { alphasCumprod, dims, variance }: JumpOptions): JumpCost {
  const [before, after] = [alphasCumprod[s - 1], alphasCumprod[r - 1]];
  const noisy = 1 - after;
  const beta = 1 - after / before;
  const ratio = variance === "small" ? 1 : (1 - before) / noisy; // β̃/v
  const v = variance === "small" ? (beta * (1 - before)) / noisy : beta;
  return { fixed: (dims / 2) * (ratio - Math.log(ratio) - 1), factor: (before * beta ** 2) / (2 * noisy ** 2 * v) };
}

export interface StepCostOptions extends JumpOptions {
  /** Of nodes 1 … T, in order. */
  readonly qualities: readonly NodeQuality[];
}

/**
 * The cost matrix L of T + 1 rows, in nats: L[s][r] is that of the jump ({@link jumpCost}), L[0][r] the decoder's. ∞ on and
 * below the diagonal.
 */
export function stepCosts({ qualities, ...jump }: StepCostOptions): Float64Array {
  const { alphasCumprod } = jump;
  const nodes = alphasCumprod.length;
  if (qualities.length !== nodes || qualities.some(({ node }, i) => node !== i + 1))
    throw new ConfigError(
      `step costs: qualities must be those of nodes 1 to ${nodes}, in order; got ${qualities.length}.`,
    );
  const size = nodes + 1;
  const cost = new Float64Array(size * size).fill(Number.POSITIVE_INFINITY);
  for (let r = 1; r <= nodes; r++) {
    const { reconstruction, decoderNll } = qualities[r - 1];
    cost[r] = decoderNll;
    for (let s = 1; s < r; s++) {
      const { fixed, factor } = jumpCost(s, r, jump);
      cost[s * size + r] = fixed + factor * reconstruction;
    }
  }
  return cost;
}

/** KL(q(x_T | x₀) ‖ N(0, I)) in nats a sample: the part of the bound that no choice of steps changes. */
export function priorTerm(x: Float64Array, alphaBar: number, batch: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (alphaBar * x[i] ** 2 - alphaBar - Math.log1p(-alphaBar)) / 2;
  return sum / batch;
}
