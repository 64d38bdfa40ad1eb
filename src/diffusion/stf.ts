/**
 * Stable targets (Xu, Tong & Jaakkola 2023, Algorithm 1, Eq. 6): in place of the sample x that a noisy one was made from,
 * the mean of many samples it could have been made from, x* = Σ w_k x_k with w = softmax_k(−‖z − α x_k‖²/(2σ²)).
 *
 * In the variance-exploding frame z/α = x + σ̃ ε, and measured from x itself, the exponents are
 *   −‖x − x_k‖²/(2σ̃²) − ε·(x − x_k)/σ̃,
 * 0 for x: nothing large cancels, at any σ̃ and in float32 as well. So one formula serves every path and prediction.
 */
import { ConfigError } from "../errors/index.ts";

/** Samples and what they are compared with, laid flat. */
export interface StableTargetBatch {
  /** Numbers in one sample. */
  readonly dims: number;
  /** The clean samples, `[rows × dims]`. Each belongs to its own references, whether it is listed there or not. */
  readonly x: Float32Array | Float64Array;
  /** Their noise ε, `[rows × dims]`. */
  readonly noise: Float32Array | Float64Array;
  /** Noise level σ̃ = σ/α of each row. */
  readonly sigma: ArrayLike<number>;
  /** Samples of the data, `[count × dims]`. */
  readonly references: Float32Array | Float64Array;
  /** Which reference each row is itself, so that it does not count twice; −1 for none of them. The i-th row is none by default. */
  readonly own?: ArrayLike<number>;
  /** The class of each row; −1 for one that takes references of every class. Needs `referenceLabels`. */
  readonly labels?: ArrayLike<number>;
  /** The class of each reference: a row takes part with those of its own class only. */
  readonly referenceLabels?: ArrayLike<number>;
}

export interface StableTargets {
  /** x*, `[rows × dims]`. */
  readonly target: Float64Array;
  /** The weight of each reference in each row, `[rows × count]`; 0 where it is the row's own sample, see `ownWeight`. */
  readonly weights: Float64Array;
  /** The weight of the row's own sample. */
  readonly ownWeight: Float64Array;
  /** 1/Σ w² of each row: how many samples a target is worth. Near 1 the target is the sample, as in plain training. */
  readonly effectiveSampleSize: Float64Array;
}

/** How much of the references is compared with all rows before the next: what a cache holds. */
const blockElements = 1 << 14;

/**
 * The stable targets of a batch, in time rows × count × dims and memory rows × count. With no references each target is its
 * own sample; with all of the data it is the ideal denoiser of that data. Throws ConfigError where the sizes do not fit.
 */
export function stableTargets(batch: StableTargetBatch): StableTargets {
  const { dims, x, noise, sigma, references } = batch;
  const [rows, count] = sizes(batch);
  const weights = new Float64Array(rows * count);
  const inBlocks = (each: (row: number, first: number, last: number) => void) => {
    const size = Math.max(1, Math.floor(blockElements / dims));
    for (let first = 0; first < count; first += size)
      for (let row = 0; row < rows; row++) each(row, first, Math.min(first + size, count));
  };

  // Exponents.
  inBlocks((row, first, last) => {
    for (let k = first; k < last; k++) {
      let [squared, along] = [0, 0];
      for (let d = 0, a = row * dims, b = k * dims; d < dims; d++, a++, b++) {
        const off = x[a] - references[b];
        squared += off * off;
        along += noise[a] * off;
      }
      weights[row * count + k] = stableExponent(squared, along, sigma[row]);
    }
  });

  // Weights.
  const ownWeight = new Float64Array(rows);
  const effectiveSampleSize = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const ofRow = weights.subarray(row * count, (row + 1) * count);
    exclude(ofRow, row, batch);
    const { own, effective } = stableWeights(ofRow);
    ownWeight[row] = own;
    effectiveSampleSize[row] = effective;
  }

  // x + Σ w_k (x_k − x)
  const target = Float64Array.from(x);
  inBlocks((row, first, last) => {
    for (let k = first; k < last; k++) {
      const weight = weights[row * count + k];
      if (weight === 0) continue;
      for (let d = 0, a = row * dims, b = k * dims; d < dims; d++, a++, b++)
        target[a] += weight * (references[b] - x[a]);
    }
  });
  return { target, weights, ownWeight, effectiveSampleSize };
}

