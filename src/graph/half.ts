/** IEEE 754 half precision, float16: 11 significant bits, 2⁻²⁴ to 65504. */

/** The float16 number nearest to `x`; of two as near, the even one. From 65520 on it is infinite. */
export function roundHalf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 65520)) return Number.isNaN(x) ? x : Math.sign(x) * Infinity;
  // Adding 1.5 · 2⁵² times the distance of neighbouring float16 numbers leaves no bits below it.
  const magic = 1.5 * 2 ** 52 * spacing(size);
  return Math.sign(x) * (size + magic - magic);
}

/** The distance of the float16 numbers around a size. */
const spacing = (size: number) => (size < 2 ** -14 ? 2 ** -24 : 2 ** (Math.floor(Math.log2(size)) - 10));

/** The 16 bits of the float16 number nearest to `x`. */
export function halfBits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(roundHalf(x));
  if (Number.isNaN(size)) return 0x7e00;
  if (size === Infinity) return sign | 0x7c00;
  const step = spacing(size);
  // Below 2⁻¹⁴ the bits count steps; above, the leading one is added to the exponent.
  return sign | (size < 2 ** -14 ? size / step : (Math.log2(step) + 24) * 1024 + size / step);
}

/** The number that 16 bits mean. */
export function halfValue(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const sign = bits >> 15 === 1 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
