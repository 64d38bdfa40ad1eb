import assert from "node:assert/strict";
import { test } from "node:test";
import { type Dataset, points, statistics } from "../../src/data/index.ts";
import { stream } from "../../src/random/index.ts";
import { defineRecipe, draw, preset, trainerOf } from "../../src/recipe/index.ts";
import { createTrainer } from "../../src/training/index.ts";

const count = 5000;

function valuesOf(dataset: Dataset): Float64Array {
  const out = new Float32Array(2 * dataset.size);
  for (let i = 0; i < dataset.size; i++) dataset.read(i, out, 2 * i);
  return Float64Array.from(out);
}

/** Sliced W₂: the mean over directions of the squared distance between sorted projections, and its root. */
function slicedW2(a: Float64Array, b: Float64Array): number {
  const directions = stream(0, "directions");
  let total = 0;
  for (let k = 0; k < 64; k++) {
    const angle = 2 * Math.PI * directions.uniform();
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const project = (x: Float64Array) =>
      Float64Array.from({ length: count }, (_, i) => cos * x[2 * i] + sin * x[2 * i + 1]).sort();
    const [p, q] = [project(a), project(b)];
    total += p.reduce((sum, v, i) => sum + (v - q[i]) ** 2, 0) / count;
  }
  return Math.sqrt(total / 64);
}

const sampleOf = (seed: number) => valuesOf(points("mixture", { size: count, seed }));

for (const seed of [0, 1, 2])
  test(`a perceptron learns a mixture in the plane, seed ${seed}`, async (t) => {
    const data = points("mixture", { size: 100_000, seed: 100 + seed });
    const start = preset("points");
    const recipe = defineRecipe({
      ...start,
      data: { ...start.data, sigmaData: statistics(data).std },
      training: { ...start.training, seed },
    });
    const facts = { shape: [2], classes: 0 };
    const trainer = await createTrainer(trainerOf(recipe, facts), data, { threads: 1 });
    while (trainer.images < recipe.training.images) await trainer.advance();
    const drawing = draw(recipe, facts, await trainer.read("ema"), { count, seed, batch: count, threads: 1 });
    let next = await drawing.next();
    while (!next.done) next = await drawing.next();
    await trainer.close();

    // The yardstick: how far independent samples of the data itself are apart.
    const pairs = [0, 1, 2, 3, 4].map((k) => slicedW2(sampleOf(1000 + 2 * k), sampleOf(1001 + 2 * k)));
    const yardstick = pairs.reduce((a, b) => a + b) / pairs.length;
    const distance = slicedW2(next.value, sampleOf(2000 + seed));
    t.diagnostic(`sliced W2 ${distance.toFixed(4)}, between samples of the data ${yardstick.toFixed(4)}`);
    assert.ok(distance <= 2 * yardstick, `sliced W2 ${distance} is more than twice ${yardstick}`);
  });
