import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { atLevel, gaussian, mixture, path, priorLogDensity } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  bitsPerDim,
  bitsPerDimOffset,
  byDifferences,
  counted,
  type JacobianProduct,
  type LikelihoodOptions,
  likelihood,
  likelihoodEnds,
  likelihoodSteps,
  natsPerDim,
  type Trace,
} from "../../src/sampling/index.ts";
import { close } from "./close.ts";

const two = mixture({
  weights: [0.35, 0.65],
  means: [
    [-1, 0.5],
    [0.8, -0.4],
  ],
  stds: [0.3, 0.45],
});
const z = Float64Array.of(0.4, -0.3, -1.1, 0.9, 0.1, 0.05);
const tight = { rtol: 1e-9, atol: 1e-9 };
const at = (given: Partial<LikelihoodOptions> & { readonly trace: Trace }): LikelihoodOptions => ({
  ...likelihoodEnds(path({ type: "vp" })),
  batch: 3,
  ...tight,
  ...given,
});

describe("likelihood by the probability-flow ODE", () => {
  test("is exact for the standard normal, whose prior is itself", async () => {
    const data = gaussian({ dims: 2 });
    const { logLikelihood } = await likelihood(data.denoise, z, at({ trace: { type: "exact", product: data.jvp } }));
    close(logLikelihood, priorLogDensity(z, 2), 1e-7);
  });

  test("is the density of the noised data on every path, up to the prior's own mismatch", async () => {
    for (const [name, data] of [
      ["gaussian", gaussian({ mean: [0.3, -0.1], std: [0.5, 1.2] })],
      ["mixture", two],
    ] as const)
      for (const spec of [
        { type: "vp", betaMax: 40 },
        { type: "sub-vp", betaMax: 40 },
        { type: "ve", sigmaMin: 0.01, sigmaMax: 2e4 },
        { type: "flow" },
      ] as const) {
        const ends = likelihoodEnds(path(spec), { tEnd: spec.type === "flow" ? 1 - 1e-5 : 1 });
        const trace: Trace = { type: "formula", trace: data.divergence };
        const { logLikelihood } = await likelihood(data.denoise, z, { ...ends, batch: 3, trace, ...tight });
        close(logLikelihood, atLevel(data, ends.start).logDensity(z), 1e-4);
        assert.ok(logLikelihood.length === 3, name);
      }
  });

  test("all ways to the trace agree", async () => {
    const run = async (trace: Trace) => (await likelihood(two.denoise, z, at({ trace }))).logLikelihood;
    const exact = await run({ type: "formula", trace: two.divergence });
    close(await run({ type: "exact", product: two.jvp }), exact, 1e-7);
    close(await run({ type: "exact", product: byDifferences(two.denoise, 1e-4) }), exact, 1e-5);
    // Two orthogonal probes of ±1 have the trace as their mean: vvᵀ + wwᵀ = 2I in two dimensions.
    const probes = [Float64Array.of(1, 1, 1, 1, 1, 1), Float64Array.of(1, -1, 1, -1, 1, -1)];
    close(await run({ type: "probes", product: two.jvp, probes }), exact, 1e-7);
    close(await run({ type: "probes", product: two.jvp, probes, identity: "probed" }), exact, 1e-7);
  });

  test("with exact products it costs one product a dimension at each evaluation", async () => {
    const watched = counted(two.denoise);
    let products = 0;
    const product: JacobianProduct = (x, sigma, v) => {
      products++;
      return two.jvp(x, sigma, v);
    };
    const trace: Trace = { type: "exact", product };
    await likelihood(watched, z, at({ trace }));
    assert.equal(products, 2 * watched.sigmas.length);
  });

  test("its steps run from the data's level to the prior's", async () => {
    const options = at({ trace: { type: "formula", trace: two.divergence } });
    const levels: number[] = [];
    for await (const { sigma } of likelihoodSteps(two.denoise, z, options)) levels.push(sigma);
    assert.ok(levels.every((sigma, i) => i === 0 || sigma >= levels[i - 1]));
    close([levels[levels.length - 1]], [options.end.sigma / options.end.alpha], 1e-9);
  });

  test("ends, batches and probes that don't fit are refused", async () => {
    const trace: Trace = { type: "formula", trace: two.divergence };
    const run = (given: Partial<LikelihoodOptions>) => likelihood(two.denoise, z, { ...at({ trace }), ...given });
    await assert.rejects(run({ batch: 4 }), /does not divide/);
    await assert.rejects(run({ start: { alpha: 1, sigma: 0 } }), /from above 0/);
    await assert.rejects(run({ start: { alpha: 1, sigma: 5 }, end: { alpha: 1, sigma: 2 } }), /must grow/);
    const probed = (probes: Float64Array[]) => run({ trace: { type: "probes", product: two.jvp, probes } });
    await assert.rejects(probed([]), /at least one/);
    await assert.rejects(probed([Float64Array.of(1)]), ConfigError);
  });
});

describe("units", () => {
  test("bits per dimension of uniform bytes is 8, whatever the range", () => {
    for (const [low, high] of [
      [-1, 1],
      [0, 1],
    ])
      close([bitsPerDim(-3 * Math.log(high - low), 3, { low, high })], [8], 1e-12);
    close([bitsPerDimOffset(), bitsPerDimOffset({ low: 0 }), bitsPerDimOffset({ levels: 2 })], [7, 8, 0], 1e-12);
    close([natsPerDim(-12, 4)], [3], 0);
    assert.throws(() => bitsPerDimOffset({ low: 1 }), ConfigError);
  });
});
