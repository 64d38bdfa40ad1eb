/** Mixtures of Gaussians and finite data sets in closed form: `ClosedForm` says what that is. */
import { ConfigError } from "../errors/index.ts";
import type { ClosedForm } from "./gaussian.ts";

/** A mixture of spherical Gaussians. */
export interface MixtureOptions {
  /** Not necessarily adding up to 1; all equal by default. */
  readonly weights?: ArrayLike<number>;
  /** The centres, laid flat: `[components × dims]`; or a list of points. */
  readonly means: Float64Array | readonly (readonly number[])[];
  /** One standard deviation for all components, or one for each; 0 by default: points. */
  readonly stds?: number | ArrayLike<number>;
  /** The number of dimensions; needed only where the means are laid flat. */
  readonly dims?: number;
}

/**
 * A mixture of spherical Gaussians, or of points. With r_k ∝ w_k N(x̃; μ_k, s_k² + σ²) and μ̂_k = μ_k + s_k²/(s_k² + σ²) (x̃ − μ_k),
 * D = Σ r_k μ̂_k. All sums are made after subtracting the largest exponent. Points need σ > 0.
 */
export function mixture({ means, stds = 0, ...options }: MixtureOptions): ClosedForm {
  const centres = means instanceof Float64Array ? means : Float64Array.from(means.flat());
  const dims = means instanceof Float64Array ? (options.dims ?? 1) : (means[0]?.length ?? 0);
  const count = centres.length / dims;
  if (!(Number.isInteger(count) && count > 0))
    throw new ConfigError(
      `mixture: ${centres.length} numbers are not a whole number of centres of ${dims} dimensions.`,
    );
  const s = typeof stds === "number" ? new Float64Array(count).fill(stds) : Float64Array.from(stds);
  const w = options.weights ? Float64Array.from(options.weights) : new Float64Array(count).fill(1);
  if (s.length !== count || w.length !== count || !w.every((weight) => weight >= 0) || !w.some((weight) => weight > 0))
    throw new ConfigError(
      `mixture: needs a std of at least 0 and a weight of at least 0 for each of ${count} components.`,
    );
  const totalWeight = w.reduce((sum, weight) => sum + weight, 0);

  /** Per component: ln w − (dims/2) ln 2πv, v = s² + σ², and c = s²/v. */
  const constants = (sigma: number) => {
    const v = s.map((sk) => sk ** 2 + sigma ** 2);
    return {
      v,
      c: v.map((vk, k) => (sigma === 0 ? 1 : s[k] ** 2 / vk)),
      offset: v.map((vk, k) => Math.log(w[k] / totalWeight) - (dims / 2) * Math.log(2 * Math.PI * vk)),
    };
  };
  type Constants = ReturnType<typeof constants>;
  const r = new Float64Array(count);

  /** Writes the responsibilities r_k of the row at `at` and returns ln p of it. */
  const respond = (x: Float64Array, at: number, { v, offset }: Constants): number => {
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0, m = 0; k < count; k++) {
      let squared = 0;
      for (let d = 0; d < dims; d++, m++) squared += (x[at + d] - centres[m]) ** 2;
      r[k] = offset[k] - squared / (2 * v[k]);
      if (r[k] > top) top = r[k];
    }
    let total = 0;
    for (let k = 0; k < count; k++) total += r[k] = Math.exp(r[k] - top);
    for (let k = 0; k < count; k++) r[k] /= total;
    return top + Math.log(total);
  };

  /** D of the row at `at`, added into `out`. */
  const meanOf = (x: Float64Array, at: number, { c }: Constants, out: Float64Array): void => {
    for (let k = 0, m = 0; k < count; k++)
      for (let d = 0; d < dims; d++, m++) out[at + d] += r[k] * (centres[m] + c[k] * (x[at + d] - centres[m]));
  };

  const perRow = (x: Float64Array, each: (at: number, row: number) => void) => {
    for (let at = 0, row = 0; at < x.length; at += dims, row++) each(at, row);
  };

  return {
    dims,
    denoise: (x, sigma) => {
      const all = constants(sigma);
      const out = new Float64Array(x.length);
      perRow(x, (at) => {
        respond(x, at, all);
        meanOf(x, at, all, out);
      });
      return out;
    },
    score: (x, sigma) => {
      const all = constants(sigma);
      const out = new Float64Array(x.length);
      perRow(x, (at) => {
        respond(x, at, all);
        for (let k = 0, m = 0; k < count; k++)
          for (let d = 0; d < dims; d++, m++) out[at + d] += (r[k] * (centres[m] - x[at + d])) / all.v[k];
      });
      return out;
    },
    logDensity: (x, sigma) => {
      const all = constants(sigma);
      const out = new Float64Array(x.length / dims);
      perRow(x, (at, row) => {
        out[row] = respond(x, at, all);
      });
      return out;
    },
    // Cov[x | x̃]/σ² = Σ r_k c_k I + Σ r_k (μ̂_k − D)(μ̂_k − D)ᵀ/σ²
    jvp: (x, sigma, v) => {
      const all = constants(sigma);
      const [out, mean, off] = [new Float64Array(x.length), new Float64Array(x.length), new Float64Array(dims)];
      perRow(x, (at) => {
        respond(x, at, all);
        meanOf(x, at, all, mean);
        for (let k = 0, m = 0; k < count; k++) {
          let along = 0; // (μ̂_k − D)ᵀ v
          for (let d = 0; d < dims; d++, m++) {
            off[d] = centres[m] + all.c[k] * (x[at + d] - centres[m]) - mean[at + d];
            along += off[d] * v[at + d];
          }
          for (let d = 0; d < dims; d++) out[at + d] += r[k] * (all.c[k] * v[at + d] + (along * off[d]) / sigma ** 2);
        }
      });
      return out;
    },
    divergence: (x, sigma) => {
      const all = constants(sigma);
      const [out, mean] = [new Float64Array(x.length / dims), new Float64Array(x.length)];
      perRow(x, (at, row) => {
        respond(x, at, all);
        meanOf(x, at, all, mean);
        for (let k = 0, m = 0; k < count; k++) {
          let squared = 0;
          for (let d = 0; d < dims; d++, m++)
            squared += (centres[m] + all.c[k] * (x[at + d] - centres[m]) - mean[at + d]) ** 2;
          out[row] += r[k] * (dims * all.c[k] + squared / sigma ** 2);
        }
      });
      return out;
    },
    sample: (rows, stream) => {
      const out = new Float64Array(rows * dims);
      perRow(out, (at) => {
        let u = stream.uniform() * totalWeight;
        let k = 0;
        while (k < count - 1 && (u -= w[k]) >= 0) k++;
        for (let d = 0; d < dims; d++) out[at + d] = centres[k * dims + d] + s[k] * stream.normal();
      });
      return out;
    },
  };
}
