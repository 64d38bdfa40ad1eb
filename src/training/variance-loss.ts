/**
 * The term of the variational bound that trains a variance output (Nichol & Dhariwal 2021, section 3.1), as a graph: how
 * far the step back of a discrete process is from the true one and, at timestep 0, the likelihood of 8-bit data.
 */
import type { VarianceCoefficients } from "../diffusion/index.ts";
import { type Expr, input, lift } from "../graph/index.ts";

/** Inputs for each number of the term, of shape [batch, 1, …] or [batch]. */
export type VarianceInputs = { readonly [K in keyof VarianceCoefficients]: Expr };

const names = ["meanScale", "trueLogVariance", "base", "slope", "boundWeight", "first"] as const;

/** Inputs for a batch of examples of a rank. */
export const varianceInputs = (batch: number, rank: number): VarianceInputs =>
  Object.fromEntries(
    names.map((name) => [name, input(`variance ${name}`, [batch, ...new Array<number>(rank).fill(1)])]),
  ) as VarianceInputs;

/** What {@link varianceInputs} are fed, from the numbers of each sample. */
export const varianceFeeds = (samples: readonly VarianceCoefficients[]): Readonly<Record<string, Float32Array>> =>
  Object.fromEntries(names.map((name) => [`variance ${name}`, Float32Array.from(samples, (sample) => sample[name])]));

/** Half the distance between two of 256 values in [−1, 1]. */
const half = 1 / 255;

/** ½(1 + tanh(√(2/π)(z + 0.044715 z³))) ≈ Φ(z); beyond 30 standard deviations it is 0 or 1 already. */
function normalCdf(z: Expr): Expr {
  const near = z.maximum(-30).minimum(30);
  const cubic = near.mul(near).mul(near).mul(0.044715).add(near);
  return cubic
    .mul(Math.sqrt(2 / Math.PI))
    .tanh()
    .add(1)
    .mul(0.5);
}

/**
 * The weighted term of each sample, [batch], in bits per dimension. `clean` is x, `error` that of the network's
 * prediction, `output` the variance output v; the gradient reaches v alone.
 */
export function varianceLoss(clean: Expr, error: Expr, output: Expr, numbers: VarianceInputs): Expr {
  const { meanScale, trueLogVariance, base, slope, boundWeight, first } = numbers;
  const off = error.detach().mul(meanScale);
  const logVariance = base.add(output.mul(slope));

  const excess = trueLogVariance.sub(logVariance);
  const divergence = excess.exp().sub(excess).sub(1).add(off.mul(off).mul(logVariance.neg().exp())).mul(0.5);

  // At timestep 0 the mean of the step back is x̂ = x + off. The bins of −1 and 1 reach to infinity.
  const precision = logVariance.mul(-0.5).exp();
  const below = clean.less(-0.999).where(0, normalCdf(off.neg().sub(half).mul(precision)));
  const above = lift(0.999)
    .less(clean)
    .where(1, normalCdf(off.neg().add(half).mul(precision)));
  const surprise = above.sub(below).maximum(1e-12).log().neg();

  const batch = clean.shape[0];
  const term = first.equal(1).where(surprise, divergence).reshape([batch, -1]);
  return term
    .mean([1])
    .reshape([batch])
    .mul(boundWeight.reshape([batch]))
    .mul(1 / Math.LN2);
}
