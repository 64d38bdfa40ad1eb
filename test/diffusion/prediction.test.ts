import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { conversion, convert, errorFactor, predictionNames, targetOf } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const number = fc.double({ min: -3, max: 3, noNaN: true });
const level = fc.record({
  alpha: fc.double({ min: 0.01, max: 1, noNaN: true }),
  sigma: fc.double({ min: 0.01, max: 100, noNaN: true }),
  sigmaData: fc.double({ min: 0.1, max: 2, noNaN: true }),
});

test("every prediction gives every other, exactly, on any path", () => {
  fc.assert(
    fc.property(level, number, number, (at, x, eps) => {
      const z = at.alpha * x + at.sigma * eps;
      for (const from of predictionNames)
        for (const to of predictionNames) {
          const [p, q] = [targetOf(from, at), targetOf(to, at)];
          const given = p.x * x + p.eps * eps;
          const [found] = convert(from, to, at, Float64Array.of(z), Float64Array.of(given));
          const factor = conversion(from, to, at);
          const scale = Math.abs(factor.z) * (at.alpha * 3 + at.sigma * 3) + Math.abs(factor.from * given) + 1;
          assert.ok(Math.abs(found - (q.x * x + q.eps * eps)) < 1e-13 * scale, `${from} → ${to}`);
        }
    }),
  );
});

test("targets are what their names say", () => {
  const at = { alpha: 0.6, sigma: 0.8, sigmaData: 1 };
  assert.deepEqual(targetOf("x", at), { x: 1, eps: 0 });
  assert.deepEqual(targetOf("eps", at), { x: 0, eps: 1 });
  assert.deepEqual(targetOf("v", at), { x: -0.8, eps: 0.6 });
  assert.deepEqual(targetOf("o", at), { x: 1, eps: -1 });
  assert.deepEqual(targetOf("score", at), { x: 0, eps: -1 / 0.8 });
  assert.deepEqual(targetOf("energy", at), { x: 0, eps: 1 / 0.8 });
  // For data of unit variance on a variance-preserving path, F = −v.
  const F = targetOf("F", at);
  assert.ok(Math.abs(F.x - 0.8) < 1e-15 && Math.abs(F.eps + 0.6) < 1e-15);
});

test("squared errors compare by Kingma & Gao, Eq. 122–126", () => {
  fc.assert(
    fc.property(level, ({ alpha, sigma, sigmaData }) => {
      const at = { alpha, sigma, sigmaData };
      const snr = (alpha / sigma) ** 2;
      const expected = {
        x: 1,
        eps: snr,
        score: snr / sigma ** 2,
        energy: snr / sigma ** 2,
        v: (alpha * (1 + 1 / snr)) ** 2 * snr,
        o: ((alpha + sigma) / sigma) ** 2,
        F: snr + 1 / sigmaData ** 2,
      };
      for (const to of predictionNames) assert.ok(Math.abs(errorFactor("x", to, at) / expected[to] - 1) < 1e-12, to);
    }),
  );
});

test("what z and a prediction do not determine is refused", () => {
  assert.throws(() => conversion("eps", "x", { alpha: 0, sigma: 1 }), ConfigError);
  assert.deepEqual(conversion("v", "x", { alpha: 0, sigma: 1 }), { z: 0, from: -1 });
  assert.throws(() => targetOf("epsilon" as "eps", { alpha: 1, sigma: 1 }), ConfigError);
});
