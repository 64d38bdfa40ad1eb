import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { defineRecipe, draw, trainerOf } from "../../src/recipe/index.ts";
import { compileDenoiser, createTrainer } from "../../src/training/index.ts";
import { factsOf, images, moons, recipeOf, tinyImages, tinyPoints } from "./tiny.ts";

const facts = factsOf(images);
const networks = {
  "song-unet": [],
  "adm-unet": [
    'model.network={"type":"adm-unet","modelChannels":8,"channelMult":[1,2],"numResBlocks":1,"attentionDownsampleFactors":[],"groups":4}',
  ],
  "dhariwal-unet": [
    'model.network={"type":"dhariwal-unet","modelChannels":8,"channelMult":[1,2],"numBlocks":1,"attentionResolutions":[]}',
  ],
} as const;

for (const [name, fields] of Object.entries(networks))
  test(`${name} learns what augmentation does, and samples are told of none`, async () => {
    const recipe =
      name === "song-unet"
        ? tinyImages("edm", 'data.augment={"probability":0.9}')
        : recipeOf("edm", "data.sigmaData=0.5", "training.batch=4", 'data.augment={"probability":0.9}', ...fields);
    const spec = trainerOf(recipe, facts);
    const trainer = await createTrainer(spec, images);
    for (let i = 0; i < 6; i++) await trainer.advance(); // gradients pass the layers that begin at zero one by one
    const told = Object.entries((await trainer.checkpoint()).tensors).find(([path]) =>
      /^params\/.*map_augment/.test(path),
    );
    assert.ok(told, "the network has a layer for augmentation labels");
    assert.ok(told[1].data.some((value) => value !== 0));

    // Without those labels, what the layer holds says nothing.
    const params = await trainer.read("params");
    const options = { precondition: spec.objective.precondition, batch: 2 };
    const denoiser = await compileDenoiser(spec.model, params, options);
    const x = new Float64Array(2 * 64).fill(0.1);
    const found = await denoiser.denoise([0, 1])(x, 1);
    const layer = (await trainer.checkpoint()).tensors[told[0]].data;
    const without = params.slice();
    const at = (layer.byteOffset - params.byteOffset) / 4;
    without.fill(7, at, at + layer.length);
    const other = await compileDenoiser(spec.model, without, options);
    assert.deepEqual(await other.denoise([0, 1])(x, 1), found);
    for (const each of [denoiser, other, trainer]) await each.close();
  });

test("a recipe with augmentation can be drawn from", async () => {
  const recipe = tinyImages("edm", 'data.augment={"probability":0.12}', "sampling.steps=2");
  const trainer = await createTrainer(trainerOf(recipe, facts), images);
  const drawing = draw(recipe, facts, await trainer.read("ema"), { count: 2, seed: 0 });
  let next = await drawing.next();
  while (!next.done) next = await drawing.next();
  assert.ok(next.value.length === 2 * 64 && next.value.every(Number.isFinite));
  await trainer.close();
});

test("points cannot be augmented, and unknown operations have no probability", () => {
  assert.throws(() => trainerOf(tinyPoints('data.augment={"probability":0.1}'), factsOf(moons)), ConfigError);
  for (const augment of ['{"probability":2}', "{}", '{"probability":0.1,"multipliers":{"shear":1}}'])
    assert.throws(() => defineRecipe(tinyImages("edm", `data.augment=${augment}`)), ConfigError, augment);
});
