/**
 * D(t), the f-divergence between the data and the posterior whose size bounds what stable targets lose (Xu, Tong & Jaakkola
 * 2023, Theorem 2). In that theorem's direction, D_f(p₀ ‖ p₀|t), it is finite on finite data; the other direction, which the
 * paper's text also prints, diverges as soon as one posterior weight is near 0.
 */
import { countOf, type Points, posterior } from "./posterior.ts";

/** f(y) = (1/y − 1)² below 3/2, its tangent 8y/27 − 1/3 above: convex and continuously differentiable, f(1) = 0. */
export function divergenceGenerator(y: number): number {
  return y < 1.5 ? (1 / y - 1) ** 2 : (8 * y) / 27 - 1 / 3;
}

/** f′(y). */
export function divergenceSlope(y: number): number {
  return y < 1.5 ? (-2 * (1 / y - 1)) / y ** 2 : 8 / 27;
}

/** Σ w f(1/(N w)) from the logarithms of N weights of sum 1: 0 for uniform weights, finite for weights of 0. */
export function divergence(logWeights: ArrayLike<number>): number {
  const n = logWeights.length;
  let sum = 0;
  for (let k = 0; k < n; k++) {
    const relative = logWeights[k] + Math.log(n); // ln N w
    const weight = Math.exp(logWeights[k]);
    // 1/(N w) < 3/2
    if (relative > Math.log(2 / 3)) sum += weight * Math.expm1(relative) ** 2;
    else sum += 8 / (27 * n) - weight / 3;
  }
  return sum;
}

/** The divergence of a posterior that is sure of one of n points: (n − 1)² + 8(n − 1)/(27n), the largest there is. */
export function largestDivergence(n: number): number {
  return (n - 1) ** 2 + (8 * (n - 1)) / (27 * n);
}

/**
 * The divergence at each noisy point z `[points × dims]` of a data set `[count × dims]`, variance-exploding frame. Their mean
 * over z ~ p_t is D(t); draw it on a logarithmic axis or divide by `largestDivergence`, as it spans many magnitudes.
 */
export function posteriorDivergence(data: Points, z: Points, dims: number, sigma: number): Float64Array {
  return Float64Array.from({ length: countOf("posteriorDivergence: z", z, dims) }, (_, i) =>
    divergence(posterior(data, z.subarray(i * dims, (i + 1) * dims), sigma).logWeights),
  );
}
