import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type NoiseSchedule,
  type NoiseScheduleSpec,
  noiseSchedule,
  noiseScheduleNames,
  numericSchedule,
  shift,
  truncate,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { adjustedSchedules as all, scheduleExamples as examples } from "./schedule-examples.ts";

test("every schedule has an example", () => {
  assert.deepEqual(examples.map((spec) => spec.type).sort(), [...noiseScheduleNames].sort());
});

test("t(λ(t)) = t and λ(t(λ)) = λ", () => {
  for (const spec of all) {
    const schedule = noiseSchedule(spec);
    const where = JSON.stringify(spec);
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), (t) => {
        const logSnr = schedule.logSnr(t);
        assert.ok(Math.abs(schedule.time(logSnr) - t) < 1e-9, `${where}: t = ${t}`);
        assert.ok(Math.abs(schedule.cdf(logSnr) - (1 - t)) < 1e-9, `${where}: 1 − t at ${t}`);
        const again = schedule.logSnr(schedule.time(logSnr), schedule.cdf(logSnr));
        assert.ok(Math.abs(again - logSnr) < 1e-7, `${where}: ${logSnr} → ${again}`);
      }),
      { numRuns: 40 },
    );
  }
});

test("the density is −dt/dλ, integrates to 1 and is 0 outside", () => {
  for (const spec of all) {
    const schedule = noiseSchedule(spec);
    const where = JSON.stringify(spec);
    // ∫p over [λ(0.999), λ(0.001)] is 0.998, whatever the tails are.
    const [from, to] = [schedule.logSnr(0.999), schedule.logSnr(0.001)];
    const cells = 20000;
    let integral = 0;
    for (let i = 0; i < cells; i++) integral += schedule.density(from + ((i + 0.5) * (to - from)) / cells);
    assert.ok(Math.abs((integral * (to - from)) / cells - 0.998) < 1e-4, `${where}: ${integral}`);

    for (const t of [0.111, 0.321, 0.643, 0.877]) {
      const [h, at] = [1e-5, schedule.logSnr(t)];
      const slope = (schedule.time(at - h) - schedule.time(at + h)) / (2 * h);
      assert.ok(Math.abs(schedule.density(at) / slope - 1) < 1e-5, `${where}: density at ${at}`);
    }
    if (Number.isFinite(schedule.max)) assert.equal(schedule.density(schedule.max + 1e-3), 0, where);
    if (Number.isFinite(schedule.min)) assert.equal(schedule.density(schedule.min - 1e-3), 0, where);
  }
});

test("both ends are safe: no NaN for any λ or t, and exactly the limits at t = 0 and 1", () => {
  for (const spec of all) {
    const schedule = noiseSchedule(spec);
    const where = JSON.stringify(spec);
    assert.equal(schedule.logSnr(0), schedule.max, where);
    assert.equal(schedule.logSnr(1), schedule.min, where);
    for (const t of [1e-300, 1e-17, 1 - 2 ** -53]) assert.ok(!Number.isNaN(schedule.logSnr(t)), `${where}: t = ${t}`);
    for (const logSnr of [-Infinity, -1e4, -745, -40, 0, 40, 745, 1e4, Infinity]) {
      const [t, rest, p] = [schedule.time(logSnr), schedule.cdf(logSnr), schedule.density(logSnr)];
      assert.ok(t >= 0 && t <= 1 && rest >= 0 && rest <= 1 && p >= 0, `${where} at ${logSnr}: ${t}, ${rest}, ${p}`);
    }
  }
});

test("1 − t carries the digits of λ near t = 1", () => {
  // cosine: λ(1 − r) = 2 ln tan(πr/2) is −λ(r) by symmetry, far below where 1 − r rounds to 1.
  const cosine = noiseSchedule({ type: "cosine" });
  assert.equal(cosine.logSnr(1, 1e-30), -cosine.logSnr(1e-30));
  assert.ok(Math.abs(cosine.cdf(-130) / ((2 / Math.PI) * Math.exp(-65)) - 1) < 1e-12);
  const deep = truncate(noiseSchedule({ type: "flow" }), { min: -130, max: -100 });
  for (const logSnr of [-129, -120, -101]) {
    const t = deep.time(logSnr);
    assert.ok(Math.abs(deep.logSnr(t) - logSnr) < 1e-6, `${logSnr}`);
  }
});

