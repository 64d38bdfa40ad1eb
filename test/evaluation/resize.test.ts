import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { type Resize, resizeNames, resizer } from "../../src/evaluation/index.ts";

/** One row of numbers, resized to `to`. */
function row(kind: Resize, values: readonly number[], to: number): number[] {
  const out = new Float32Array(to);
  resizer(kind, [1, values.length], [1, to])(Float32Array.from(values), out, 0);
  return [...out];
}

const near = (actual: readonly number[], expected: readonly number[], tolerance = 1e-6) =>
  assert.ok(
    actual.length === expected.length && actual.every((value, i) => Math.abs(value - expected[i]) <= tolerance),
    `${actual} (${expected} expected)`,
  );

describe("0 1 2 3 in each way", () => {
  // What TensorFlow 1, PyTorch and Pillow make of it.
  const cases: { readonly [K in Resize]: readonly (readonly number[])[] } = {
    "tf1-bilinear": [
      [0, 0.5, 1, 1.5, 2, 2.5, 3, 3],
      [0, 2],
    ],
    bilinear: [
      [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3],
      [0.5, 2.5],
    ],
    "bilinear-antialias": [
      [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3],
      [5 / 7, 16 / 7],
    ],
    "bicubic-antialias": [
      [
        -0.0703125 / 0.796875,
        0.1796875 / 1.0703125,
        0.7265625 / 1.0234375,
        1.25,
        1.75,
        3 - 0.7265625 / 1.0234375,
        3 - 0.1796875 / 1.0703125,
        3 + 0.0703125 / 0.796875,
      ],
      [1.109375 / 1.890625, 3 - 1.109375 / 1.890625],
    ],
  };
  for (const kind of resizeNames)
    test(kind, () => {
      near(row(kind, [0, 1, 2, 3], 8), cases[kind][0]);
      near(row(kind, [0, 1, 2, 3], 2), cases[kind][1]);
    });
});

test("smoothing filters keep the mean of what they shrink by a whole factor, others do not", () => {
  const stripes = Array.from({ length: 64 }, (_, i) => (i % 4 === 0 ? 255 : 0));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  assert.ok(Math.abs(mean(row("bicubic-antialias", stripes, 16)) - 63.75) < 2);
  assert.ok(Math.abs(mean(row("bilinear-antialias", stripes, 16)) - 63.75) < 2);
  assert.equal(mean(row("tf1-bilinear", stripes, 16)), 255);
});

test("constants stay constant, and rows and columns are treated alike", () => {
  const sides = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(fc.constantFrom(...resizeNames), sides, sides, sides, sides, (kind, h, w, toH, toW) => {
      const flat = new Float32Array(2 * toH * toW);
      resizer(kind, [h, w], [toH, toW])(new Float32Array(2 * h * w).fill(7), flat, 0);
      assert.ok(flat.every((value) => Math.abs(value - 7) < 1e-4));

      const image = Float32Array.from({ length: h * w }, (_, i) => (i * 37) % 101);
      const turned = Float32Array.from({ length: h * w }, (_, i) => image[(i % h) * w + Math.floor(i / h)]);
      const [a, b] = [new Float32Array(toH * toW), new Float32Array(toH * toW)];
      resizer(kind, [h, w], [toH, toW])(image, a, 0);
      resizer(kind, [w, h], [toW, toH])(turned, b, 0);
      for (let y = 0; y < toH; y++)
        for (let x = 0; x < toW; x++) assert.ok(Math.abs(a[y * toW + x] - b[x * toH + y]) < 1e-3);
    }),
  );
});

test("an unknown kind is refused", () => {
  assert.throws(() => resizer("lanczos" as Resize, [2, 2], [3, 3]), ConfigError);
});
