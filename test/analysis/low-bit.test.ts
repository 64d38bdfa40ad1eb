import assert from "node:assert/strict";
import { test } from "node:test";
import { bitArea, bitInformation } from "../../src/analysis/index.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} (expected ${expected} ± ${tolerance})`);

test("information grows from 0 to all bits, at the rate that the derivative says", () => {
  for (const bits of [1, 2, 3, 5]) {
    near(bitInformation(bits, -25).bits, 0, 1e-8);
    near(bitInformation(bits, 30).bits, bits, 1e-12);
    for (const lambda of [-4, 0, 1.5, 4, 7]) {
      const h = 1e-3;
      const rate = (bitInformation(bits, lambda + h).nats - bitInformation(bits, lambda - h).nats) / (2 * h);
      near(bitInformation(bits, lambda).derivative, rate, 1e-7);
    }
  }
});

test("one bit is the information of a binary Gaussian channel", () => {
  // ln 2 − E ln(1 + e^(−2(s² + s ε))), s = 1/σ, by a fine sum.
  const lambda = 0.8;
  const s = Math.exp(lambda / 2);
  let nats = Math.LN2;
  for (let e = -9; e <= 9; e += 0.001)
    nats -= (0.001 * Math.exp((-e * e) / 2) * Math.log1p(Math.exp(-2 * (s * s + s * e)))) / Math.sqrt(2 * Math.PI);
  near(bitInformation(1, lambda).nats, nats, 1e-9);
});

test("each further bit is worth ln 2", () => {
  for (const bits of [1, 2, 4]) near(bitArea(bits), Math.LN2, 1e-5);
  assert.throws(() => bitInformation(0, 1), /bits: 0/);
  assert.throws(() => bitInformation(2.5, 1), /bits: 2.5/);
});
