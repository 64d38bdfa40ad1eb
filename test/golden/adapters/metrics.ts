import {
  addFeatures,
  type FeatureGaussian,
  type Features,
  featureStatistics,
  fitGaussian,
  frechetDistance,
  gaussianOf,
  inceptionScore,
  kernelDistance,
  kernelDistanceOfSubsets,
  precisionRecall,
} from "../../../src/metrics/index.ts";
import type { Adapters, Tensor } from "../vectors.ts";

const features = ({ shape: [count, dims], data }: Tensor): Features => ({ data, count, dims });

/** The features in the given block sizes, one after the other. */
function inBlocks({ data, dims }: Features, blocks: readonly number[]): FeatureGaussian {
  const statistics = featureStatistics(dims);
  let start = 0;
  for (const count of blocks) {
    addFeatures(statistics, { data: data.subarray(start * dims, (start + count) * dims), count, dims });
    start += count;
  }
  return gaussianOf(statistics);
}

const square = (data: Float64Array, n: number) => ({ shape: [n, n], data });

export const metrics: Adapters = {
  "metric.frechet": (input) => {
    const side = (n: 1 | 2): FeatureGaussian => {
      const given: Tensor | undefined = input[`features${n}`];
      if (!given) return { mean: Float64Array.from(input[`mean${n}`]), covariance: input[`covariance${n}`].data };
      const blocks = input[`blocks${n}`] ?? (n === 1 ? input.blocks : undefined);
      return blocks ? inBlocks(features(given), blocks) : fitGaussian(features(given));
    };
    const [one, two] = [side(1), side(2)];
    return {
      distance: frechetDistance(one, two).distance,
      mean1: one.mean,
      covariance1: square(one.covariance, one.mean.length),
      mean2: two.mean,
      covariance2: square(two.covariance, two.mean.length),
    };
  },
  "metric.inception-score": ({ logits, splits }) => inceptionScore(features(logits), { splits }),
  "metric.kid": ({ features1, features2, subsets }) => {
    const [a, b] = [features(features1), features(features2)];
    const whole = kernelDistance(a, b);
    return { ...kernelDistanceOfSubsets(a, b, subsets), fullUnbiased: whole.unbiased, fullBiased: whole.biased };
  },
  "metric.precision-recall": ({ real, generated, k }) => precisionRecall(features(real), features(generated), { k }),
};