/**
 * The exponent of a reference x_k, relative to that of the sample x itself, from ‖x − x_k‖² and ε·(x − x_k). The log-weight
 * of x_k exceeds that of x by this.
 */
export function stableExponent(squaredDistance: number, along: number, sigma: number): number {
  return -(squaredDistance / (2 * sigma) + along) / sigma;
}

/** Weights below e to the power of this, of the largest one, are 0: no sum in double precision would show them. */
export const leastExponent = -60;

/**
 * Turns the exponents of one row's references into their weights, in place: a softmax over them and the row's own sample,
 * whose exponent is 0. A reference of exponent −∞ takes no part, nor does one whose weight is below e⁻⁶⁰ of the largest.
 */
export function stableWeights(exponents: Float64Array): { readonly own: number; readonly effective: number } {
  let top = 0;
  for (const exponent of exponents) if (exponent > top) top = exponent;
  let own = Math.exp(-top);
  let total = own;
  for (let k = 0; k < exponents.length; k++) {
    const exponent = exponents[k] - top;
    if (exponent < leastExponent) exponents[k] = 0;
    else total += exponents[k] = Math.exp(exponent);
  }
  own /= total;
  let squares = own * own;
  for (let k = 0; k < exponents.length; k++) {
    if (exponents[k] === 0) continue;
    const weight = exponents[k] / total;
    exponents[k] = weight;
    squares += weight * weight;
  }
  return { own, effective: 1 / squares };
}

/** Gives the row's own sample, and references of other classes, the exponent −∞. */
function exclude(exponents: Float64Array, row: number, { own, labels, referenceLabels }: StableTargetBatch): void {
  if (own && own[row] >= 0) exponents[own[row]] = Number.NEGATIVE_INFINITY;
  if (!labels || !referenceLabels || labels[row] < 0) return;
  for (let k = 0; k < exponents.length; k++)
    if (referenceLabels[k] !== labels[row]) exponents[k] = Number.NEGATIVE_INFINITY;
}

function sizes(batch: StableTargetBatch): readonly [rows: number, count: number] {
  const { dims, x, noise, sigma, references, own, labels, referenceLabels } = batch;
  const [rows, count] = [x.length / dims, references.length / dims];
  const wrong = (what: string, given: number, expected: number) =>
    new ConfigError(`stable targets: ${what}: has ${given} entries (${expected} expected).`);
  for (const [what, n] of [
    ["x", rows],
    ["references", count],
  ] as const)
    if (!Number.isInteger(n))
      throw new ConfigError(`stable targets: ${what}: is no whole number of samples of ${dims} dimensions: ${n}.`);
  if (noise.length !== x.length) throw wrong("noise", noise.length, x.length);
  if (sigma.length !== rows) throw wrong("sigma", sigma.length, rows);
  if (own && own.length !== rows) throw wrong("own", own.length, rows);
  if (labels && labels.length !== rows) throw wrong("labels", labels.length, rows);
  if (labels && !referenceLabels)
    throw new ConfigError("stable targets: labels need the labels of the references. Give referenceLabels.");
  if (referenceLabels && referenceLabels.length !== count)
    throw wrong("referenceLabels", referenceLabels.length, count);
  for (let row = 0; row < rows; row++)
    if (!(sigma[row] > 0)) throw new ConfigError(`stable targets: sigma must be above 0; got ${sigma[row]}.`);
  return [rows, count];
}
