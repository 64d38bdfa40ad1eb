/** The special functions that schedules, weightings and conversions share, each safe at both ends of float64. */

/** 1 / (1 + e^{−x}); full relative precision for every x, also where it is 1e-300. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** ln(1 + e^x). */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** ln(e^x − 1) for x ≥ 0, the inverse of `softplus`; −∞ at 0. */
export function logExpm1(x: number): number {
  return x > 1 ? x + Math.log1p(-Math.exp(-x)) : Math.log(Math.expm1(x));
}

/** 1 / cosh x; goes to 0 where cosh would overflow. */
export function sech(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (2 * e) / (1 + e * e);
}

/** The nearest whole number, halves to the even one, as NumPy and PyTorch round (`Math.round` rounds halves up). */
export function roundHalfEven(x: number): number {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}