test("a truncated schedule has the relative density of the whole one", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...examples),
      fc.double({ min: -7, max: -2, noNaN: true }),
      fc.double({ min: -1, max: 3, noNaN: true }),
      (spec, min, max) => {
        const whole = noiseSchedule(spec);
        const part = truncate(whole, { min, max });
        const ratio = (logSnr: number) => part.density(logSnr) / whole.density(logSnr);
        const kept = whole.cdf(part.max) - whole.cdf(part.min);
        for (const u of [0.1, 0.5, 0.9])
          assert.ok(Math.abs(ratio(part.min + u * (part.max - part.min)) * kept - 1) < 1e-9);
      },
    ),
  );
  assert.throws(() => noiseSchedule({ type: "vdm", truncate: { min: 20, max: 30 } }), ConfigError);
  assert.throws(() => noiseSchedule({ type: "cosine", truncate: { min: 3, max: 3 } }), ConfigError);
});

test("shifting the cosine schedule by s is Table 4's shifted cosine", () => {
  const s = Math.log(64 / 256);
  const shifted = noiseSchedule({ type: "cosine", shift: s });
  for (const t of [0.1, 0.5, 0.8])
    assert.ok(Math.abs(shifted.logSnr(t) - (-2 * Math.log(Math.tan((Math.PI * t) / 2)) + 2 * s)) < 1e-13);
  for (const logSnr of [-9, 0, 4])
    assert.ok(Math.abs(shifted.time(logSnr) - (2 / Math.PI) * Math.atan(Math.exp(-logSnr / 2 + s))) < 1e-15);
  assert.equal(shift(shifted, 0), shifted);
});

test("EDM's training schedule draws ln σ from N(−1.2, 1.2²)", () => {
  const { time } = noiseSchedule({ type: "edm-training" });
  // Φ(1) of all noise levels have ln σ below −1.2 + 1.2.
  assert.ok(Math.abs(time(0) - 0.8413447460685429) < 1e-12);
});

test("a schedule given as a function agrees with its closed form", () => {
  const closed: NoiseSchedule = noiseSchedule({ type: "vdm-linear" });
  const [c0, c1] = [1e-4, 10];
  const numeric = numericSchedule(
    (t) => -Math.log(Math.expm1(c0 + c1 * t * t)),
    (t) => (-2 * c1 * t) / -Math.expm1(-(c0 + c1 * t * t)),
  );
  for (const logSnr of [-10, -9, -3, 0, 5, 9]) {
    assert.ok(Math.abs(numeric.time(logSnr) - closed.time(logSnr)) < 1e-12);
    assert.ok(Math.abs(numeric.density(logSnr) / closed.density(logSnr) - 1) < 1e-9);
  }
  assert.throws(
    () =>
      numericSchedule(
        (t) => t,
        () => 1,
      ),
    ConfigError,
  );
});

test("unknown names and impossible constants are refused", () => {
  const bad = [
    { type: "cosin" },
    { type: "edm-training", pStd: 0 },
    { type: "edm-sampling", sigmaMin: 3, sigmaMax: 2 },
    { type: "vdm", gammaMin: 5, gammaMax: 5 },
    { type: "linear", betaMin: -1 },
    { type: "ou", horizon: 0 },
    { type: "laplace", scale: -1 },
    { type: "discrete", table: { type: "betas", betas: [0.1] } },
  ] as NoiseScheduleSpec[];
  for (const spec of bad) assert.throws(() => noiseSchedule(spec), ConfigError, JSON.stringify(spec));
});
