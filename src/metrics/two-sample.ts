/** Classifier two-sample test: can a nearest-neighbour classifier tell two sets of points apart? */
import { checkPair, type Features } from "./features.ts";
import { nearestNeighbours } from "./neighbours.ts";

export interface TwoSampleOptions {
  /** Neighbours that vote. 1 is the usual choice; more see finer differences of density. */
  readonly k?: number;
}

export interface TwoSampleTest {
  /** Mean of the two accuracies: ½ means that the classifier cannot tell, 1 that it always can, below ½ that sets copy each other. */
  readonly accuracy: number;
  /** Share of the first set's points whose neighbours are mostly of the first set. */
  readonly accuracyFirst: number;
  readonly accuracySecond: number;
  /** Standard error of `accuracy` if the points were judged independently; neighbours are not quite. */
  readonly standardError: number;
}

/**
 * Leave-one-out accuracy of a k-nearest-neighbour classifier between the sets (Lopez-Paz and Oquab 2017; Xu et al. 2018
 * for k = 1). Votes are divided by the sizes of the sets, so that unequal sizes do not favour one; a tie counts half.
 */
export function twoSampleTest(first: Features, second: Features, { k = 1 }: TwoSampleOptions = {}): TwoSampleTest {
  checkPair("twoSampleTest", first, second, 2);
  const pooled: Features = {
    data: new Float64Array(first.data.length + second.data.length),
    count: first.count + second.count,
    dims: first.dims,
  };
  pooled.data.set(first.data);
  pooled.data.set(second.data, first.data.length);
  const { index } = nearestNeighbours(pooled, pooled, k);

  const right = [0, 0];
  for (let i = 0; i < pooled.count; i++) {
    const own = i < first.count ? 0 : 1;
    let ownVotes = 0;
    for (let j = i * k; j < (i + 1) * k; j++) if (index[j] < first.count === (own === 0)) ownVotes++;
    const [ownCount, otherCount] = own === 0 ? [first.count, second.count] : [second.count, first.count];
    const difference = ownVotes / ownCount - (k - ownVotes) / otherCount;
    right[own] += difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
  }
  const [accuracyFirst, accuracySecond] = [right[0] / first.count, right[1] / second.count];
  const variance = (p: number, n: number) => (p * (1 - p)) / n;
  return {
    accuracy: (accuracyFirst + accuracySecond) / 2,
    accuracyFirst,
    accuracySecond,
    standardError: Math.sqrt(variance(accuracyFirst, first.count) + variance(accuracySecond, second.count)) / 2,
  };
}
