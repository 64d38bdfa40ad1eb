/** The best K steps of a long process, by exact dynamic programming over pairwise costs (Watson et al. 2021). */
import { ConfigError } from "../errors/index.ts";

/** Least-cost paths from node 0 to node N with exactly K steps, for K = 1 … `maxSteps`. */
export interface StepPlans {
  readonly maxSteps: number;
  /** The cost of the best path of K steps; ∞ if there is none. */
  cost(steps: number): number;
  /** Its K + 1 nodes, increasing from 0 to N. */
  path(steps: number): readonly number[];
  /** The cheapest number of steps, the smaller one among equals. */
  readonly best: { readonly steps: number; readonly cost: number };
}

/**
 * Plans all step counts at once. `cost` is a matrix of `size` = N + 1 rows: `cost[s·size + r]` is that of the jump between
 * nodes s < r; entries on and below the diagonal are never read. C_K(r) = min over s < r of C_{K−1}(s) + cost(s, r), which
 * is K·N²/2 additions and K·N pointers.
 */
export function planSteps(cost: Float64Array, size: number, maxSteps = size - 1): StepPlans {
  if (!(Number.isSafeInteger(size) && size >= 2) || cost.length !== size * size)
    throw new ConfigError(`step plan: ${cost.length} costs for ${size} nodes (${size * size}, at least 2 nodes).`);
  if (!(Number.isSafeInteger(maxSteps) && maxSteps >= 1 && maxSteps < size))
    throw new ConfigError(`step plan: maxSteps is ${maxSteps} (1 to ${size - 1}, one less than the nodes).`);

  const last = size - 1;
  const costs = new Float64Array(maxSteps + 1).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array((maxSteps + 1) * size);
  let before = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  let now = new Float64Array(size);
  before[0] = 0;
  for (let k = 1; k <= maxSteps; k++) {
    now.fill(Number.POSITIVE_INFINITY);
    // Row by row, so that memory is read in order. Node r takes at least r ≥ k steps to have k behind it.
    for (let s = k - 1; s < last; s++) {
      const reached = before[s];
      if (reached === Number.POSITIVE_INFINITY) continue;
      for (let r = s + 1, at = s * size + r; r <= last; r++, at++) {
        const total = reached + cost[at];
        if (total < now[r]) {
          now[r] = total;
          from[k * size + r] = s;
        }
      }
    }
    costs[k] = now[last];
    [before, now] = [now, before];
  }

  const check = (steps: number) => {
    if (Number.isSafeInteger(steps) && steps >= 1 && steps <= maxSteps) return steps;
    throw new ConfigError(`step plan: steps must be 1 to ${maxSteps}; got ${steps}.`);
  };
  let best = 1;
  for (let k = 2; k <= maxSteps; k++) if (costs[k] < costs[best]) best = k;
  return {
    maxSteps,
    cost: (steps) => costs[check(steps)],
    path: (steps) => {
      if (costs[check(steps)] === Number.POSITIVE_INFINITY)
        throw new ConfigError(`step plan: no path of ${steps} steps has a finite cost.`);
      const nodes = [last];
      for (let k = steps, r = last; k >= 1; k--) nodes.unshift((r = from[k * size + r]));
      return nodes;
    },
    best: { steps: best, cost: costs[best] },
  };
}
