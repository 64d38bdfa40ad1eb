import assert from "node:assert/strict";
import { test } from "node:test";
import {
  datasetFromArray,
  elements,
  example,
  grayToColor,
  imagesFromBytes,
  pad,
  subset,
} from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const tiny = imagesFromBytes({
  name: "tiny",
  pixels: Uint8Array.from({ length: 3 * 2 * 2 * 3 }, (_, i) => i * 7),
  shape: [2, 2, 3],
  labels: [1, 0, 1],
  classes: ["cat", "dog"],
});

test("images are read as b/127.5 − 1, at the offset asked for", () => {
  assert.equal(tiny.size, 3);
  const out = new Float32Array(20).fill(9);
  tiny.read(1, out, 4);
  assert.deepEqual(Array.from(out), [
    9,
    9,
    9,
    9,
    ...Array.from({ length: 12 }, (_, i) => Math.fround(((12 + i) * 7) / 127.5 - 1)),
    9,
    9,
    9,
    9,
  ]);
  assert.deepEqual(
    [0, 1, 2].map((i) => tiny.label?.(i)),
    [1, 0, 1],
  );
});

test("numbers are read as they are", () => {
  const set = datasetFromArray({ name: "p", values: Float64Array.of(1, 2, 3, 4, 5, 6), shape: [2], labels: [0, 2, 1] });
  assert.deepEqual(example(set, 2), Float32Array.of(5, 6));
  assert.deepEqual(set.classes, ["0", "1", "2"]);
  assert.equal(datasetFromArray({ name: "p", values: Float32Array.of(1), shape: [1] }).label, undefined);
});

test("a subset has its examples' pixels and labels", () => {
  const some = subset(tiny, [2, 1, 1]);
  assert.equal(some.size, 3);
  assert.deepEqual(some.classes, tiny.classes);
  for (const [i, j] of [2, 1, 1].entries()) {
    assert.deepEqual(example(some, i), example(tiny, j));
    assert.equal(some.label?.(i), tiny.label?.(j));
  }
  assert.throws(() => subset(tiny, []), ConfigError);
  assert.throws(() => subset(tiny, [3]), RangeError);
});

test("padding frames the image in −1 and keeps its pixels and labels", () => {
  const framed = pad(tiny, 5, 4);
  assert.deepEqual(framed.shape, [2, 5, 4]);
  assert.equal(framed.label?.(0), 1);
  const [small, large] = [example(tiny, 2), example(framed, 2)];
  for (let c = 0; c < 2; c++)
    for (let y = 0; y < 5; y++)
      for (let x = 0; x < 4; x++) {
        const inside = y >= 1 && y < 3 && x < 3;
        assert.equal(large[(c * 5 + y) * 4 + x], inside ? small[(c * 2 + y - 1) * 3 + x] : -1);
      }
  assert.equal(pad(tiny, 2, 3), tiny);
  assert.throws(() => pad(tiny, 1, 3), ConfigError);
  assert.throws(
    () => pad(datasetFromArray({ name: "p", values: Float32Array.of(1, 2), shape: [2] }), 4, 4),
    ConfigError,
  );
});

test("grey becomes three equal channels", () => {
  const gray = imagesFromBytes({ name: "g", pixels: Uint8Array.of(0, 255, 9, 8), shape: [1, 1, 2] });
  const color = grayToColor(gray);
  assert.deepEqual(color.shape, [3, 1, 2]);
  const [a, b] = example(gray, 1);
  assert.deepEqual(Array.from(example(color, 1)), [a, b, a, b, a, b]);
  assert.equal(elements(color.shape), 6);
  assert.throws(() => grayToColor(tiny), ConfigError);
});

test("what does not fit together is refused", () => {
  const bytes = new Uint8Array(12);
  const bad: (() => unknown)[] = [
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 5, 1] }),
    () => imagesFromBytes({ name: "x", pixels: new Uint8Array(0), shape: [1, 2, 2] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [0, 2, 2] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 2, 2.5] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 2, 2], labels: [0] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 2, 2], labels: [0, 1, 2], classes: ["a", "b"] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 2, 2], labels: [0, -1, 0] }),
    () => imagesFromBytes({ name: "x", pixels: bytes, shape: [1, 2, 2], classes: ["a"] }),
  ];
  for (const make of bad) assert.throws(make, ConfigError);
  for (const index of [-1, 3, 0.5, Number.NaN]) {
    assert.throws(() => example(tiny, index), RangeError);
    assert.throws(() => tiny.label?.(index), RangeError);
  }
});
