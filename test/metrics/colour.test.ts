import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { colourDistance, featuresOf, meanColour } from "../../src/metrics/index.ts";
import { near, normalFeatures } from "./draws.ts";

test("mean colour by hand, with the standard error over images", () => {
  // Two channels of two pixels.
  const { mean, standardError } = meanColour(
    featuresOf([
      [1, 3, 10, 10],
      [5, 7, 10, 10],
    ]),
    2,
  );
  assert.deepEqual([...mean], [4, 10]);
  // Image means 2 and 6: sample variance 8, over 2 images.
  near(standardError[0], 2, 1e-15);
  assert.equal(standardError[1], 0);
});

test("a tint shows in its channel by its size", () => {
  const images = normalFeatures(1, 30, 3 * 16);
  const tinted = { ...images, data: images.data.map((v, at) => v + (at % 48 < 16 ? 0.25 : 0)) };
  const { distance, difference, standardError } = colourDistance(images, tinted, 3);
  near(distance, 0.25, 1e-12);
  near(difference[0], 0.25, 1e-12);
  near(difference[1], 0, 1e-12);
  assert.ok(standardError.every((value) => value > 0.02 && value < 0.12));
});

test("channels must divide the image", () => {
  assert.throws(() => meanColour(normalFeatures(1, 2, 10), 3), ConfigError);
  assert.throws(() => meanColour(normalFeatures(1, 2, 10), 0), ConfigError);
});
