/** Precision, recall, density and coverage by nearest-neighbour balls. */
import { checkPair, type Features } from "./features.ts";
import { forDistances, nearestNeighbours } from "./neighbours.ts";

export interface PrecisionRecallOptions {
  /** A ball's radius is the distance to the k-th neighbour, the vector itself not counted. 3, as in the papers' tables. */
  readonly k?: number;
}

/** Kynkäänniemi et al. (2019) for precision and recall, Naeem et al. (2020) for density and coverage. */
export interface PrecisionRecall {
  /** Share of generated vectors inside at least one real ball: quality. */
  readonly precision: number;
  /** Share of real vectors inside at least one generated ball: variety. */
  readonly recall: number;
  /** Real balls around a generated vector, over k: as precision, but an outlier's large ball counts only once. Can exceed 1. */
  readonly density: number;
  /** Share of real balls with a generated vector inside: as recall, but not by the generated set's own outliers. */
  readonly coverage: number;
  /** Euclidean radius of every real ball. */
  readonly radiiReal: Float64Array;
  readonly radiiGenerated: Float64Array;
}

/**
 * Precision, recall, density and coverage of `generated` against `real`. A vector on a ball's surface is inside. All four
 * depend on the number of vectors and on k, so both must be equal in what is compared; recall is not symmetric in them.
 */
export function precisionRecall(
  real: Features,
  generated: Features,
  { k = 3 }: PrecisionRecallOptions = {},
): PrecisionRecall {
  checkPair("precisionRecall", real, generated, 2);
  const [realBalls, generatedBalls] = [squaredRadii(real, k), squaredRadii(generated, k)];
  const ballsAround = new Int32Array(generated.count);
  const recalled = new Uint8Array(real.count);
  const covered = new Uint8Array(real.count);
  forDistances(generated, real, (i, j, distances, at, count) => {
    const own = generatedBalls[i];
    for (let c = 0; c < count; c++) {
      const distance = distances[at + c];
      if (distance <= own) recalled[j + c] = 1;
      if (distance > realBalls[j + c]) continue;
      ballsAround[i]++;
      covered[j + c] = 1;
    }
  });
  const share = (flags: Int32Array | Uint8Array) => {
    let some = 0;
    for (const flag of flags) if (flag > 0) some++;
    return some / flags.length;
  };
  return {
    precision: share(ballsAround),
    recall: share(recalled),
    density: ballsAround.reduce((sum, balls) => sum + balls, 0) / (k * generated.count),
    coverage: share(covered),
    radiiReal: realBalls.map(Math.sqrt),
    radiiGenerated: generatedBalls.map(Math.sqrt),
  };
}

function squaredRadii(features: Features, k: number): Float64Array {
  const { squaredDistance } = nearestNeighbours(features, features, k);
  return Float64Array.from({ length: features.count }, (_, i) => squaredDistance[(i + 1) * k - 1]);
}
