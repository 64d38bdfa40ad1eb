/** What the solvers of entropic transport share: the softmin that updates a potential, dual values, weights. */
import { ConfigError } from "../errors/index.ts";
import type { Costs } from "./costs.ts";

/**
 * out_i = −d ε log Σ_j exp(logWeight_j + (potential_j − C_ij)/ε): the potential that makes the rows' marginals right, given
 * the other side's, damped by d when they may be off.
 */
export function softmin(
  data: Costs["data"],
  rows: number,
  columns: number,
  potential: Float64Array,
  logWeight: Float64Array,
  epsilon: number,
  damping: number,
  out: Float64Array,
): void {
  const scale = 1 / epsilon;
  const shift = logWeight.map((weight, j) => weight + potential[j] * scale);
  const terms = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const start = i * columns;
    let largest = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < columns; j++) {
      const term = shift[j] - data[start + j] * scale;
      terms[j] = term;
      if (term > largest) largest = term;
    }
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      // exp(−40) is below the rounding of the sum.
      const term = terms[j] - largest;
      if (term > -40) sum += Math.exp(term);
    }
    out[i] = -damping * epsilon * (largest + Math.log(sum));
  }
}

/** ⟨a, f⟩, or for unbalanced transport −ρ⟨a, e^(−f/ρ) − 1⟩. */
export function dualPart(a: Float64Array, f: Float64Array, rho: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++)
    if (a[i] > 0) sum += a[i] * (rho === Number.POSITIVE_INFINITY ? f[i] : -rho * Math.expm1(-f[i] / rho));
  return sum;
}

/** ⟨a, f⟩. */
export function inner(a: Float64Array, f: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * f[i];
  return sum;
}

/** The given weights, checked, or uniform ones with sum 1. */
export function weights(where: string, given: ArrayLike<number> | undefined, count: number): Float64Array {
  if (!given) return new Float64Array(count).fill(1 / count);
  const w = Float64Array.from(given);
  if (w.length !== count) throw new ConfigError(`${where}: ${w.length} numbers (expected ${count}).`);
  const bad = w.find((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  if (bad !== undefined || total(w) === 0)
    throw new ConfigError(`${where}: ${bad ?? "all 0"} (expected numbers ≥ 0, not all 0).`);
  return w;
}

/** Sum of the weights. */
export const total = (w: Float64Array) => w.reduce((sum, value) => sum + value, 0);

/** The largest cost that does not forbid its pair, at least 0. */
export function largestFinite(data: Costs["data"]): number {
  let largest = 0;
  for (let k = 0; k < data.length; k++) if (data[k] > largest && data[k] < Number.POSITIVE_INFINITY) largest = data[k];
  return largest;
}
