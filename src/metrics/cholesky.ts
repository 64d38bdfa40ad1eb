/** Cholesky factorisation with pivoting: works for covariances of any rank. */
import { addProducts, type Rows } from "./tiles.ts";

/** Pᵀ S P = L Lᵀ for a positive semidefinite S. */
export interface PivotedCholesky {
  /** Columns of L that are not zero. */
  readonly rank: number;
  /** Row i of L belongs to row `order[i]` of S. */
  readonly order: Int32Array;
  /** L by its columns, `[rank, n]`: entry j·n + i is L[i][j], zero for i < j. */
  readonly columns: Float64Array;
  /** The most negative diagonal met in what was left of S, divided by its largest diagonal: 0 up to rounding if S is a covariance. */
  readonly negative: number;
}

const blockColumns = 64;

/**
 * Factors the symmetric `[n, n]` matrix `s`, largest remaining diagonal first, until none is above n·ε times the
 * first: what is left then is rounding (Higham 2002, §10.3).
 */
export function pivotedCholesky(s: Float64Array, n: number): PivotedCholesky {
  const a = s.slice(); // Becomes L, in its lower triangle; trailing columns are brought up to date block by block.
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const residual = Float64Array.from(order, (i) => a[i * n + i]);
  const first = residual.reduce((m, v) => Math.max(m, v), 0);
  const floor = n * Number.EPSILON * first;
  let rank = 0;
  for (let start = 0; start < n && rank === start; start += blockColumns) {
    const end = Math.min(start + blockColumns, n);
    while (rank < end) {
      const j = rank;
      let pivot = j;
      for (let i = j + 1; i < n; i++) if (residual[i] > residual[pivot]) pivot = i;
      if (!(residual[pivot] > floor)) break;
      if (pivot !== j) swap(a, residual, order, n, j, pivot);

      // Column j, less what the columns of this block before it explain.
      const diagonal = Math.sqrt(residual[j]);
      a[j * n + j] = diagonal;
      for (let i = j + 1; i < n; i++) {
        let sum = a[i * n + j];
        for (let k = start; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
        const entry = sum / diagonal;
        a[i * n + j] = entry;
        residual[i] -= entry * entry;
      }
      rank++;
    }
    if (rank === end) subtractBlock(a, n, start, end);
  }
  const columns = new Float64Array(rank * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= Math.min(i, rank - 1); j++) columns[j * n + i] = a[i * n + j];
  const lowest = residual.subarray(rank).reduce((m, v) => Math.min(m, v), 0);
  return { rank, order, columns, negative: first > 0 ? lowest / first : lowest < 0 ? -Infinity : 0 };
}

/** Takes columns start…end of L out of the trailing lower triangle. */
function subtractBlock(a: Float64Array, n: number, start: number, end: number): void {
  for (let i = end; i < n; i += blockColumns) {
    const count = Math.min(blockColumns, n - i);
    const out: Rows = { data: a, offset: i * n + end, stride: n, count };
    const left: Rows = { data: a, offset: i * n + start, stride: n, count };
    const right: Rows = { data: a, offset: end * n + start, stride: n, count: i + count - end };
    addProducts(out, left, right, end - start, -1);
  }
}

/** Exchanges rows and columns p < q of the lower triangle. */
function swap(a: Float64Array, residual: Float64Array, order: Int32Array, n: number, p: number, q: number): void {
  const exchange = (i: number, j: number) => {
    const kept = a[i];
    a[i] = a[j];
    a[j] = kept;
  };
  for (let j = 0; j < p; j++) exchange(p * n + j, q * n + j);
  for (let i = p + 1; i < q; i++) exchange(i * n + p, q * n + i);
  for (let i = q + 1; i < n; i++) exchange(i * n + p, i * n + q);
  exchange(p * n + p, q * n + q);
  [residual[p], residual[q]] = [residual[q], residual[p]];
  [order[p], order[q]] = [order[q], order[p]];
}
