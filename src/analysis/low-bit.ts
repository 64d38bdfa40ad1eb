/**
 * At which noise level each bit of a pixel is learned (Kingma & Gao 2023, Appendix I): the information that z_λ has about a
 * value uniform on 2ⁿ equally spaced levels in [−1, 1].
 */
import { ConfigError } from "../errors/index.ts";
import { gaussianNodes } from "./quadrature.ts";

export interface BitInformation {
  /** E KL(q(z|x) ‖ p(z)), the mutual information of x and z in nats. From 0 to bits · ln 2 as λ grows. */
  readonly nats: number;
  readonly bits: number;
  /** d nats/dλ = ½ e^λ E(x − E[x|z])² = ½ E(ε − ε̂)²: what the ε-loss of an ideal predictor weighs. */
  readonly derivative: number;
}

/** Beyond this many σ between two levels, neither is ever mistaken for the other. */
const reach = 48;

/** The information about an n-bit value at full log-SNR λ, by quadrature to about 1e-12. `bits` from 1 to 12. */
export function bitInformation(bits: number, lambda: number): BitInformation {
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 12))
    throw new ConfigError(`bitInformation: bits: ${bits} (expected an integer from 1 to 12).`);
  const count = 2 ** bits;
  const spacing = 2 / (count - 1);
  const sigma = Math.exp(-lambda / 2);
  let nats = 0;
  let squares = 0;
  // Levels i and count − 1 − i mirror each other.
  for (let i = 0; i < count / 2; i++) {
    const near = Math.ceil((reach * sigma) / spacing);
    const [from, to] = [Math.max(0, i - near), Math.min(count - 1, i + near)];
    for (const { node, weight } of gaussianNodes) {
      // Against level i, level j has ln q(z|x_j) − ln q(z|x_i) = −r(r + 2 node)/2, r = (x_i − x_j)/σ.
      let [others, mean, square] = [0, 0, 0];
      for (let j = from; j <= to; j++) {
        if (j === i) continue;
        const r = ((i - j) * spacing) / sigma;
        const likelihood = Math.exp(-0.5 * r * (r + 2 * node));
        others += likelihood;
        mean += likelihood * r;
        square += likelihood * r * r;
      }
      const total = 1 + others;
      nats -= weight * Math.log1p(others);
      squares += (weight * (square - (mean * mean) / total)) / total;
    }
  }
  nats = bits * Math.LN2 + (2 * nats) / count;
  return { nats, bits: nats / Math.LN2, derivative: squares / count };
}

/**
 * The area between the derivative curves of n + 1 and n bits, ln 2 over all λ: what learning the (n + 1)-th bit is worth
 * whatever the weighting leaves of it. By Simpson's rule over [−20, 10 + 2 ln 2ⁿ], beyond which next to nothing is left.
 */
export function bitArea(bits: number): number {
  const [from, to] = [-20, 10 + 2 * (bits + 1) * Math.LN2];
  const steps = 2 * Math.ceil((to - from) * 2);
  const h = (to - from) / steps;
  let sum = 0;
  for (let k = 0; k <= steps; k++) {
    const lambda = from + k * h;
    const gap = bitInformation(bits + 1, lambda).derivative - bitInformation(bits, lambda).derivative;
    sum += gap * (k === 0 || k === steps ? 1 : k % 2 === 1 ? 4 : 2);
  }
  return (sum * h) / 3;
}
