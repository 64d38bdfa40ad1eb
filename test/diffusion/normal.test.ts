import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { normalCdf, normalPdf, normalQuantile } from "../../src/diffusion/normal.ts";

test("the cumulative distribution keeps its relative accuracy in the tails", () => {
  const exact: readonly (readonly [z: number, p: number])[] = [
    [-23.2, 2.27660636706453e-119],
    [-10, 7.61985302416053e-24],
    [-3, 0.00134989803163009],
    [-2.8284271, 0.00233886767134115],
    [-2.82842713, 0.00233886745213466],
    [-0.5, 0.308537538725987],
    [0, 0.5],
    [1, 0.841344746068543],
    [6, 0.999999999013412],
  ];
  for (const [z, p] of exact) assert.ok(Math.abs(normalCdf(z) / p - 1) < 1e-12, `Φ(${z}) = ${normalCdf(z)}`);
});

test("the quantile inverts the cumulative distribution", () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1 - 1e-16, noNaN: true }), (p) => {
      assert.ok(Math.abs(normalCdf(normalQuantile(p)) / p - 1) < 1e-11);
    }),
  );
  assert.deepEqual([0, 0.5, 1].map(normalQuantile), [-Infinity, 0, Infinity]);
  assert.ok(Number.isNaN(normalQuantile(1.5)));
});

test("the density is the derivative of the cumulative distribution", () => {
  for (const z of [-4, -1.7, 0, 0.3, 2.5]) {
    const h = 1e-4;
    const slope = (normalCdf(z + h) - normalCdf(z - h)) / (2 * h);
    assert.ok(Math.abs(normalPdf(z) - slope) < 1e-8);
    assert.ok(Math.abs(normalPdf(3 + 2 * z, 3, 2) - normalPdf(z) / 2) < 1e-15);
  }
});
