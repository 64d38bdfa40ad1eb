import assert from "node:assert/strict";
import { test } from "node:test";
import { density, heights, inside, ln, tail, widths } from "../../src/random/ziggurat.ts";

test("density and logarithm agree with Math's", () => {
  for (let x = -8; x <= 8; x += 0.0173) {
    const expected = Math.exp((-x * x) / 2);
    assert.ok(Math.abs(density(x) - expected) <= 1e-13 * expected, `density(${x})`);
  }
  for (const x of [2 ** -53, 1e-9, 0.1, 0.5, Math.SQRT1_2, 0.99, 1, 1.4, 7.3, 1e12])
    assert.ok(Math.abs(ln(x) - Math.log(x)) <= 2e-15 * Math.max(1, Math.abs(Math.log(x))), `ln(${x})`);
});

test("all layers have the same area, and the topmost ends at the density's peak", () => {
  const area = widths[0] * density(tail);
  for (let i = 1; i < 256; i++) assert.ok(Math.abs(widths[i] * (heights[i + 1] - heights[i]) - area) < 1e-12);
  assert.equal(widths[1], tail);
  assert.ok(widths.subarray(1, 256).every((width, i, all) => i === 0 || width < all[i - 1]));
});

test("the negative half mirrors the positive one", () => {
  for (let i = 0; i < 256; i++) {
    assert.equal(widths[256 + i], -widths[i]);
    assert.equal(inside[256 + i], inside[i]);
    assert.ok(inside[i] >= 0 && inside[i] < 1);
  }
});
