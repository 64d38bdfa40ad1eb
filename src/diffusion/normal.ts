/** The normal distribution in float64: density, cumulative distribution and quantile, accurate far into both tails. */

/** Density of N(mean, std²) at `x`. */
export function normalPdf(x: number, mean = 0, std = 1): number {
  const z = (x - mean) / std;
  return Math.exp(-0.5 * z * z) / (std * Math.sqrt(2 * Math.PI));
}

/** Φ(z), the probability that a standard normal is below `z`; relative error about 1e-13 even where it is 1e-300. */
export function normalCdf(z: number): number {
  return z > 0 ? 1 - normalCdf(-z) : 0.5 * erfcPositive(-z * Math.SQRT1_2);
}

/** Φ⁻¹(p): the z below which a standard normal falls with probability `p`; ∓∞ at 0 and 1, NaN outside [0, 1]. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  if (p === 0.5) return 0;
  // Abramowitz & Stegun 26.2.23 (error below 4.5e-4), then Halley's method, whose error is cubed by each step.
  const t = Math.sqrt(-2 * Math.log(p));
  let z = -t + (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (let step = 0; step < 3; step++) {
    const newton = (normalCdf(z) - p) / normalPdf(z);
    z -= newton / (1 + 0.5 * z * newton);
  }
  return z;
}

/** erfc(x) for x ≥ 0: 1 − (series of erf, all terms positive) below 2, Laplace's continued fraction above. */
function erfcPositive(x: number): number {
  if (x < 2) {
    // erf x = 2/√π e^{−x²} Σ 2ⁿ x^{2n+1} / (2n+1)!!
    let term = x;
    let sum = x;
    for (let n = 1; term > 1e-17 * sum; n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  // erfc x = e^{−x²}/√π · 1/(x + ½/(x + 1/(x + 3/2/(x + …)))), from the inside out.
  let fraction = x;
  for (let n = Math.ceil(8 + 320 / (x * x)); n > 0; n--) fraction = x + n / (2 * fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}
