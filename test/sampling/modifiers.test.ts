import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import {
  type Denoise,
  dynamicallyThresholded,
  dynamicThreshold,
  epsilonScaled,
  finish,
  heun,
  linearScale,
  slerp,
  tempered,
} from "../../src/sampling/index.ts";
import { ideal, karras } from "./gaussian.ts";

const vector = (n: number) =>
  fc
    .array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: n, maxLength: n })
    .map((v) => Float64Array.from(v));
const norm = (v: Float64Array) => Math.hypot(...v);

test("epsilon scaling divides ε = (x − D)/σ, by a number or by a function of the level", async () => {
  const x = Float64Array.of(3, -4);
  const eps = async (denoise: Denoise, sigma: number) => (await denoise(x, sigma)).map((d, i) => (x[i] - d) / sigma);
  const plain = await eps(ideal, 2);
  for (const scale of [1.05, linearScale({ slope: 0.02, offset: 1.01, time: (sigma) => sigma })]) {
    const scaled = await eps(epsilonScaled(ideal, scale), 2);
    for (const [i, e] of plain.entries()) assert.ok(Math.abs(scaled[i] - e / 1.05) < 1e-12);
  }
  assert.deepEqual(await epsilonScaled(ideal, 1)(x, 2), await ideal(x, 2));
  for (const bad of [0, -1, Number.NaN]) await assert.rejects(async () => epsilonScaled(ideal, bad)(x, 2), ConfigError);
});

test("dynamic thresholding keeps each sample in [−1, 1], and leaves those that are already there", () => {
  fc.assert(
    fc.property(vector(12), fc.double({ min: 0, max: 1, noNaN: true }), (x, quantile) => {
      const { x: out, s } = dynamicThreshold(x, { samples: 3, quantile });
      for (let row = 0; row < 3; row++) {
        const [before, after] = [x, out].map((v) => v.slice(row * 4, row * 4 + 4));
        assert.ok(after.every((v) => Math.abs(v) <= 1));
        if (before.every((v) => Math.abs(v) <= 1)) assert.deepEqual(after, before);
        assert.ok(s[row] >= 1);
      }
    }),
  );
});

test("dynamic thresholding divides by the given quantile, interpolated", () => {
  const { s } = dynamicThreshold(Float64Array.of(-4, 1, 2, 3), { samples: 1, quantile: 0.5 });
  assert.equal(s[0], 2.5);
});

test("a thresholded denoiser still samples", async () => {
  const denoise = dynamicallyThresholded((x) => x.map((v) => 3 * v), { samples: 2 });
  const x = await finish(heun(denoise, Float64Array.of(100, -30, 7, 8), [...karras(5, 80, 0.02), 0]));
  assert.ok(x.every((v) => Math.abs(v) <= 1));
});

test("dynamic thresholding refuses what it cannot split or order", () => {
  const x = new Float64Array(6);
  for (const options of [
    { samples: 4 },
    { samples: 0 },
    { samples: 2, quantile: 1.5 },
    { samples: 2, quantile: Number.NaN },
    { samples: 2, maxValue: 0 },
  ])
    assert.throws(() => dynamicThreshold(x, options), ConfigError);
});

test("slerp runs along an arc from a to b", () => {
  // The first component is positive, so that no two samples are opposite.
  const sample = fc.tuple(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: -9, max: 9 }),
    fc.integer({ min: -9, max: 9 }),
  );
  const pair = fc.tuple(sample, sample).map((rows) => Float64Array.from(rows.flat()));
  fc.assert(
    fc.property(pair, pair, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, w) => {
      const near = (u: Float64Array, v: Float64Array) => u.every((ui, i) => Math.abs(ui - v[i]) < 1e-9);
      assert.ok(near(slerp(a, b, 0, 2), a) && near(slerp(a, b, 1, 2), b));
      assert.ok(near(slerp(b, a, 1 - w, 2), slerp(a, b, w, 2)));
    }),
  );
  const [a, b] = [Float64Array.of(3, 0), Float64Array.of(0, 3)];
  for (const w of [0, 0.2, 0.5, 1]) assert.ok(Math.abs(norm(slerp(a, b, w, 1)) - 3) < 1e-12);
});

test("slerp of parallel samples is a line, and of opposite ones refused", () => {
  const a = Float64Array.of(1, 2);
  assert.deepEqual([...slerp(a, tempered(a, 3), 0.5, 1)], [2, 4]);
  assert.throws(
    () =>
      slerp(
        a,
        a.map((v) => -v),
        0.5,
        1,
      ),
    ConfigError,
  );
  assert.throws(() => slerp(a, new Float64Array(2), 0.5, 1), ConfigError);
  assert.throws(() => slerp(a, new Float64Array(3), 0.5, 1), ConfigError);
});

test("temperature multiplies, and must be above 0", () => {
  assert.deepEqual([...tempered(Float64Array.of(1, -2), 0.5)], [0.5, -1]);
  for (const bad of [0, -1, Number.NaN]) assert.throws(() => tempered(Float64Array.of(1), bad), ConfigError);
});
