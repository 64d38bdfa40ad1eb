/** Gauss–Legendre quadrature, for the coefficients of exponential integrators. */

const points = 32;

/** Nodes and weights on [−1, 1]: roots of the Legendre polynomial by Newton's method from Tricomi's estimate. */
const rule: readonly (readonly [node: number, weight: number])[] = Array.from({ length: points }, (_, k) => {
  let x = Math.cos((Math.PI * (k + 0.75)) / (points + 0.5));
  let slope = 1;
  for (let round = 0; round < 6; round++) {
    let [previous, value] = [1, x];
    for (let n = 2; n <= points; n++) [previous, value] = [value, ((2 * n - 1) * x * value - (n - 1) * previous) / n];
    slope = (points * (x * value - previous)) / (x * x - 1);
    x -= value / slope;
  }
  return [x, 2 / ((1 - x * x) * slope * slope)] as const;
});

/** ∫ f from a to b, exact for smooth f: 8 panels of 32 points. */
export function integrate(f: (x: number) => number, a: number, b: number): number {
  const panels = 8;
  const half = (b - a) / (2 * panels);
  let sum = 0;
  for (let p = 0; p < panels; p++) {
    const middle = a + (2 * p + 1) * half;
    for (const [node, weight] of rule) sum += weight * f(middle + half * node);
  }
  return sum * half;
}
