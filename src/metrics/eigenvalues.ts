/** Eigenvalues of a real symmetric matrix: Householder reduction to tridiagonal form, then implicit QR. */

/**
 * All eigenvalues of the symmetric `[n, n]` matrix `matrix`, ascending. Reads only the lower triangle and overwrites it.
 * Each is within a small multiple of ε‖A‖ of the exact one. About 4n³/3 operations in n passes over the triangle.
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) largest = Math.max(largest, Math.abs(matrix[i * n + j]));
  if (largest === 0) return new Float64Array(n);
  for (let i = 0; i < matrix.length; i++) matrix[i] /= largest;
  const { diagonal, offDiagonal } = tridiagonalize(matrix, n);
  diagonalize(diagonal, offDiagonal);
  return diagonal.sort().map((value) => value * largest);
}

/** A sum of squares this small beside a matrix of size 1 counts as 0: its rounding would be denormal. */
const vanishing = 1e-280;

/**
 * Householder reduction (Golub and Van Loan 2013, §8.3.1). A reflection I − βuuᵀ turns A into A − vwᵀ − wvᵀ with v = u
 * and w = βAu − ½β²(uᵀAu)u. That update is put off and joined with the next product Au, so each column costs one pass.
 */
function tridiagonalize(a: Float64Array, n: number): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(Math.max(0, n - 1));
  let [u, v] = [new Float64Array(n), new Float64Array(n)];
  const [w, product] = [new Float64Array(n), new Float64Array(n)];
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k] - 2 * v[k] * w[k];
    if (k === n - 1) break;

    // The reflection that sends column k, below the diagonal, to a multiple of its first entry.
    let below = 0;
    for (let i = k + 1; i < n; i++) {
      u[i] = a[i * n + k] - v[i] * w[k] - w[i] * v[k];
      if (i > k + 1) below += u[i] * u[i];
    }
    const head = u[k + 1];
    // With nothing to reflect, β = 0: A stays, but the update put off from before still has to be made.
    const reflects = below > vanishing;
    const norm = Math.sqrt(head * head + below);
    const beta = reflects ? 1 / (norm * (norm + Math.abs(head))) : 0;
    offDiagonal[k] = !reflects ? head : head > 0 ? -norm : norm;
    u[k + 1] = head - offDiagonal[k];

    product.fill(0, k + 1);
    updateAndMultiply(a, n, k + 1, v, w, u, product);
    let uAu = 0;
    for (let i = k + 1; i < n; i++) uAu += u[i] * product[i];
    const along = (beta * (beta * uAu)) / 2;
    for (let i = k + 1; i < n; i++) w[i] = beta * product[i] - along * u[i];
    [u, v] = [v, u];
  }
  return { diagonal, offDiagonal };
}

/** A ← A − vwᵀ − wvᵀ and product ← Au for rows and columns from `from`, by the lower triangle, two rows at a time. */
function updateAndMultiply(
  a: Float64Array,
  n: number,
  from: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  product: Float64Array,
): void {
  let i = from;
  if ((n - from) % 2 === 1) {
    const corner = (a[i * n + i] -= 2 * v[i] * w[i]);
    product[i] += corner * u[i];
    i++;
  }
  for (; i < n; i += 2) {
    const [row0, row1] = [i * n, (i + 1) * n];
    const [v0, v1, w0, w1, u0, u1] = [v[i], v[i + 1], w[i], w[i + 1], u[i], u[i + 1]];
    let sum0 = 0;
    let sum1 = 0;
    for (let j = from; j < i; j++) {
      const vj = v[j];
      const wj = w[j];
      const uj = u[j];
      const x0 = a[row0 + j] - v0 * wj - w0 * vj;
      const x1 = a[row1 + j] - v1 * wj - w1 * vj;
      a[row0 + j] = x0;
      a[row1 + j] = x1;
      sum0 += x0 * uj;
      sum1 += x1 * uj;
      product[j] += x0 * u0 + x1 * u1;
    }
    const x00 = (a[row0 + i] -= 2 * v0 * w0);
    const x10 = (a[row1 + i] -= v1 * w0 + w1 * v0);
    const x11 = (a[row1 + i + 1] -= 2 * v1 * w1);
    product[i] += sum0 + x00 * u0 + x10 * u1;
    product[i + 1] += sum1 + x10 * u0 + x11 * u1;
  }
}

/** Implicit QR steps with Wilkinson's shift until the off-diagonal is gone (Golub and Van Loan 2013, §8.3.3–8.3.5). */
function diagonalize(d: Float64Array, e: Float64Array): void {
  let norm = 0;
  for (let i = 0; i < d.length; i++) norm = Math.max(norm, Math.abs(d[i]) + Math.abs(e[i] ?? 0));
  const tiny = norm * Number.EPSILON ** 2;
  const negligible = (k: number) =>
    Math.abs(e[k]) <= Number.EPSILON * (Math.abs(d[k]) + Math.abs(d[k + 1])) || Math.abs(e[k]) <= tiny;

  let high = d.length - 1;
  for (let steps = 0; high > 0; steps++) {
    if (negligible(high - 1)) {
      high--;
      continue;
    }
    if (steps > 60 * d.length) throw new Error("internal: the eigenvalue iteration did not converge.");
    let low = high - 1;
    while (low > 0 && !negligible(low - 1)) low--;

    // The eigenvalue of the last 2 × 2 block that is nearer to its last entry.
    const half = (d[high - 1] - d[high]) / 2;
    const last = e[high - 1];
    const shift = d[high] - (last * last) / (half + (half < 0 ? -1 : 1) * Math.hypot(half, last));

    // Chase the bulge z from the top of the block to its bottom.
    let x = d[low] - shift;
    let z = e[low];
    for (let k = low; k < high; k++) {
      const r = Math.hypot(x, z);
      const c = r === 0 ? 1 : x / r;
      const s = r === 0 ? 0 : z / r;
      if (k > low) e[k - 1] = r;
      const [top, between, bottom] = [d[k], e[k], d[k + 1]];
      d[k] = c * c * top + 2 * c * s * between + s * s * bottom;
      d[k + 1] = s * s * top - 2 * c * s * between + c * c * bottom;
      e[k] = x = c * s * (bottom - top) + (c * c - s * s) * between;
      if (k + 1 < high) {
        z = s * e[k + 1];
        e[k + 1] *= c;
      }
    }
  }
}
