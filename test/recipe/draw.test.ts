import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { type DrawOptions, draw, latentOf, modelOf, preset, type Recipe, sigmasOf } from "../../src/recipe/index.ts";
import { networkOf } from "../../src/training/index.ts";
import { tinyImages, tinyPoints } from "../training/tiny.ts";

const facts = { shape: [1, 8, 8], classes: 3 };

async function samples(recipe: Recipe, options: DrawOptions): Promise<Float64Array> {
  // A network at random: nothing in it is zero, so every input matters.
  const count = parameterCount(networkOf(modelOf(recipe, facts)).parameters);
  const params = Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 5);
  const drawing = draw(recipe, facts, params, options);
  for (;;) {
    const next = await drawing.next();
    if (next.done) return next.value;
  }
}

const furthest = (a: Float64Array, b: Float64Array) => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i])), 0);

const recipes: Readonly<Record<string, Recipe>> = {
  heun: tinyImages("edm"),
  "heun with churn": tinyImages("edm", 'sampling.options={"sChurn":20,"sNoise":1.003}'),
  ancestral: tinyImages("edm", "sampling.sampler=euler-ancestral"),
  "ddpm's own steps": tinyImages("ddpm", "sampling.steps=12"),
  "with guidance": tinyImages("edm", "sampling.guidance=2"),
};

for (const [name, recipe] of Object.entries(recipes))
  test(`sample i of a seed is the same in any batch: ${name}`, async () => {
    const all = await samples(recipe, { count: 5, seed: 3 });
    // float32 networks round differently in another batch; nothing more than that may differ.
    for (const options of [{ count: 5, batch: 2 }, { count: 4, batch: 1 }, { count: 1 }]) {
      const some = await samples(recipe, { ...options, seed: 3 });
      assert.equal(some.length, options.count * 64);
      const distance = furthest(some, all.subarray(0, some.length));
      assert.ok(distance < 1e-4, `${JSON.stringify(options)}: ${distance}`);
    }
    assert.deepEqual(await samples(recipe, { count: 5, seed: 3 }), all);
    assert.ok(furthest(await samples(recipe, { count: 5, seed: 4 }), all) > 0.1);
  });

test("labels decide, and the default is each class in turn", async () => {
  const recipe = tinyImages("edm");
  const inTurn = await samples(recipe, { count: 4, seed: 0 });
  const spelt = await samples(recipe, { count: 4, seed: 0, label: (i) => [0, 1, 2, 0][i] });
  assert.deepEqual(spelt, inTurn);
  assert.ok(furthest(await samples(recipe, { count: 4, seed: 0, label: () => 1 }), inTurn) > 1e-3);
  await assert.rejects(samples(recipe, { count: 1, seed: 0, label: () => 3 }), ConfigError);
});

test("guidance with weight 1 is none, and with weight 0 leaves labels out", async () => {
  const drawn = (guidance: number, label?: (i: number) => number | undefined) =>
    samples(tinyImages("edm", `sampling.guidance=${guidance}`), { count: 2, seed: 0, ...(label && { label }) });
  const without = await drawn(1, () => undefined);
  assert.ok(furthest(await drawn(0), without) < 1e-5);
  assert.ok(furthest(await drawn(1), without) > 1e-3);
});

test("guidance is the same in one batch of twice the size and in two", async () => {
  const drawn = (guidance: string) =>
    samples(tinyImages("edm", `sampling.guidance=${guidance}`), { count: 2, seed: 0 });
  const [one, two] = [await drawn('{"scale":3}'), await drawn('{"scale":3,"interval":[0,100]}')];
  assert.ok(furthest(one, two) < 1e-4);
  assert.ok(furthest(one, await drawn('{"scale":3,"interval":[0.1,1]}')) > 1e-3);
  assert.ok(furthest(one, await drawn('{"scale":3,"rescale":0.7}')) > 1e-3);
});

test("what is done to the answer and to the start", async () => {
  const drawn = (assignments: readonly string[], latent?: (i: number) => Float64Array) =>
    samples(tinyImages("edm", ...assignments), { count: 3, seed: 2, ...(latent && { latent }) });
  const plain = await drawn([]);
  const own = (i: number) => latentOf(2, i, 64);
  assert.deepEqual(await drawn([], own), plain);
  const swapped = await drawn([], (i) => own([1, 0, 2][i]));
  assert.ok(furthest(swapped.subarray(128), plain.subarray(128)) < 1e-4);
  assert.ok(furthest(swapped.subarray(0, 64), plain.subarray(0, 64)) > 0.01);
  const cooled = await drawn(["sampling.temperature=0.5"]);
  const halved = await drawn([], (i) => own(i).map((v) => v / 2));
  assert.ok(furthest(cooled, halved) < 1e-9);
  assert.ok(furthest(await drawn(["sampling.epsilonScale=1"]), plain) < 1e-4);
  assert.ok(furthest(await drawn(["sampling.epsilonScale=1.1"]), plain) > 1e-3);
  assert.ok((await drawn(["sampling.clip=true"])).every((v) => Math.abs(v) <= 1));
  assert.ok((await drawn(["sampling.threshold=0.9"])).every((v) => Math.abs(v) <= 1));
  assert.ok(plain.some((v) => Math.abs(v) > 1));
});

