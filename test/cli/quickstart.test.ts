import assert from "node:assert/strict";
import { test } from "node:test";
import { ending, students } from "../../src/cli/quickstart.ts";
import { lasting, preset } from "../../src/recipe/index.ts";

const recipe = preset("first-picture");
const { batch } = recipe.training;

test("the rest of training fits the time left, beside drawing the sheets", () => {
  const { training } = ending(recipe, { images: 30_000, imagesPerSecond: 200, seconds: 135 });
  const more = training.images - 30_000;
  assert.ok(more > 0.7 * 135 * 200 && more < 135 * 200, String(more));
  assert.equal(more % batch, 0);
  assert.deepEqual(training.learningRate.decay, { type: "linear", over: "images", from: 30_000, to: training.images });
});

test("a faster machine and a longer time see more; no time at all still brings the rate down", () => {
  const at = (seconds: number, imagesPerSecond: number) =>
    ending(recipe, { images: 0, imagesPerSecond, seconds }).training.images;
  assert.ok(at(100, 300) > at(100, 100));
  assert.ok(at(200, 100) > at(100, 100));
  assert.equal(at(0, 100), 50 * batch);
});

test("the preset's learning rate falls over the last part of training, however long that is", () => {
  const { decay } = lasting(recipe, 123_000).training.learningRate;
  assert.ok(decay?.type === "linear" || decay?.type === "cosine");
  assert.equal(decay.to, 123_000);
});

test("every way to fewer steps leads there from 64, each student of a whole number of its teacher's steps", () => {
  for (const [asked, to] of Object.entries(students)) {
    assert.equal(to.at(-1), Number(asked));
    for (const [i, steps] of to.entries()) {
      const before: number = i === 0 ? 64 : to[i - 1];
      assert.ok(steps < before && before % steps === 0, `${before} → ${steps}`);
    }
  }
});
