/** What is done to gradients before the optimiser sees them. */
import { concat, type Expr, lift } from "../graph/index.ts";

/** The joint L2 norm of a flat gradient, shape [1]; that of one that is joined from parts does not need it as a whole. */
export function globalNorm(gradient: Expr): Expr {
  const parts = gradient.op === "concat" ? gradient.inputs : [gradient];
  const squares = parts.map((part) => part.sumSquares());
  return (squares.length === 1 ? squares[0] : concat(squares, 0).sum()).sqrt();
}

/** min(maxNorm/(norm + 1e−6), 1): what a gradient is multiplied with so that its norm is at most `maxNorm`. */
export const clipScale = (norm: Expr, maxNorm: number): Expr => lift(maxNorm).div(norm.add(1e-6)).minimum(1);

/** NaN becomes 0 and infinities `positive` and `negative`, in place (EDM: ±10⁵). Hides trouble: off unless asked for. */
export function replaceNonFinite<T extends Float32Array | Float64Array>(
  gradient: T,
  positive = 1e5,
  negative = -1e5,
): T {
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i];
    if (Number.isNaN(g)) gradient[i] = 0;
    else if (g === Infinity) gradient[i] = positive;
    else if (g === -Infinity) gradient[i] = negative;
  }
  return gradient;
}

/**
 * log₂ of the loss scale that training in float16 begins with: gradients as small as 2⁻⁴⁴ are then seen. As in OpenAI's
 * code for diffusion models; where it is too much, a few updates find out.
 */
export const firstLossScale = 20;

/**
 * log₂ of the least loss scale. A gradient that overflows even so is no matter of the scale (a loss scale that goes on
 * falling while the network answers NaN is a known trap).
 */
export const leastLossScale = -24;

/** The exponent of a loss scale for float16 after a step: an overflow lowers it by 1, a good step raises it by `growth`. */
export const nextLossScale = (log2: number, overflow: boolean, growth = 1e-3): number =>
  overflow ? log2 - 1 : log2 + growth;

/** The loss scale: a power of two, so that it changes no digits. */
export const lossScaleOf = (log2: number): number => 2 ** Math.floor(log2);
