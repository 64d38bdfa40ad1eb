/**
 * Entropic optimal transport in the log domain: OT_ε = min over plans P of ⟨P, C⟩ + ε KL(P ‖ a ⊗ b). (POT's objective has
 * the entropy of P alone in place of KL, which has the same plan.)
 */
import { ConfigError } from "../errors/index.ts";
import type { Costs } from "./costs.ts";
import { newtonStep } from "./newton.ts";
import { dualPart, inner, largestFinite, softmin, total, weights } from "./potentials.ts";

export interface SinkhornOptions {
  /** ε > 0, the price of entropy in units of the cost. */
  readonly epsilon: number;
  /** Weights of rows and columns, positive and with equal sums. Default uniform with sum 1. */
  readonly rowWeights?: ArrayLike<number>;
  readonly columnWeights?: ArrayLike<number>;
  /** Stop when the marginals of the plan are right to this, summed over columns. Default 1e-9. */
  readonly tolerance?: number;
  /** Iterations at the final ε. Default 10 000; `converged` tells whether they were enough. */
  readonly maxIterations?: number;
  /** ε is lowered to its value from the largest cost by this factor at a time; 1 starts at ε itself. Default 0.5. */
  readonly scaling?: number;
  /** ρ of unbalanced transport, which pays ρ KL for marginals that are off, in units of the cost. Default: balanced. */
  readonly rho?: number;
}

export interface EntropicTransport {
  /** OT_ε: for weights of sum 1 the dual ⟨a, f⟩ + ⟨b, g⟩. Not 0 between equal measures; see `sinkhornDivergence`. */
  readonly value: number;
  /** ⟨P, C⟩ alone. */
  readonly transportCost: number;
  /** P, `[rows × columns]`: P_ij = a_i b_j exp((f_i + g_j − C_ij)/ε). */
  readonly plan: Float64Array;
  /** Dual potentials f of rows and g of columns. */
  readonly rowPotential: Float64Array;
  readonly columnPotential: Float64Array;
  readonly iterations: number;
  /** How far the column marginals are off, summed; the row marginals are exact. */
  readonly error: number;
  readonly converged: boolean;
}

/** Solves entropic transport for a cost matrix. Infinite costs forbid a pair. Throws ConfigError for weights or ε out of range. */
export function sinkhorn(
  costs: Costs,
  {
    epsilon,
    rowWeights,
    columnWeights,
    tolerance = 1e-9,
    maxIterations = 10_000,
    scaling = 0.5,
    rho = Number.POSITIVE_INFINITY,
  }: SinkhornOptions,
): EntropicTransport {
  const { rows, columns, data } = costs;
  if (!(epsilon > 0))
    throw new ConfigError(`sinkhorn: epsilon: ${epsilon} (expected > 0). Use assign for exact transport.`);
  if (!(scaling > 0 && scaling <= 1)) throw new ConfigError(`sinkhorn: scaling: ${scaling} (expected in (0, 1]).`);
  if (!(rho > 0)) throw new ConfigError(`sinkhorn: rho: ${rho} (expected > 0).`);
  const balanced = rho === Number.POSITIVE_INFINITY;
  const a = weights("sinkhorn: rowWeights", rowWeights, rows);
  const b = weights("sinkhorn: columnWeights", columnWeights, columns);
  const mass = total(a);
  if (balanced && Math.abs(mass - total(b)) > 1e-6 * mass)
    throw new ConfigError(
      `sinkhorn: weights: rows sum to ${mass}, columns to ${total(b)} (expected equal sums). Give rho for unbalanced transport.`,
    );
  const logA = a.map(Math.log);
  const logB = b.map(Math.log);
  const turned = transposed(costs);
  const f = new Float64Array(rows);
  const g = new Float64Array(columns);
  const damping = (eps: number) => (balanced ? 1 : rho / (rho + eps));
  const iterate = (eps: number) => {
    softmin(turned, columns, rows, f, logA, eps, damping(eps), g);
    softmin(data, rows, columns, g, logB, eps, damping(eps), f);
  };

  const range = largestFinite(data);
  for (let eps = range; eps > epsilon && scaling < 1; eps *= scaling) iterate(eps);
  iterate(epsilon);
  if (!(f.every(Number.isFinite) && g.every(Number.isFinite)))
    throw new ConfigError(
      "sinkhorn: a row or column has no finite cost, so no plan exists. Give it a pair that is allowed.",
    );

  const next = new Float64Array(columns);
  const plan = new Float64Array(rows * columns);
  let iterations = 0;
  let error: number;
  for (;;) {
    // f makes the row sums of the plan of (f, g) exact; its column sums are b exp((g − next)/ε).
    softmin(data, rows, columns, g, logB, epsilon, damping(epsilon), f);
    softmin(turned, columns, rows, f, logA, epsilon, damping(epsilon), next);
    error = 0;
    for (let j = 0; j < columns; j++) error += b[j] * Math.abs(Math.expm1((g[j] - next[j]) / epsilon));
    if (error <= tolerance || ++iterations >= maxIterations) break;
    const crawling = balanced && columns <= newtonColumns && iterations > patience && iterations % 2 === 0;
    if (!crawling || !climb()) g.set(next);
  }

  /** One step of Newton's method on the semi-dual q(g) = ⟨a, f(g)⟩ + ⟨b, g⟩, which is concave; false if it does not rise. */
  function climb(): boolean {
    fillPlan();
    const { direction, slope } = newtonStep({ plan, rowWeights: a, columnWeights: b, epsilon });
    const here = inner(a, f) + inner(b, g);
    const from = g.slice();
    const longest = direction.reduce((most, d) => Math.max(most, Math.abs(d)), 0);
    // No optimal potentials differ by more than the costs do.
    for (let t = Math.min(1, range / longest); t > 1e-12; t /= 2) {
      for (let j = 0; j < columns; j++) g[j] = from[j] + t * direction[j];
      softmin(data, rows, columns, g, logB, epsilon, 1, f);
      if (inner(a, f) + inner(b, g) > here + 1e-4 * t * slope) return true;
    }
    return false;
  }

  function fillPlan(): void {
    for (let i = 0, k = 0; i < rows; i++)
      for (let j = 0; j < columns; j++, k++) plan[k] = a[i] * b[j] * Math.exp((f[i] + g[j] - data[k]) / epsilon);
  }

  fillPlan();
  let transportCost = 0;
  for (let k = 0; k < plan.length; k++) if (plan[k] > 0) transportCost += plan[k] * data[k];
  const value = dualPart(a, f, rho) + dualPart(b, g, rho) + epsilon * (mass * total(b) - total(plan));
  return {
    value,
    transportCost,
    plan,
    rowPotential: f,
    columnPotential: g,
    iterations,
    error,
    converged: error <= tolerance,
  };
}

/** Sinkhorn iterations before Newton's method takes every other turn, and the largest problem for which it does. */
const patience = 100;
const newtonColumns = 512;

function transposed({ rows, columns, data }: Costs): Float64Array {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  return out;
}
