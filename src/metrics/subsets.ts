/** Random rows of a data set, from a given source of uniforms. */
import { checkInteger } from "./features.ts";

/** Draws one number from [0, 1), a new one at every call. Pass a stream of a seeded generator. */
export type Uniform = () => number;

/** `size` different numbers out of 0 … count − 1, in random order, by the first `size` steps of a Fisher–Yates shuffle. */
export function drawSubset(count: number, size: number, uniform: Uniform): Int32Array {
  checkInteger("drawSubset", "count", count, 1);
  checkInteger("drawSubset", "size", size, 1, count);
  const rows = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < size; i++) {
    const j = i + Math.floor(uniform() * (count - i));
    [rows[i], rows[j]] = [rows[j], rows[i]];
  }
  return rows.slice(0, size);
}
