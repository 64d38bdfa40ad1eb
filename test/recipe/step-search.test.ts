import assert from "node:assert/strict";
import { test } from "node:test";
import { imagesFromBytes } from "../../src/data/index.ts";
import { classifierMap, trainClassifier } from "../../src/evaluation/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals, stream } from "../../src/random/index.ts";
import { modelOf, searchSteps, trainedModel } from "../../src/recipe/index.ts";
import { loadModel } from "../../src/runtime/index.ts";
import { featureKernelLoss, runSteps, type SearchedSteps, stepGradient } from "../../src/sampling/index.ts";
import { networkOf } from "../../src/training/index.ts";
import { finished } from "../finished.ts";
import { tinyImages } from "../training/tiny.ts";

/** Noisy ramps, dark to light to the right or down. */
const draws = stream(0, "ramps");
const labels = Array.from({ length: 64 }, (_, i) => i % 2);
const pixels = Uint8Array.from({ length: 64 * 64 }, (_, i) => {
  const [x, y] = [i % 8, (i >> 3) % 8];
  return 25 * (labels[i >> 6] === 0 ? x : y) + 55 * draws.uniform();
});
const ramps = imagesFromBytes({ name: "ramps", pixels, shape: [1, 8, 8], labels });

test("steps of an image model are found by KID, by gradient through the sampler and the feature network", async () => {
  const recipe = tinyImages("edm", "model.conditional=false");
  const facts = { shape: [1, 8, 8], classes: 2 };
  const count = parameterCount(networkOf(modelOf(recipe, facts)).parameters);
  const model = trainedModel(
    recipe,
    facts,
    Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 10),
  );
  const classifier = await finished(trainClassifier(ramps, { images: 10 * 128, threads: 1 }));
  const features = classifierMap(await loadModel(classifier.model), await loadModel(classifier.gradient), classifier);
  try {
    const steps: SearchedSteps = { sigmas: [10, 2, 0.5], factors: [1, 0.9, 1.1] };
    const denoiser = await model.denoiser(16);
    const nobody = new Array<undefined>(16).fill(undefined);
    const noise = normals(1, "noise", 0, 16 * 64).map((v) => 10 * v);
    const examples = normals(2, "examples", 0, 16 * 64).map((v) => v / 2);
    const lossOf = await featureKernelLoss(examples, features);
    const [denoise, product] = [denoiser.denoise(nobody), denoiser.denoiseAndProduct(nobody)];
    const found = await stepGradient(denoise, product, noise, steps, lossOf);
    const lossAt = async (changed: SearchedSteps) => (await lossOf((await runSteps(denoise, noise, changed))[3])).loss;
    for (const i of [1, 2]) {
      const put = (list: readonly number[], change: (v: number) => number) =>
        list.map((v, k) => (k === i ? change(v) : v));
      const slope = async (at: (h: number) => SearchedSteps) =>
        ((await lossAt(at(0.01))) - (await lossAt(at(-0.01)))) / 0.02;
      const ofLevel = await slope((h) => ({ ...steps, sigmas: put(steps.sigmas, (v) => v * Math.exp(h)) }));
      const ofFactor = await slope((h) => ({ ...steps, factors: put(steps.factors, (v) => v + h) }));
      for (const [by, slow] of [
        [found.levels[i], ofLevel],
        [found.factors[i], ofFactor],
      ])
        assert.ok(Math.abs(by - slow) < 0.02 * Math.abs(slow) + 1e-3, `step ${i}: ${by}, by differences ${slow}`);
    }

    const request = { start: [10, 2, 0.5], seed: 0, updates: 12, batch: 16, checks: 4, rate: 0.1 } as const;
    const { before, after, sigmas } = await finished(
      searchSteps(model, ramps, { ...request, loss: "kid", features, factors: true }),
    );
    assert.ok(after.mean < before.mean, `${before.mean} → ${after.mean}`);
    assert.ok(sigmas[0] === 10 && sigmas[1] < 10 && sigmas[2] < sigmas[1]);

    // However far they are driven, levels fall and stay where the model knows them.
    const driven = { ...request, start: [10, 2, 0.5, 0.1, 0.002], rate: 2, updates: 8, checks: 2 };
    const far = await finished(searchSteps(model, ramps, { ...driven, loss: "kid", features }));
    for (const [i, sigma] of far.sigmas.entries())
      assert.ok(sigma > 0.002 * 0.999999 && (i === 0 || sigma < far.sigmas[i - 1]), `${far.sigmas}`);
  } finally {
    await features.close();
    await model.close();
  }
});