test("images are drawn on: from their noise, or in a part of them", async () => {
  const image = (i: number) => latentOf(5, i, 64).map((v) => v / 4);
  const mask = Float64Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 1 : 0));
  const recipe = tinyImages("edm");
  const drawn = (edit: NonNullable<DrawOptions["edit"]>, of = recipe, batch = 3) =>
    samples(of, { count: 3, seed: 2, edit, batch });
  const given = Float64Array.from([0, 1, 2].flatMap((i) => Array.from(image(i))));
  const plain = await samples(recipe, { count: 3, seed: 2 });
  // Under hardly any noise the image stays; under all of it nothing is left of it.
  const [little, all] = [await drawn({ image, sigma: 0.002 }), await drawn({ image, sigma: 80 })];
  assert.ok(furthest(little, given) < 0.05);
  assert.ok(furthest(all, plain) < furthest(given, plain) / 4);
  const painted = await drawn({ image, mask });
  for (const [i, value] of painted.entries()) if (mask[i % 64] === 0) assert.equal(value, given[i]);
  assert.ok(furthest(painted, given) > 0.1);
  assert.ok(furthest(await drawn({ image, mask }, recipe, 2), painted) < 1e-4);
  const path = tinyImages("edm", "sampling.sampler=euler-maruyama", "sampling.steps=30");
  for (const [i, value] of (await drawn({ image, mask }, path)).entries())
    if (mask[i % 64] === 0) assert.ok(Math.abs(value - given[i]) < 0.2);
  await assert.rejects(drawn({ image: () => new Float64Array(3) }), ConfigError);
  await assert.rejects(drawn({ image, sigma: 0.001 }), /no level of the grid is at or below 0.001/);
  await assert.rejects(drawn({ image, sigma: 2 }, path), /has no levels to begin at/);
});

test("zero terminal SNR draws from infinite noise; a line in the timestep needs timesteps", async () => {
  const table = 'objective.schedule.table={"type":"linear","steps":1000,"zeroTerminalSnr":true}';
  const prediction = 'objective.prediction={"type":"v","path":"vp","label":{"type":"index"}}';
  const line = 'sampling.epsilonScale={"slope":0.00001,"offset":1}';
  const recipe = tinyImages("ddpm", table, prediction, "sampling.sampler=ddim", "sampling.steps=6");
  assert.ok((await samples(recipe, { count: 2, seed: 0 })).every(Number.isFinite));
  const scaled = tinyImages("ddpm", line, "sampling.steps=6");
  const plain = tinyImages("ddpm", "sampling.steps=6");
  const [a, b] = [await samples(scaled, { count: 1, seed: 0 }), await samples(plain, { count: 1, seed: 0 })];
  assert.ok(furthest(a, b) > 1e-6);
  await assert.rejects(samples(tinyImages("edm", line), { count: 1, seed: 0 }), /needs an objective with a discrete/);
});

test("noise levels: descending to 0, as many as steps, for every preset", () => {
  for (const recipe of [preset("edm"), preset("ddpm"), preset("ddpm-cosine"), tinyPoints()]) {
    const sigmas = sigmasOf(recipe, { ...recipe.sampling, steps: 7 });
    assert.equal(sigmas.length, 8);
    assert.equal(sigmas.at(-1), 0);
    assert.ok(sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1]));
  }
});

test("a grid of timesteps needs a discrete schedule", () => {
  const recipe = tinyImages("edm", 'sampling.grid={"type":"timesteps","spacing":"leading"}');
  assert.throws(() => sigmasOf(recipe, recipe.sampling), /"timesteps" needs an objective with a discrete schedule/);
});

test("sampling goes on with variances that the network has learned, and starts from pure noise", async () => {
  const drawing = (...assignments: readonly string[]) =>
    samples(tinyImages("iddpm", "sampling.steps=3", ...assignments), { count: 2, seed: 3 });
  const [learned, fixed] = [await drawing(), await drawing('sampling.options={"variance":"fixed-large"}')];
  assert.ok(furthest(learned, fixed) > 1e-3);
  const pure = await drawing(
    "objective.schedule.table.zeroTerminalSnr=true",
    "objective.prediction.type=v",
    "sampling.grid.spacing=trailing",
  );
  assert.ok(pure.every(Number.isFinite));
  await assert.rejects(
    samples(tinyImages("ddpm-cosine", "sampling.sampler=ancestral", 'sampling.options={"variance":"learned"}'), {
      count: 1,
      seed: 1,
    }),
    (error) => error instanceof ConfigError && /has learned none/.test(error.message),
  );
});
