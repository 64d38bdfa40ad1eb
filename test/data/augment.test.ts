import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AugmentSpec, augmentOperations, augmentPipe, edmMultipliers } from "../../src/data/index.ts";
import { type Affine, compose, resampler } from "../../src/data/resample.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";

const shape = [2, 14, 18];
const [, height, width] = shape;
const size = 2 * height * width;

/** A bump in one plane, wide enough for bilinear interpolation and away from the edges. */
function bump(centreX: number, centreY: number, side = 24): Float64Array {
  return Float64Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) - (side - 1) / 2 - centreX, Math.floor(i / side) - (side - 1) / 2 - centreY];
    return Math.exp(-(x * x + 2 * y * y) / 14);
  });
}
const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

function augmented(spec: AugmentSpec, index: number, image = normals(1, "image", 0, size)) {
  const pipe = augmentPipe(spec, shape);
  const [out, label] = [image.slice(), new Float64Array(pipe.labelSize)];
  pipe.apply(out, stream(5, "augment", index), label);
  return { out, label };
}

test("an image follows from its own stream, whatever the pipe did before", () => {
  const pipe = augmentPipe({ probability: 0.8 }, shape);
  const image = normals(1, "image", 0, size);
  for (const index of [4, 0, 3, 4]) {
    const [out, label] = [image.slice(), new Float64Array(pipe.labelSize)];
    pipe.apply(out, stream(5, "augment", index), label);
    assert.deepEqual({ out, label }, augmented({ probability: 0.8 }, index));
  }
});

test("where no gate opens, the image stays and the label is zero", () => {
  const image = normals(1, "image", 0, size);
  for (let index = 0; index < 20; index++) {
    const { out, label } = augmented({ probability: 0, multipliers: edmMultipliers }, index, image);
    assert.deepEqual(out, image);
    assert.deepEqual(label, new Float64Array(9));
  }
});

test("flips are exact, are undone by themselves, and are told", () => {
  const image = normals(1, "image", 0, size);
  for (const [multipliers, from] of [
    [{ xflip: 1 }, (y: number, x: number) => y * width + (width - 1 - x)],
    [{ yflip: 1 }, (y: number, x: number) => (height - 1 - y) * width + x],
  ] as const) {
    let flips = 0;
    for (let index = 0; index < 100; index++) {
      const { out, label } = augmented({ probability: 1, multipliers }, index, image);
      const expected = image.map((_, i) => {
        const plane = Math.floor(i / (height * width)) * height * width;
        const [y, x] = [Math.floor((i - plane) / width), i % width];
        return label[0] === 1 ? image[plane + from(y, x)] : image[i];
      });
      assert.deepEqual(out, expected);
      flips += label[0];
    }
    assert.ok(flips > 30 && flips < 70, `${flips} of 100`);
  }
  const both = augmented({ probability: 1, multipliers: { xflip: 1, yflip: 1 } }, 0, image);
  assert.equal(both.label.length, 2);
});

test("gates open as often as they should, one by one", () => {
  const pipe = augmentPipe({ probability: 0.25 }, [1, 2, 2]);
  const open = new Float64Array(9);
  const trials = 4000;
  for (let index = 0; index < trials; index++) {
    const label = new Float64Array(9);
    pipe.apply(new Float64Array(4), stream(2, "augment", index), label);
    for (let i = 0; i < 9; i++) open[i] += Number(label[i] !== 0) / trials;
  }
  // Five standard deviations; xflip is half always, yflip half of a quarter, aniso's sine zero without rotation.
  for (const [i, expected] of [0.5, 0.125, 0.25, 0.25, 0.25, 0.25, 0.125, 0.25, 0.25].entries())
    assert.ok(Math.abs(open[i] - expected) < 0.04, `label ${i}: ${open[i]}, expected ${expected}`);
});

test("a label holds the draws themselves: rotations a point of the circle, translations in eighths of the size", () => {
  const { label } = augmented({ probability: 1, multipliers: { rotate: 1 } }, 3);
  assert.ok(Math.abs((label[0] + 1) ** 2 + label[1] ** 2 - 1) < 1e-12);
  assert.deepEqual(
    augmentOperations.map((name) => augmentPipe({ probability: 1, multipliers: { [name]: 1 } }, shape).labelSize),
    [1, 1, 1, 2, 2, 2],
  );
});

test("nothing moved is nothing changed, white noise and odd sizes included", () => {
  for (const [channels, h, w] of [
    [1, 4, 4],
    [3, 9, 16],
    [2, 32, 5],
  ]) {
    const image = normals(3, "white", 0, channels * h * w);
    const out = image.slice();
    resampler(channels, h, w)(out, [1, 0, 0, 0, 1, 0]);
    assert.ok(farthest(out, image) < 1e-10);
  }
});

test("smooth images move, turn and grow as a function of the plane would", () => {
  const resample = resampler(1, 24, 24);
  const at = (inverse: Affine) => {
    const out = bump(0, 0);
    resample(out, inverse);
    return out;
  };
  assert.ok(farthest(at([1, 0, -2, 0, 1, 3]), bump(2, -3)) < 0.01, "whole pixels");
  assert.ok(farthest(at([1, 0, -0.5, 0, 1, 0.25]), bump(0.5, -0.25)) < 0.01, "parts of pixels");
  const turned = bump(0, 0).map((_, i, all) => all[(23 - (i % 24)) * 24 + Math.floor(i / 24)]);
  assert.ok(farthest(at([0, 1, 0, -1, 0, 0]), turned) < 0.03, "a quarter turn");
  const grown = at([1 / 1.5, 0, 0, 0, 1 / 1.5, 0]).reduce((a, b) => a + b, 0) / bump(0, 0).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(grown / 1.5 ** 2 - 1) < 0.02, `area times ${grown}`);
});

test("a grey image stays grey: edges are mirrored, not filled", () => {
  fc.assert(
    fc.property(fc.double({ min: -0.5, max: 0.5, noNaN: true }), fc.integer({ min: -4, max: 4 }), (angle, shift) => {
      const image = new Float64Array(16 * 16).fill(0.7);
      const turn: Affine = [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0];
      resampler(1, 16, 16)(image, compose(turn, [1, 0, shift, 0, 1, -shift]));
      for (const value of image) assert.ok(Math.abs(value - 0.7) < 1e-3);
    }),
    { numRuns: 20 },
  );
});

test("what no pipe can be made of is a ConfigError", () => {
  const make =
    (spec: unknown, of: readonly number[] = shape) =>
    () =>
      augmentPipe(spec as AugmentSpec, of);
  assert.throws(make({ probability: 0.1 }, [2]), ConfigError);
  for (const probability of [-0.1, 1.1, Number.NaN, "0.5", undefined])
    assert.throws(make({ probability }), ConfigError, String(probability));
  assert.throws(make({ probability: 0.1, multipliers: { skew: 1 } }), /skew/);
  assert.throws(make({ probability: 0.1, multipliers: { scale: -1 } }), ConfigError);
});
