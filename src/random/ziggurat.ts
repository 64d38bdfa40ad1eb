/**
 * Normal numbers by the ziggurat (Marsaglia & Tsang 2000): the half-density f(x) = exp(−x²/2) is covered by 256
 * layers of equal area, so that 99 % of draws cost one product and one comparison. Only +, −, ×, ÷ and square roots
 * are used, which IEEE 754 fixes to the last bit; `Math.log` and `Math.cos` differ between engines.
 */

const layers = 256;
/** Where the tail begins, and the area of each layer; they make the topmost layer end exactly at f(0) = 1. */
export const tail = 3.654152885361009;
const area = 0.004928673233974655;

/** Density at the edge of layer i: f(edges[i]), except that layer 0 is the base strip with the tail. */
export const heights = new Float64Array(layers + 1);
/** Width of each layer; the second half repeats it with a minus sign, so that a sign is a matter of lookup. */
export const widths = new Float64Array(2 * layers);
/** The fraction of a layer's width that lies wholly under the density. */
export const inside = new Float64Array(2 * layers);

const edges = new Float64Array(layers + 1);
edges[0] = area / density(tail);
edges[1] = tail;
for (let i = 2; i < layers; i++) edges[i] = Math.sqrt(-2 * ln(area / edges[i - 1] + density(edges[i - 1])));
for (let i = 0; i < layers; i++) {
  heights[i] = density(edges[i]);
  widths[i] = edges[i];
  widths[layers + i] = -edges[i];
  inside[i] = inside[layers + i] = edges[i + 1] / edges[i];
}
heights[layers] = 1;

/** exp(−x²/2) for |x| ≤ 8, to 2e-14: the Taylor series of a 64th of the exponent, squared six times. */
export function density(x: number): number {
  const y = (-x * x) / 128;
  let sum = 1;
  for (let n = 16; n > 0; n--) sum = 1 + (sum * y) / n;
  for (let i = 0; i < 6; i++) sum *= sum;
  return sum;
}

/** The natural logarithm of x > 0, to 1e-15: x = 2ᵏ m and ln m = 2 artanh((m − 1)/(m + 1)). */
export function ln(x: number): number {
  let k = 0;
  let m = x;
  for (; m < Math.SQRT1_2; m *= 2) k--;
  for (; m > Math.SQRT2; m /= 2) k++;
  const z = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 25; n > 0; n -= 2) sum = sum * z * z + 1 / n;
  return k * Math.LN2 + 2 * z * sum;
}
