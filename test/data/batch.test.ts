import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  augmentPipe,
  batches,
  datasetFromArray,
  example,
  imagesFromBytes,
  order,
  sequential,
  withMirrorImages,
} from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { stream } from "../../src/random/index.ts";

const images = imagesFromBytes({
  name: "ramp",
  pixels: Uint8Array.from({ length: 10 * 12 }, (_, i) => i),
  shape: [2, 2, 3],
  labels: Array.from({ length: 10 }, (_, i) => i % 3),
});

test("every epoch visits every example once, in an order of its own", () => {
  const at = order(4, 100);
  const epochs = [0, 1, 2].map((epoch) => Array.from({ length: 100 }, (_, i) => at(epoch * 100 + i)));
  for (const epoch of epochs) assert.equal(new Set(epoch).size, 100);
  assert.notDeepEqual(epochs[0], epochs[1]);
  assert.notDeepEqual(epochs[1], epochs[2]);
  const other = order(5, 100);
  assert.notDeepEqual(
    Array.from({ length: 100 }, (_, i) => other(i)),
    epochs[0],
  );
});

test("the order is a function of position, however positions are asked for", () => {
  const straight = order(1, 7);
  const expected = Array.from({ length: 70 }, (_, i) => straight(i));
  fc.assert(
    fc.property(fc.array(fc.nat(69), { maxLength: 30 }), (positions) => {
      const at = order(1, 7);
      for (const position of positions) assert.equal(at(position), expected[position]);
    }),
    { numRuns: 50 },
  );
  assert.ok(order(1, 7)(7 * 2 ** 40 + 3) < 7);
});

test("a batch does not depend on where batches are cut, nor on what came before", () => {
  const whole = batches(images, { seed: 3, flip: true })(0, 40);
  fc.assert(
    fc.property(fc.nat(30), fc.integer({ min: 1, max: 10 }), (position, size) => {
      const { x, labels, indices } = batches(images, { seed: 3, flip: true })(position, size);
      assert.deepEqual(x, whole.x.slice(position * 12, (position + size) * 12));
      assert.deepEqual(labels, whole.labels?.slice(position, position + size));
      assert.deepEqual(indices, whole.indices.slice(position, position + size));
    }),
    { numRuns: 50 },
  );
});

test("x, labels and indices belong together; a flip mirrors every row of every channel", () => {
  const { x, labels, indices } = batches(images, { seed: 8, flip: true })(100, 400);
  let flipped = 0;
  for (const [i, index] of indices.entries()) {
    assert.equal(labels?.[i], index % 3);
    const original = example(images, index);
    const mirrored = original.map((_, k) => original[Math.floor(k / 3) * 3 + 2 - (k % 3)]);
    const given = x.slice(i * 12, (i + 1) * 12);
    if (given[0] === original[0]) assert.deepEqual(given, original);
    else {
      flipped++;
      assert.deepEqual(given, mirrored);
    }
  }
  assert.ok(flipped > 160 && flipped < 240, `${flipped} of 400`);
});

test("without flip, and in sequence, the examples come as they are", () => {
  const { x } = batches(images, { seed: 8, order: sequential(10) })(8, 4);
  for (const [i, index] of [8, 9, 0, 1].entries())
    assert.deepEqual(x.slice(i * 12, (i + 1) * 12), example(images, index));
});

test("points have batches without labels, and cannot be flipped", () => {
  const plain = datasetFromArray({ name: "p", values: new Float32Array(8), shape: [2] });
  assert.equal("labels" in batches(plain, { seed: 0 })(0, 2), false);
  assert.throws(() => batches(plain, { seed: 0, flip: true }), ConfigError);
  assert.throws(() => batches(plain, { seed: -1 }), ConfigError);
});

test("augmented examples and their labels follow from the position, and are what the pipe makes of the flipped image", () => {
  const augment = { probability: 0.7 };
  const plain = batches(images, { seed: 2, flip: true });
  const augmented = batches(images, { seed: 2, flip: true, augment });
  const whole = augmented(5, 20);
  const pieces = [augmented(5, 8), augmented(13, 1), augmented(14, 11)];
  assert.deepEqual(
    [...whole.x],
    pieces.flatMap(({ x }) => [...x]),
  );
  assert.deepEqual(
    [...(whole.augment ?? [])],
    pieces.flatMap(({ augment: told }) => [...(told ?? [])]),
  );
  assert.equal(whole.augment?.length, 20 * 9);

  const pipe = augmentPipe(augment, images.shape);
  const one = plain(9, 1);
  const label = new Float32Array(9);
  pipe.apply(one.x, stream(2, "augment", 9), label);
  assert.deepEqual([...one.x], [...whole.x.subarray(4 * 12, 5 * 12)]);
  assert.deepEqual([...label], [...(whole.augment ?? []).slice(4 * 9, 5 * 9)]);
});

test("a batch says which examples are mirrored: they are those of the set with mirror images", () => {
  const { x, indices, flipped, labels } = batches(images, { seed: 4, flip: true })(0, 30);
  const both = withMirrorImages(images);
  assert.equal(both.size, 20);
  for (let i = 0; i < 30; i++) {
    const index = indices[i] + (flipped?.[i] ? images.size : 0);
    assert.deepEqual([...example(both, index)], [...x.subarray(i * 12, (i + 1) * 12)]);
    assert.equal(both.label?.(index), labels?.[i]);
  }
  assert.equal(batches(images, { seed: 4 })(0, 3).flipped, undefined);
  const points = datasetFromArray({ name: "points", values: new Float32Array(4), shape: [2] });
  assert.throws(() => withMirrorImages(points), ConfigError);
});
