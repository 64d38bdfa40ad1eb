/** Linear combinations of batches: all the arithmetic a solver does outside the network. */

/** A coefficient and the vector it multiplies. */
export type Term = readonly [coefficient: number, vector: Float64Array];

/**
 * Writes Σ aᵢ vᵢ to `into` and returns it. `into` may be one of the first four vectors. One pass over memory for up to
 * four terms, one more for every further three.
 */
export function combine(into: Float64Array, ...terms: readonly Term[]): Float64Array {
  for (const [, vector] of terms)
    if (vector.length !== into.length)
      throw new RangeError(
        `combine: lengths differ: ${vector.length} and ${into.length} (did the denoiser drop a row?).`,
      );
  add(into, terms.slice(0, 4));
  for (let i = 4; i < terms.length; i += 3) add(into, [[1, into], ...terms.slice(i, i + 3)]);
  return into;
}

/** `combine` of one to four terms. */
function add(into: Float64Array, terms: readonly Term[]): void {
  const n = into.length;
  const [[a, x], [b, y] = nothing, [c, z] = nothing, [d, w] = nothing] = terms;
  if (terms.length === 1) for (let i = 0; i < n; i++) into[i] = a * x[i];
  else if (terms.length === 2) for (let i = 0; i < n; i++) into[i] = a * x[i] + b * y[i];
  else if (terms.length === 3) for (let i = 0; i < n; i++) into[i] = a * x[i] + b * y[i] + c * z[i];
  else for (let i = 0; i < n; i++) into[i] = a * x[i] + b * y[i] + c * z[i] + d * w[i];
}

const nothing: Term = [0, new Float64Array(0)];
