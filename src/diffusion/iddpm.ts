/** The noise levels of iDDPM (Nichol & Dhariwal 2021) as the EDM family tabulates them (Karras et al. 2022, Table 1). */
import { count } from "./admissible.ts";

export interface IddpmOptions {
  /** M, the number of noise levels. */
  readonly M?: number;
  /** The smallest ratio of neighbouring ᾱ', which bounds the first, largest noise level. */
  readonly C1?: number;
  /** The offset s of the cosine schedule. */
  readonly C2?: number;
}

/**
 * u_0 > u_1 > … > u_M = 0: u_{j−1} = √((u_j² + 1)/max(ᾱ'(j−1)/ᾱ'(j), C1) − 1) with ᾱ'(j) = sin²(πj/(2M(C2 + 1))).
 * The smallest level a network knows is u_{M−1}, about 0.0064 for M = 1000.
 */
export function iddpmSigmas({ M = 1000, C1 = 0.001, C2 = 0.008 }: IddpmOptions = {}): Float64Array {
  count("iddpm: M", M);
  const u = new Float64Array(M + 1);
  const alphaBar = (j: number) => Math.sin((Math.PI * j) / (2 * M * (C2 + 1))) ** 2;
  for (let j = M; j > 0; j--) u[j - 1] = Math.sqrt((u[j] ** 2 + 1) / Math.max(alphaBar(j - 1) / alphaBar(j), C1) - 1);
  return u;
}

/** The index of the entry of a decreasing table that is nearest to `sigma`; the first of two that are equally near. */
export function nearestIndex(table: Float64Array, sigma: number): number {
  let [low, high] = [0, table.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (table[middle] >= sigma) low = middle;
    else high = middle;
  }
  return Math.abs(table[high] - sigma) < Math.abs(table[low] - sigma) ? high : low;
}
