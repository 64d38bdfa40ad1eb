import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  edmPeak,
  effectiveWeighting,
  firstRise,
  isMonotonic,
  type MultiplierSpec,
  multiplier,
  multiplierNames,
  multiplierOn,
  normalPdf,
  unbiasedMultiplier,
  type WeightingSpec,
  weighting,
  weightingNames,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const close = (a: number, b: number, rtol = 1e-12) =>
  assert.ok(Math.abs(a - b) <= rtol * Math.abs(b), `${a} is not ${b}`);
const logSnrs = Array.from({ length: 61 }, (_, i) => -15 + i / 2);
const anyLogSnr = fc.double({ min: -25, max: 25, noNaN: true });

test("every weighting is finite and positive, and a shift moves it by 2s", () => {
  for (const type of weightingNames) {
    const w = weighting({ type } as WeightingSpec);
    fc.assert(
      fc.property(anyLogSnr, fc.double({ min: -2, max: 2, noNaN: true }), (logSnr, shift) => {
        assert.ok(Number.isFinite(w(logSnr)) && w(logSnr) > 0, `${type} at ${logSnr}`);
        close(weighting({ type, shift } as WeightingSpec)(logSnr), w(logSnr - 2 * shift), 1e-9);
      }),
      { numRuns: 30 },
    );
  }
});

test("which weightings are an ELBO with data augmentation", () => {
  const range = { min: -20, max: 20 };
  const rising = weightingNames.filter((type) => !isMonotonic(weighting({ type } as WeightingSpec), range));
  assert.deepEqual(rising, ["iddpm-cosine", "edm", "p2", "min-snr", "soft-min-snr"]);
});

test("a rise is found and located; a slow one too, and NaN", () => {
  const range = { min: -10, max: 10 };
  assert.equal(
    firstRise((l) => (l < 2 ? 1 : 1.001), range),
    2,
  );
  assert.equal(firstRise((l) => 1 + 1e-6 * l, range)?.toFixed(2), "-9.99");
  assert.equal(firstRise((l) => (l > 5 ? Number.NaN : 1), range)?.toFixed(3), "5.005");
  assert.throws(() => isMonotonic(() => 1, { min: 3, max: 3 }), ConfigError);
});

