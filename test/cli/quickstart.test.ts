import assert from "node:assert/strict";
import { test } from "node:test";
import { imagesWithin } from "../../src/cli/quickstart.ts";
import { lasting, preset } from "../../src/recipe/index.ts";

const recipe = preset("first-picture");
const { batch } = recipe.training;

test("as many images as fit beside drawing the sheets, a round number", () => {
  const images = imagesWithin(300, recipe, { secondsPerStep: batch / 200, readySeconds: 2 });
  assert.ok(images > 0.8 * 300 * 200 && images < 300 * 200, String(images));
  assert.equal(images % 1000, 0);
});

test("a faster machine and a longer time see more, within limits", () => {
  const at = (seconds: number, imagesPerSecond: number) =>
    imagesWithin(seconds, recipe, { secondsPerStep: batch / imagesPerSecond, readySeconds: 2 });
  assert.ok(at(300, 300) > at(300, 100));
  assert.ok(at(600, 100) > at(300, 100));
  assert.equal(at(300, 1e6), at(300, 1e7));
  assert.equal(at(1, 1), at(2, 1));
});

test("the preset's learning rate falls over the last part of training, however long that is", () => {
  const { decay } = lasting(recipe, 123_000).training.learningRate;
  assert.ok(decay?.type === "linear" || decay?.type === "cosine");
  assert.equal(decay.to, 123_000);
});
