/** Newton's method on the semi-dual of entropic transport, for problems on which Sinkhorn's iteration crawls. */

/** The plan of potentials (f, g), where f has made the row sums exact. */
export interface RowExactPlan {
  /** P, `[rows × columns]`. */
  readonly plan: Float64Array;
  readonly rowWeights: Float64Array;
  /** What the column sums should be. */
  readonly columnWeights: Float64Array;
  readonly epsilon: number;
}

export interface NewtonStep {
  /** Direction for g. */
  readonly direction: Float64Array;
  /** Slope of the semi-dual ⟨a, f(g)⟩ + ⟨b, g⟩ along it. */
  readonly slope: number;
}

/**
 * Solves (diag(c) − Pᵀ diag(1/a) P) d = ε (b − c), c the column sums: minus the semi-dual's Hessian times ε, a weighted graph
 * Laplacian, whose null vector (a constant) a small ridge takes out. O(rows × columns² + columns³).
 */
export function newtonStep({ plan, rowWeights, columnWeights, epsilon }: RowExactPlan): NewtonStep {
  const rows = rowWeights.length;
  const m = columnWeights.length;
  const h = new Float64Array(m * m);
  const sums = new Float64Array(m);
  for (let i = 0; i < rows; i++) {
    if (rowWeights[i] === 0) continue;
    const row = plan.subarray(i * m, (i + 1) * m);
    for (let j = 0; j < m; j++) {
      if (row[j] === 0) continue;
      sums[j] += row[j];
      const share = row[j] / rowWeights[i];
      for (let k = 0; k < j; k++) h[j * m + k] -= share * row[k];
    }
  }
  // The diagonal from the off-diagonal, so that weak links between parts of the plan are not rounded away.
  for (let j = 0; j < m; j++)
    for (let k = 0; k < j; k++) {
      h[j * m + j] -= h[j * m + k];
      h[k * m + k] -= h[j * m + k];
    }
  const residual = columnWeights.map((weight, j) => weight - sums[j]);
  const right = residual.map((value) => epsilon * value);
  for (let j = 0; j < m; j++) h[j * m + j] += 1e-15 * columnWeights[j] + Number.MIN_VALUE;
  const direction = solveCholesky(h, right, m);
  return { direction, slope: residual.reduce((sum, value, j) => sum + value * direction[j], 0) };
}

/** Solves H x = b for symmetric positive definite H, given by its lower triangle, which is overwritten. */
function solveCholesky(h: Float64Array, b: Float64Array, n: number): Float64Array {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = h[i * n + j];
      for (let k = 0; k < j; k++) sum -= h[i * n + k] * h[j * n + k];
      // A pivot that rounding has eaten stands for a direction without curvature: leave it out.
      if (i === j) h[j * n + j] = sum > 1e-16 * h[j * n + j] ? Math.sqrt(sum) : Number.POSITIVE_INFINITY;
      else h[i * n + j] = sum / h[j * n + j];
    }
  }
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= h[i * n + k] * x[k];
    x[i] /= h[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= h[k * n + i] * x[k];
    x[i] /= h[i * n + i];
  }
  return x;
}
