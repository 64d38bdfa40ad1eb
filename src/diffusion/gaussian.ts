/**
 * Data whose ideal denoiser, score and likelihood are formulas, here Gaussians: what solvers and losses are tested on, and
 * what demonstrations run on without a network. All of it is in the variance-exploding frame, x̃ = x + σ ε; `atLevel`
 * carries it to any path. Batches are laid flat, `[rows × dims]`.
 */
import { ConfigError } from "../errors/index.ts";
import type { Stream } from "../random/index.ts";
import type { Level } from "./prediction.ts";

/** A distribution of clean data with closed forms for its noised versions. */
export interface ClosedForm {
  readonly dims: number;
  /** D(x̃; σ) = E[x | x̃], the ideal denoiser. */
  readonly denoise: (x: Float64Array, sigma: number) => Float64Array;
  /** ∇ ln p(x̃; σ) = (D − x̃)/σ², without that cancellation. */
  readonly score: (x: Float64Array, sigma: number) => Float64Array;
  /** ln p(x̃; σ) in nats, one number a row. */
  readonly logDensity: (x: Float64Array, sigma: number) => Float64Array;
  /** J v for every row, where J = ∂D/∂x̃ = Cov[x | x̃]/σ², a symmetric matrix. */
  readonly jvp: (x: Float64Array, sigma: number, v: Float64Array) => Float64Array;
  /** The trace of J, one number a row. */
  readonly divergence: (x: Float64Array, sigma: number) => Float64Array;
  /** Clean samples, `[rows × dims]`. */
  readonly sample: (rows: number, stream: Pick<Stream, "uniform" | "normal">) => Float64Array;
}

/** Independent Gaussian dimensions. */
export interface GaussianOptions {
  /** One for all dimensions, or one for each. */
  readonly mean?: number | readonly number[];
  readonly std?: number | readonly number[];
  /** The number of dimensions, where neither list says it. */
  readonly dims?: number;
}

/** Gaussian data also has its probability-flow ODE solved. */
export interface Gaussian extends ClosedForm {
  /** The solution at noise level `to` through x at level `from`: μ + (x − μ) √((s² + to²)/(s² + from²)). */
  readonly flow: (x: Float64Array, from: number, to: number) => Float64Array;
}

/** x ~ N(mean, std²), elementwise: D = μ + s²/(s² + σ²) (x̃ − μ). */
export function gaussian({ mean = 0, std = 1, ...options }: GaussianOptions = {}): Gaussian {
  const lengths = [mean, std].flatMap((list) => (typeof list === "number" ? [] : [list.length]));
  const dims = options.dims ?? lengths[0] ?? 1;
  if (dims < 1 || lengths.some((length) => length !== dims))
    throw new ConfigError(
      `gaussian: mean, std and dims must agree on the number of dimensions; got ${lengths}, ${dims}.`,
    );
  const spread = (value: number | readonly number[]) =>
    typeof value === "number" ? new Float64Array(dims).fill(value) : Float64Array.from(value);
  const [mu, s] = [spread(mean), spread(std)];
  /** s²/(s² + σ²), for each dimension. */
  const kept = (sigma: number) => s.map((si) => (sigma === 0 ? 1 : si ** 2 / (si ** 2 + sigma ** 2)));
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);

  return {
    dims,
    denoise: (x, sigma) => {
      const c = kept(sigma);
      return x.map((v, i) => mu[i % dims] + c[i % dims] * (v - mu[i % dims]));
    },
    score: (x, sigma) => x.map((v, i) => (mu[i % dims] - v) / (s[i % dims] ** 2 + sigma ** 2)),
    logDensity: (x, sigma) => {
      const out = new Float64Array(x.length / dims);
      for (let i = 0; i < x.length; i++) {
        const variance = s[i % dims] ** 2 + sigma ** 2;
        out[Math.floor(i / dims)] -= 0.5 * (Math.log(2 * Math.PI * variance) + (x[i] - mu[i % dims]) ** 2 / variance);
      }
      return out;
    },
    jvp: (_, sigma, v) => {
      const c = kept(sigma);
      return v.map((vi, i) => c[i % dims] * vi);
    },
    divergence: (x, sigma) => new Float64Array(x.length / dims).fill(total(kept(sigma))),
    sample: (rows, stream) =>
      Float64Array.from({ length: rows * dims }, (_, i) => mu[i % dims] + s[i % dims] * stream.normal()),
    flow: (x, from, to) => {
      const scale = s.map((si) => Math.hypot(si, to) / Math.hypot(si, from));
      return x.map((v, i) => mu[i % dims] + (v - mu[i % dims]) * scale[i % dims]);
    },
  };
}

/** What a closed form says of z = α x + σ ε. */
export interface AtLevel {
  /** E[x | z] */
  readonly denoise: (z: Float64Array) => Float64Array;
  /** E[ε | z] */
  readonly eps: (z: Float64Array) => Float64Array;
  /** ∇ ln p(z) */
  readonly score: (z: Float64Array) => Float64Array;
  /** ln p(z), one number a row. */
  readonly logDensity: (z: Float64Array) => Float64Array;
}

/** The closed form at a level of any path: D(z; α, σ) = D(z/α; σ/α). */
export function atLevel(data: ClosedForm, { alpha, sigma }: Level): AtLevel {
  const tilde = sigma / alpha;
  const scaled = (z: Float64Array) => z.map((v) => v / alpha);
  const score = (z: Float64Array) => data.score(scaled(z), tilde).map((v) => v / alpha);
  return {
    denoise: (z) => data.denoise(scaled(z), tilde),
    eps: (z) => score(z).map((v) => -sigma * v),
    score,
    logDensity: (z) => data.logDensity(scaled(z), tilde).map((v) => v - data.dims * Math.log(alpha)),
  };
}

/** ln N(z; 0, std² I) in nats, one number a row of `dims` numbers: the prior of a path, for its `priorStd`. */
export function priorLogDensity(z: Float64Array, dims: number, std = 1): Float64Array {
  return gaussian({ std, dims }).logDensity(z, 0);
}
