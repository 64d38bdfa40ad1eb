import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { alphaOf, gaussian, vpSigma } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import {
  againstSamples,
  defineRecipe,
  discriminatorLoss,
  discriminatorRecipe,
  trainedDiscriminator,
  trainerOf,
} from "../../src/recipe/index.ts";
import { discriminatorGuided } from "../../src/sampling/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, moons, recipeOf, tinyImages } from "../training/tiny.ts";

const std = 0.5;
const [real, fake] = [0.4, -0.2];
const cloud = (mean: number, seed: number) =>
  datasetFromArray({
    name: `N(${mean}, ${std}²)`,
    shape: [2],
    values: normals(seed, "cloud", 0, 2 * 4096).map((v) => mean + std * v),
  });
const base = recipeOf("points", `data.sigmaData=${std}`, "model.network.width=32", "model.network.layers=2");
const plan = { images: 128 * 1200, batch: 128, learningRate: 3e-3, seed: 1 };

for (const [name, coupling] of [
  ["independent noise", undefined],
  ["noise matched to data and samples apart", { type: "aot", pool: 64 }],
] as const)
  test(`between two Gaussians it learns the gradient of their log-ratio, ${name}`, async () => {
    const dataset = againstSamples(cloud(real, 1), cloud(fake, 2));
    const facts = factsOf(dataset);
    const recipe = defineRecipe(discriminatorRecipe(base, { ...plan, ...(coupling && { coupling }) }));
    const trainer = await createTrainer(trainerOf(recipe, facts), dataset, { threads: 1 });
    while (trainer.images < plan.images) await trainer.advance();
    const trained = trainedDiscriminator(recipe, facts, await trainer.read("ema"));
    const ask = await trained.discriminator(400);
    const { sigma } = vpSigma({ betaMin: 0.1, betaMax: 20 });
    for (const tau of [0.05, 0.2, 0.4]) {
      const alpha = alphaOf("vp", sigma(tau));
      const variance = (alpha * std) ** 2 + 1 - alpha ** 2;
      const between = (real + fake) / 2;
      const z = normals(5, "between", 0, 800).map((v) => alpha * between + Math.sqrt(variance) * v);
      const { gradient, logit } = await ask(z, tau);
      const slope = (alpha * (real - fake)) / variance;
      // Matched noises are not quite Gaussian, and its answer is not quite the ratio of noised densities.
      const tolerance = coupling ? 0.6 : 0.35;
      const off = Math.sqrt(gradient.reduce((sum, v) => sum + (v - slope) ** 2, 0) / gradient.length);
      assert.ok(off < tolerance * slope, `${tau}: slope ${slope}, rms error ${off}`);
      const mean = logit.reduce((sum, v) => sum + v, 0) / logit.length;
      assert.ok(Math.abs(mean) < 0.3 * slope, `${tau}: logit ${mean} half-way`);
    }
    const loss = await discriminatorLoss(trained, dataset, { count: 512, seed: 3 });
    assert.ok(loss > 0.3 && loss < Math.LN2, `loss ${loss}`);

    // The score of the samples, corrected, is that of the data.
    const denoise = discriminatorGuided(gaussian({ mean: fake, std }).denoise, ask, { batch: 400 });
    const at = 0.8;
    const x = normals(6, "x", 0, 800).map((v) => real + Math.hypot(std, at) * v);
    const [found, wanted] = [await denoise(x, at), await gaussian({ mean: real, std }).denoise(x, at)];
    const gap = found.reduce((sum, v, i) => sum + (v - wanted[i]), 0) / found.length;
    const before = (await gaussian({ mean: fake, std }).denoise(x, at)).reduce((s, v, i) => s + v - wanted[i], 0) / 800;
    assert.ok(Math.abs(gap) < (coupling ? 0.6 : 0.3) * Math.abs(before), `${gap} of ${before}`);
    await trainer.close();
    await trained.close();
  });

test("told the class, it learns the gradient of each class's own log-ratio", async () => {
  /** Two classes: samples of the first lie too low, of the second too high. */
  const two = (means: readonly [number, number], seed: number) =>
    datasetFromArray({
      name: "two clouds",
      shape: [2],
      values: normals(seed, "two clouds", 0, 2 * 4096).map((v, i) => means[(i >> 1) % 2] + std * v),
      labels: Uint16Array.from({ length: 4096 }, (_, i) => i % 2),
      classes: ["low", "high"],
    });
  const dataset = againstSamples(two([0, 0], 1), two([-0.6, 0.6], 2), true);
  assert.deepEqual(dataset.classes, ["sample of low", "data of low", "sample of high", "data of high"]);
  const facts = factsOf(dataset);
  const model = { ...base, model: { ...base.model, conditional: true } };
  const recipe = defineRecipe(discriminatorRecipe(model, { ...plan, conditional: true }));
  const trainer = await createTrainer(trainerOf(recipe, facts), dataset, { threads: 1 });
  while (trainer.images < plan.images) await trainer.advance();
  const trained = trainedDiscriminator(recipe, facts, await trainer.read("ema"));
  assert.equal(trained.classes, 2);
  const { sigma } = vpSigma({ betaMin: 0.1, betaMax: 20 });
  const [tau, alpha] = [0.2, alphaOf("vp", sigma(0.2))];
  const variance = (alpha * std) ** 2 + 1 - alpha ** 2;
  const z = normals(5, "between", 0, 400).map((v) => Math.sqrt(variance) * v);
  for (const [label, fake] of [
    [0, -0.6],
    [1, 0.6],
  ] as const) {
    const ask = await trained.discriminator(200, new Array(200).fill(label));
    const { gradient } = await ask(z, tau);
    const slope = (alpha * (0 - fake)) / variance;
    const mean = gradient.reduce((sum, v) => sum + v, 0) / gradient.length;
    assert.ok(Math.abs(mean - slope) < 0.3 * Math.abs(slope), `class ${label}: ${mean} of ${slope}`);
  }
  await trainer.close();
  await trained.close();
});

test("classes are data and samples in turn; other shapes, and other runs, are refused", () => {
  const both = againstSamples(cloud(real, 1), cloud(fake, 2));
  assert.equal(both.size, 8192);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => both.label?.(i)),
    [0, 1, 0, 1],
  );
  assert.throws(() => againstSamples(moons, images), ConfigError);
  const recipe = tinyImages("edm");
  assert.throws(() => trainedDiscriminator(recipe, factsOf(images), new Float32Array()), /is none/);
});
