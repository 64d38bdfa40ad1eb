import assert from "node:assert/strict";
import { test } from "node:test";
import { logExpm1, roundHalfEven, sech, sigmoid, softplus } from "../../src/diffusion/index.ts";

test("halves round to the even neighbour", () => {
  assert.deepEqual([-2.5, -1.5, 0.5, 1.5, 2.5, 3.5, 2.4, 2.6, 7].map(roundHalfEven), [-2, -2, 0, 2, 2, 4, 2, 3, 7]);
});

test("sech and sigmoid stay finite and exact where cosh and exp overflow", () => {
  assert.equal(sech(1000), 0);
  assert.equal(sech(-1000), 0);
  assert.ok(Math.abs(sech(-1.3) * Math.cosh(1.3) - 1) < 1e-15);
  assert.equal(sigmoid(-1000), 0);
  assert.equal(sigmoid(1000), 1);
  assert.ok(Math.abs(sigmoid(-700) / Math.exp(-700) - 1) < 1e-12);
});

test("logExpm1 inverts softplus at both ends", () => {
  for (const x of [-600, -30, -1, 0, 0.4, 3, 40, 800]) {
    const back = logExpm1(softplus(x));
    assert.ok(Math.abs(back - x) <= 1e-13 * Math.max(1, Math.abs(x)), `${x} → ${back}`);
  }
  assert.equal(logExpm1(0), Number.NEGATIVE_INFINITY);
});
