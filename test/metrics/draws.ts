/** Numbers for tests: the same at every run. */
import type { Features } from "../../src/metrics/index.ts";

/** Features in float64. */
export type Rows64 = Features & { readonly data: Float64Array };

/** Uniforms in [0, 1) from a linear congruential generator, two steps a draw. */
export function uniforms(seed: number): () => number {
  let state = Math.imul(seed, 2654435761) >>> 0;
  const step = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  return () => ((step() >>> 5) * 2 ** 26 + (step() >>> 6)) / 2 ** 53;
}

/** Standard normals by Box and Muller. */
export function normals(seed: number): () => number {
  const uniform = uniforms(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** `count` vectors of independent normals, by `shape(value, vector, position)` where given. */
export function normalFeatures(
  seed: number,
  count: number,
  dims: number,
  shape: (value: number, i: number, d: number) => number = (value) => value,
): Rows64 {
  const normal = normals(seed);
  const data = Float64Array.from({ length: count * dims }, (_, at) =>
    shape(normal(), Math.floor(at / dims), at % dims),
  );
  return { data, count, dims };
}

/** A rotation of `dims` dimensions: the product of two reflections. */
export function rotated({ data, count, dims }: Features, seed: number): Rows64 {
  const turned = Float64Array.from(data);
  for (const u of [normalFeatures(seed, 1, dims).data, normalFeatures(seed + 1, 1, dims).data]) {
    const squared = u.reduce((sum, value) => sum + value * value, 0);
    for (let i = 0; i < count; i++) {
      const row = turned.subarray(i * dims, (i + 1) * dims);
      const along = row.reduce((sum, value, d) => sum + value * u[d], 0);
      for (let d = 0; d < dims; d++) row[d] -= (2 * along * u[d]) / squared;
    }
  }
  return { data: turned, count, dims };
}

/** Row i as a plain array. */
export const row = ({ data, dims }: Features, i: number): number[] =>
  Array.from(data.subarray(i * dims, (i + 1) * dims));

/** Throws unless |actual − expected| ≤ tolerance · max(1, |expected|). */
export function near(actual: number, expected: number, tolerance: number, what = "value"): void {
  if (!(Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected))))
    throw new Error(`${what}: ${actual} (expected ${expected} within ${tolerance})`);
}
