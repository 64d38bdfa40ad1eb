/**
 * Exponential integrators of the probability flow in half log-SNR λ = −ln σ (Lu et al. 2022a,b; Zhao et al. 2023). For
 * data prediction m = D, x' = (σ'/σ) x − Σ_k hφ_k(h) h^{k−1} m^{(k−1)} at h = ln(σ'/σ); for noise prediction m = ε̂,
 * x' = x − σ' Σ_k hφ_k(h) h^{k−1} m^{(k−1)} at h = ln(σ/σ'). The solvers differ in how they estimate the derivatives.
 */
import { combine, type Term } from "./combine.ts";

/** What a solver interpolates: the clean data D, or the noise ε̂. */
export type Predicts = "data" | "noise";

/** One linear update: scale·x + Σ weights[j]·m_j. */
export interface Update {
  readonly scale: number;
  readonly weights: readonly number[];
}

/**
 * hφ₁(h) … hφ_count(h) with φ_k(h) = Σ_j h^j/(j + k)!: hφ₁ = e^h − 1 and hφ_{k+1} = φ_k − 1/k!. Near h = 0, where that
 * recursion cancels, the last one is summed as a series and the recursion is run backwards.
 */
export function phis(h: number, count: number): readonly number[] {
  const phi = new Array<number>(count);
  if (Math.abs(h) > 0.5) {
    phi[0] = Math.expm1(h);
    for (let k = 1, factorial = 1; k < count; k++, factorial *= k) phi[k] = phi[k - 1] / h - 1 / factorial;
    return phi;
  }
  let sum = 0; // count!·Σ_j h^j/(j + count)!, by Horner's rule; 14 terms suffice at |h| = 1/2
  for (let j = 14; j >= 1; j--) sum = ((1 + sum) * h) / (count + j);
  let factorial = 1;
  for (let k = 2; k <= count; k++) factorial *= k;
  phi[count - 1] = (h * (1 + sum)) / factorial;
  for (let k = count - 1; k >= 1; k--) {
    factorial /= k + 1;
    phi[k - 1] = h * (phi[k] + 1 / factorial);
  }
  return phi;
}

/** One step between two positive levels, seen as an exponential integrator. */
export interface Span {
  /** h = ln(σ'/σ) for data, ln(σ/σ') for noise. */
  readonly h: number;
  /** Factor of x: σ'/σ for data, 1 for noise. */
  readonly scale: number;
  /** Factor of the sum: 1 for data, σ' for noise. */
  readonly unit: number;
}

/** The step from `sigma` to `next` < `sigma`. */
export function span(predicts: Predicts, sigma: number, next: number): Span {
  const h = Math.log(sigma / next);
  return predicts === "data" ? { h: -h, scale: next / sigma, unit: 1 } : { h, scale: 1, unit: next };
}

/** m from the denoiser's answer: D itself, or ε̂ = (x − D)/σ. */
export function prediction(predicts: Predicts, x: Float64Array, denoised: Float64Array, sigma: number): Float64Array {
  if (predicts === "data") return denoised;
  return combine(new Float64Array(x.length), [1 / sigma, x], [-1 / sigma, denoised]);
}

/** Carries out an update; zero weights cost nothing. */
export function apply({ scale, weights }: Update, x: Float64Array, values: readonly Float64Array[]): Float64Array {
  const terms: Term[] = [[scale, x]];
  for (const [j, weight] of weights.entries()) if (weight !== 0) terms.push([weight, values[j]]);
  return combine(new Float64Array(x.length), ...terms);
}
