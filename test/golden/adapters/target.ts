/** Stable targets. */
import { convert, stableTargets } from "../../../src/diffusion/index.ts";
import type { Adapters } from "../vectors.ts";

export const targets: Adapters = {
  "target.stf": ({ kernel, references, labels, zLabels, z, sigma, alpha }) => {
    const [rows, dims] = z.shape;
    const count = references.shape[0];
    const alphas: number[] = kernel === "ve" ? sigma.map(() => 1) : alpha;
    const own = sigma.map((_: number, row: number) => row);
    const x = references.data.slice(0, rows * dims);
    const noise = z.data.map((value: number, i: number) => {
      const row = Math.floor(i / dims);
      return (value - alphas[row] * x[i]) / sigma[row];
    });
    const { target, weights, ownWeight, effectiveSampleSize } = stableTargets({
      dims,
      x,
      noise,
      sigma: sigma.map((s: number, row: number) => s / alphas[row]),
      references: references.data,
      own,
      ...(labels && { labels: zLabels, referenceLabels: labels }),
    });
    for (const row of own) weights[row * count + row] = ownWeight[row];
    const as = (to: "eps" | "v" | "score") => ({
      shape: z.shape,
      data: own.flatMap((row: number) => {
        const part = (all: Float64Array) => all.subarray(row * dims, (row + 1) * dims);
        const level = { alpha: alphas[row], sigma: sigma[row] };
        return [...convert("x", to, level, part(z.data), part(target))];
      }),
    });
    return {
      target: { shape: z.shape, data: target },
      weights: { shape: [rows, count], data: weights },
      effectiveSampleSize,
      eps: as("eps"),
      v: as("v"),
      score: as("score"),
    };
  },
};
