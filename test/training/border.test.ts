import assert from "node:assert/strict";
import { test } from "node:test";
import { datasetFromArray } from "../../src/data/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { draw, modelOf, trainerOf } from "../../src/recipe/index.ts";
import { compileDenoiser, createTrainer, networkOf, networkSides } from "../../src/training/index.ts";
import { factsOf, tinyImages } from "./tiny.ts";

const raw = () => ({ cSkip: 0, cOut: 1, cIn: 1, cNoise: 0.4, targetX: 0, targetNoise: 1 });
const recipe = tinyImages("ddpm", "model.patch=2", "model.conditional=false", "sampling.steps=2", "training.images=8");
const small = { shape: [2, 5, 6], classes: 0 };
const large = { shape: [2, 8, 8], classes: 0 };

test("images that cannot be halved lie in the middle of zeros, and what the network says of them is cut out", async () => {
  const [own, framed] = [modelOf(recipe, small), modelOf(recipe, large)];
  assert.deepEqual(networkSides(own), [8, 8]);
  assert.deepEqual(networkOf(own).output.shape, [1, 2, 5, 6]);
  const count = parameterCount(networkOf(own).parameters);
  assert.equal(count, parameterCount(networkOf(framed).parameters));
  const params = Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 5);
  const x = Float64Array.from(normals(0, "x", 0, 60));
  const place = (k: number) => {
    const [c, y, at] = [Math.floor(k / 30), Math.floor((k % 30) / 6), k % 6];
    return (c * 8 + y + 1) * 8 + at + 1;
  };
  const around = new Float64Array(128);
  for (const [k, value] of x.entries()) around[place(k)] = value;
  const answer = async (model: typeof own, input: Float64Array) => {
    const denoiser = await compileDenoiser(model, params, { precondition: raw, batch: 1 });
    const out = await denoiser.denoise([undefined])(input, 1);
    await denoiser.close();
    return out;
  };
  const [inner, whole] = [await answer(own, x), await answer(framed, around)];
  assert.ok(inner.some((value) => Math.abs(value) > 1e-3));
  for (const [k, value] of inner.entries()) assert.ok(Math.abs(value - whole[place(k)]) < 1e-5);
});

test("they are trained on and sampled at their own size", async () => {
  const values = normals(1, "odd images", 0, 8 * 60).map((v) => v / 2);
  const dataset = datasetFromArray({ name: "odd", shape: small.shape, values });
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset);
  try {
    for (let step = 0; step < 2; step++) assert.ok(Number.isFinite((await trainer.advance()).loss));
    const drawing = draw(recipe, small, await trainer.read("ema"), { count: 3, seed: 0 });
    let next = await drawing.next();
    while (!next.done) next = await drawing.next();
    assert.equal(next.value.length, 3 * 60);
    assert.ok(next.value.every(Number.isFinite));
  } finally {
    await trainer.close();
  }
});