test("the peak of EDM's weighting is its maximum, for any constants", () => {
  const peak = edmPeak();
  close(peak.logSnr, -3.3077775163808885, 1e-7);
  fc.assert(
    fc.property(
      fc.double({ min: -3, max: 2, noNaN: true }),
      fc.double({ min: 0.2, max: 3, noNaN: true }),
      fc.double({ min: 0.1, max: 2, noNaN: true }),
      (pMean, pStd, sigmaData) => {
        const constants = { pMean, pStd, sigmaData };
        const w = weighting({ type: "edm", ...constants });
        const { logSnr, value } = edmPeak(constants);
        close(value, w(logSnr));
        for (const other of logSnrs) assert.ok(w(other) <= value * (1 + 1e-9));
        assert.ok(
          isMonotonic(weighting({ type: "edm-monotonic", ...constants }), { min: logSnr - 9, max: logSnr + 0.1 }),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test("one objective written in two ways is one weighting", () => {
  for (const l of logSnrs) {
    // SNR + 1 on x is 1 on v: v-prediction with the cosine schedule.
    close(weighting({ type: "snr-plus-one" })(l), 2 * weighting({ type: "v-cosine" })(l));
    // EDM's loss: its multiplier under its log-normal law, up to σ_d².
    const edm = effectiveWeighting(multiplier({ type: "edm" }), (logSnr) => normalPdf(logSnr, 2.4, 2.4));
    close(weighting({ type: "edm" })(l), 0.25 * edm(l));
    // The cosine schedule's density is sech(λ/2)/2π.
    const cosine = (logSnr: number) => weighting({ type: "iddpm-cosine" })(logSnr) / (2 * Math.PI);
    for (const type of ["p2", "min-snr", "debias", "soft-min-snr"] as const) {
      close(unbiasedMultiplier(weighting({ type }), cosine)(l), 2 * Math.PI * multiplier({ type })(l));
      close(effectiveWeighting(multiplier({ type }), cosine)(l) * 2 * Math.PI, weighting({ type })(l));
    }
  }
});

// The published tables: [on ε, on x] as functions of the SNR.
const published: Readonly<Record<MultiplierSpec["type"], readonly [(snr: number) => number, (snr: number) => number]>> =
  {
    simple: [() => 1, (r) => r],
    p2: [(r) => 1 / (1 + r), (r) => r / (1 + r)],
    "min-snr": [(r) => Math.min(r, 5) / r, (r) => Math.min(r, 5)],
    "max-snr": [(r) => Math.max(r, 5) / r, (r) => Math.max(r, 5)],
    "trunc-snr": [(r) => Math.max(1, 1 / r), (r) => Math.max(r, 1)],
    "snr-plus-one": [(r) => (r + 1) / r, (r) => r + 1],
    debias: [(r) => 1 / Math.sqrt(r), (r) => Math.sqrt(r)],
    "inverse-snr": [(r) => 1 / r ** 2, (r) => 1 / r],
    "uniform-x": [(r) => 1 / r, () => 1],
    "uniform-o": [(r) => (1 + 1 / Math.sqrt(r)) ** 2, (r) => (1 + Math.sqrt(r)) ** 2],
    edm: [(r) => (r + 4) / r, (r) => r + 4],
    "soft-min-snr": [(r) => 4 / (r + 4), (r) => (4 * r) / (r + 4)],
  };

test("every multiplier has its published forms on ε, x and v", () => {
  assert.deepEqual(Object.keys(published).sort(), [...multiplierNames].sort());
  for (const type of multiplierNames)
    for (const l of logSnrs) {
      const snr = Math.exp(l);
      const [onEps, onX] = published[type];
      close(multiplierOn("eps", { type })(l), onEps(snr));
      close(multiplierOn("x", { type })(l), onX(snr));
      close(multiplierOn("v", { type })(l), onX(snr) / (snr + 1));
    }
});

test("EDM's multiplier is 1 on the output of EDM's network", () => {
  for (const l of logSnrs)
    for (const path of ["ve", "vp", "flow"] as const)
      for (const sigmaData of [0.5, 1]) close(multiplierOn("F", { type: "edm", sigmaData }, { path, sigmaData })(l), 1);
});

test("min-SNR on v is not its ε formula", () => {
  // SNR = 100: min(SNR, 5)/SNR = 0.05 on ε, min(SNR, 5)/(SNR + 1) on v.
  close(multiplierOn("v", { type: "min-snr" })(Math.log(100)), 5 / 101);
  close(multiplierOn("eps", { type: "min-snr" })(Math.log(100)), 0.05);
});

test("at an SNR of 0 the forms that have a limit there take it", () => {
  const at = (target: "eps" | "x" | "v", type: MultiplierSpec["type"]) => multiplierOn(target, { type })(-Infinity);
  assert.equal(at("eps", "min-snr"), 1);
  for (const [type, value] of [
    ["min-snr", 0],
    ["max-snr", 5],
    ["trunc-snr", 1],
    ["snr-plus-one", 1],
  ] as const)
    assert.ok(Math.abs(at("v", type) - value) < 1e-12, type);
});

test("unknown names and impossible constants are the user's errors", () => {
  const bad: (() => unknown)[] = [
    () => weighting({ type: "min_snr_5" } as never),
    () => multiplier({ type: "vmin-snr" } as never),
    () => multiplierOn("noise" as never, { type: "simple" }),
    () => weighting({ type: "toString" } as never),
    () => weighting({ type: "min-snr", gamma: 0 }),
    () => weighting({ type: "p2", k: -1 }),
    () => weighting({ type: "sigmoid", k: Number.NaN }),
    () => weighting({ type: "edm", pStd: 0 }),
    () => weighting({ type: "elbo", shift: Number.POSITIVE_INFINITY }),
    () => weighting({ type: "low-bit", bits: 0 }),
    () => weighting({ type: "soft-min-snr", sigmaData: "0.5" as never }),
  ];
  for (const one of bad) assert.throws(one, ConfigError, String(one));
  const own = (logSnr: number) => logSnr;
  assert.equal(weighting(own), own);
  assert.equal(multiplier(own), own);
});
