/** `transport.*`: assignment, class-wise pairing, Sinkhorn, Wasserstein-2 between Gaussians. */
import {
  assign,
  type DivergenceOptions,
  distances,
  exactTransport,
  isUnique,
  optimalPairing,
  sinkhorn,
  sinkhornDivergence,
} from "../../../src/transport/index.ts";
import type { Adapters } from "../vectors.ts";

const precise = { tolerance: 1e-13, maxIterations: 1_000_000 };

export const transportAdapters: Adapters = {
  "transport.assignment": ({ cost, x, y, metric }) => {
    const costs = cost
      ? { rows: cost.shape[0], columns: cost.shape[1], data: cost.data }
      : distances(x.data, y.data, x.shape[1], { metric });
    const solution = assign(costs);
    const { columnOf, cost: total } = solution;
    const pairs = [...columnOf.entries()].filter(([, column]) => column >= 0);
    return {
      cost: total,
      rows: pairs.map(([row]) => row),
      columns: pairs.map(([, column]) => column),
      unique: isUnique(costs, solution),
    };
  },

  "transport.class-assignment": ({ samples, noise, labels }) => {
    const dims = samples.shape[1];
    const { permutation, cost } = optimalPairing(samples.data, noise.data, dims, { labels });
    const { data, columns } = distances(samples.data, noise.data, dims);
    return {
      permutation,
      cost,
      costUnmatched: labels.reduce((sum: number, _: number, i: number) => sum + data[i * columns + i], 0),
      costIgnoringLabels: optimalPairing(samples.data, noise.data, dims).cost,
    };
  },

  "transport.sinkhorn": ({ x, y, cost, weightsX, weightsY, epsilon, blur }) => {
    if (epsilon === 0) {
      const exactCost = exactTransport(
        cost
          ? { rows: cost.shape[0], columns: cost.shape[1], data: cost.data }
          : distances(x.data, y.data, x.shape[1], { metric: "half-squared-euclidean" }),
      );
      return { exactCost, w2: Math.sqrt(2 * exactCost) };
    }
    if (cost) {
      const { value, ...rest } = sinkhorn(
        { rows: cost.shape[0], columns: cost.shape[1], data: cost.data },
        { ...precise, epsilon, rowWeights: weightsX, columnWeights: weightsY },
      );
      return { raw: value, ...rest };
    }
    const options: DivergenceOptions = {
      ...precise,
      blur: blur ?? Math.sqrt(epsilon),
      xWeights: weightsX,
      yWeights: weightsY,
    };
    const { value, w2, cross, selfX, selfY } = sinkhornDivergence(x.data, y.data, x.shape[1], options);
    return {
      raw: cross.value,
      transportCost: cross.transportCost,
      plan: cross.plan,
      selfX,
      selfY,
      debiased: value,
      w2Estimate: w2,
    };
  },
};
