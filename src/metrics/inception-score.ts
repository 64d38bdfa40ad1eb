/** Inception score: how sure and how varied a classifier's answers are (Salimans et al. 2016). */
import { checkFeatures, checkInteger, type Features } from "./features.ts";

export interface InceptionScoreOptions {
  /** Parts of equal size, in the given order, that are scored on their own. 10, as customary with 50 000 samples. */
  readonly splits?: number;
}

export interface InceptionScore {
  /** exp(mean KL(p(y|x) ‖ p(y))) of each part; 1 at worst, the number of classes at best. */
  readonly perSplit: Float64Array;
  readonly mean: number;
  /** Population standard deviation over the parts. */
  readonly std: number;
}

/**
 * Inception score of `logits`, `[samples, classes]`. Parts are rows ⌊iN/S⌋ … ⌊(i+1)N/S⌋ − 1, not shuffled: generate
 * classes in random order. The customary logits are those without the last layer's bias, of 1008 classes.
 */
export function inceptionScore(logits: Features, { splits = 10 }: InceptionScoreOptions = {}): InceptionScore {
  checkFeatures("inceptionScore", logits);
  checkInteger("inceptionScore", "splits", splits, 1, logits.count);
  const perSplit = Float64Array.from({ length: splits }, (_, i) =>
    Math.exp(
      divergence(logits, Math.floor((i * logits.count) / splits), Math.floor(((i + 1) * logits.count) / splits)),
    ),
  );
  const mean = perSplit.reduce((sum, value) => sum + value, 0) / splits;
  const variance = perSplit.reduce((sum, value) => sum + (value - mean) ** 2, 0) / splits;
  return { perSplit, mean, std: Math.sqrt(variance) };
}

/** The mean of KL(p(y|x) ‖ p(y)) is E Σ p ln p − Σ p̄ ln p̄, over rows start … end − 1. */
function divergence({ data, dims }: Features, start: number, end: number): number {
  const marginal = new Float64Array(dims);
  let negentropy = 0;
  for (let i = start; i < end; i++) {
    let largest = -Infinity;
    for (let c = 0; c < dims; c++) largest = Math.max(largest, data[i * dims + c]);
    let total = 0;
    for (let c = 0; c < dims; c++) total += Math.exp(data[i * dims + c] - largest);
    const logTotal = Math.log(total) + largest;
    for (let c = 0; c < dims; c++) {
      const logP = data[i * dims + c] - logTotal;
      const p = Math.exp(logP);
      marginal[c] += p / (end - start);
      if (p > 0) negentropy += p * logP;
    }
  }
  let ofMarginal = 0;
  for (const p of marginal) if (p > 0) ofMarginal += p * Math.log(p);
  return Math.max(0, negentropy / (end - start) - ofMarginal);
}
