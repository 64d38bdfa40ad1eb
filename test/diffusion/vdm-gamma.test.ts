import assert from "node:assert/strict";
import { test } from "node:test";
import { gammaSchedule, linearGamma, monotoneGamma, noiseSchedule, normalizeGamma } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const weights = {
  l1: { weight: -4, bias: -9 },
  l2: { weight: [1.5, -3, 0.2], bias: [0.3, -0.8, 2] },
  l3: { weight: [-2, 5, 1] },
};

test("monotone networks rise, whatever the signs of their weights, and know their slope", () => {
  for (const variant of ["centered", "composed"] as const) {
    const { gamma, slope } = monotoneGamma(variant, weights);
    for (const t of [0, 0.2, 0.5, 0.9, 1]) {
      assert.ok(slope(t) > 0);
      assert.ok(Math.abs((gamma(t + 1e-6) - gamma(t - 1e-6)) / 2e-6 - slope(t)) < 1e-6, variant);
    }
    const scaled = normalizeGamma({ gamma, slope }, -13.3, 5);
    assert.ok(Math.abs(scaled.gamma(0) + 13.3) < 1e-12 && Math.abs(scaled.gamma(1) - 5) < 1e-12);
  }
});

test("γ is a noise schedule", () => {
  const [line, closed] = [gammaSchedule(linearGamma(-13.3, 5)), noiseSchedule({ type: "vdm" })];
  for (const logSnr of [-4, 0, 9]) {
    assert.ok(Math.abs(line.time(logSnr) - closed.time(logSnr)) < 1e-13);
    assert.ok(Math.abs(line.density(logSnr) - closed.density(logSnr)) < 1e-13);
  }
  const learned = gammaSchedule(normalizeGamma(monotoneGamma("composed", weights), -8, 8));
  for (const t of [0.1, 0.4, 0.9]) assert.ok(Math.abs(learned.time(learned.logSnr(t)) - t) < 1e-12);
  assert.throws(() => linearGamma(5, 5), ConfigError);
});
