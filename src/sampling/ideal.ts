/** Data whose denoiser is a formula: what samplers are tested on, and what examples run on without a network. */
import type { Denoise } from "./denoise.ts";

/** Independent Gaussian data: one mean and standard deviation for all dimensions, or one mean for each. */
export interface Gaussian {
  readonly mean: number | ArrayLike<number>;
  readonly std: number;
}

/** D(x; σ) = μ + s²/(s² + σ²) (x − μ): the denoiser of Gaussian data. */
export function gaussianDenoiser({ mean, std }: Gaussian): Denoise {
  const mu = meanOf(mean);
  return (x, sigma) => {
    const keep = std ** 2 / (std ** 2 + sigma ** 2);
    return x.map((xi, i) => mu(i) + keep * (xi - mu(i)));
  };
}

/** A point z = α x + σ ε of a forward process. */
export interface Level {
  readonly alpha: number;
  readonly sigma: number;
}

/**
 * The exact solution of the probability-flow ODE for Gaussian data, from one level to another:
 * z ↦ α₂μ + (z − α₁μ) √((α₂²s² + σ₂²)/(α₁²s² + σ₁²)). On the Ornstein–Uhlenbeck process with s = 1 it only shifts.
 */
export function gaussianFlow(z: Float64Array, { mean, std }: Gaussian, from: Level, to: Level): Float64Array {
  const mu = meanOf(mean);
  const scale = Math.hypot(to.alpha * std, to.sigma) / Math.hypot(from.alpha * std, from.sigma);
  return z.map((zi, i) => to.alpha * mu(i) + (zi - from.alpha * mu(i)) * scale);
}

function meanOf(mean: Gaussian["mean"]): (i: number) => number {
  return typeof mean === "number" ? () => mean : (i) => mean[i % mean.length];
}

/** A mixture of spherical Gaussians in `means[0].length` dimensions. */
export interface Mixture {
  readonly weights: readonly number[];
  readonly means: readonly (readonly number[])[];
  readonly stds: readonly number[];
}

/**
 * The denoiser of a mixture: with r_k ∝ w_k N(x; μ_k, s_k² + σ²), D = Σ r_k (μ_k + s_k²/(s_k² + σ²) (x − μ_k)).
 * With all `stds` 0 it is the denoiser of a finite data set.
 */
export function mixtureDenoiser({ weights, means, stds }: Mixture): Denoise {
  const dims = means[0].length;
  return (x, sigma) => {
    const out = new Float64Array(x.length);
    const variance = stds.map((s) => s ** 2 + sigma ** 2);
    for (let row = 0; row < x.length; row += dims) {
      const logits = means.map((mu, k) => {
        const squared = mu.reduce((sum, m, d) => sum + (x[row + d] - m) ** 2, 0);
        return Math.log(weights[k]) - (dims / 2) * Math.log(variance[k]) - squared / (2 * variance[k]);
      });
      const top = Math.max(...logits);
      const unnormalised = logits.map((l) => Math.exp(l - top));
      const total = unnormalised.reduce((a, b) => a + b);
      for (const [k, mu] of means.entries())
        for (let d = 0; d < dims; d++)
          out[row + d] += (unnormalised[k] / total) * (mu[d] + (stds[k] ** 2 / variance[k]) * (x[row + d] - mu[d]));
    }
    return out;
  };
}
