import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { karrasSigmas, type SigmaGridSpec, sigmaGrid, sigmaGridNames, sigmaSteps } from "../../src/sampling/index.ts";

const examples: readonly SigmaGridSpec[] = [
  { type: "karras", steps: 9 },
  { type: "exponential", steps: 9 },
  { type: "polyexponential", steps: 9, rho: 2 },
  { type: "vp", steps: 9 },
  { type: "vp-range", steps: 9 },
  { type: "iddpm", steps: 9 },
  { type: "schedule", steps: 9, schedule: { type: "cosine", truncate: { min: -10, max: 10 } } },
  { type: "timesteps", steps: 9, schedule: { type: "cosine" }, spacing: "trailing" },
];

test("every list of noise levels has an example", () => {
  assert.deepEqual(examples.map((spec) => spec.type).sort(), [...sigmaGridNames].sort());
});

test("lists have the steps asked for, fall strictly, and end in 0", () => {
  for (const spec of examples)
    for (const steps of [1, 2, 9, 18]) {
      const sigmas = sigmaGrid({ ...spec, steps });
      assert.equal(sigmas.length, steps + 1, spec.type);
      assert.equal(sigmas.at(-1), 0);
      for (let i = 1; i < sigmas.length; i++) assert.ok(sigmas[i] < sigmas[i - 1], spec.type);
    }
});

test("ranges are kept at both ends", () => {
  for (const type of ["karras", "exponential", "polyexponential", "vp-range"] as const) {
    const sigmas = sigmaSteps({ type, steps: 7, sigmaMin: 0.01, sigmaMax: 50 });
    assert.ok(Math.abs(sigmas[0] / 50 - 1) < 1e-12 && Math.abs(sigmas[6] / 0.01 - 1) < 1e-9, type);
  }
  const table = sigmaSteps({ type: "iddpm", steps: 7, sigmaMin: 0.01, sigmaMax: 50 });
  assert.ok(table[0] <= 50 && table[6] >= 0.01);
});

test("known spacings coincide", () => {
  const near = (a: readonly number[], b: readonly number[]) =>
    a.forEach((v, i) => {
      assert.ok(Math.abs(v - b[i]) <= 1e-11 * b[i], `${v} ≠ ${b[i]}`);
    });
  // EDM's sampling schedule, uniform in t, is the ρ ladder; VE's is geometric; Song's VP likewise.
  near(sigmaSteps({ type: "schedule", steps: 8, schedule: { type: "edm-sampling" } }), karrasSigmas({ steps: 8 }));
  near(
    sigmaSteps({ type: "schedule", steps: 8, schedule: { type: "ve", sigmaMin: 0.002, sigmaMax: 80 } }),
    sigmaGrid({ type: "exponential", steps: 8 }),
  );
  near(sigmaSteps({ type: "polyexponential", steps: 5 }), sigmaGrid({ type: "exponential", steps: 5 }));
  const [first] = sigmaGrid({ type: "vp", steps: 4, betaD: 19.9, betaMin: 0.1 });
  near(
    [first],
    sigmaSteps({ type: "schedule", steps: 1, schedule: { type: "linear", truncate: { min: -99, max: 9 } } }),
  );
});

test("what no sampler could walk is refused", () => {
  const bad = [
    { type: "karas", steps: 4 },
    { type: "karras", steps: 0 },
    { type: "karras", steps: 4, sigmaMin: 0 },
    { type: "exponential", steps: 4, sigmaMin: 2, sigmaMax: 1 },
    { type: "iddpm", steps: 2000 },
    { type: "schedule", steps: 4, schedule: { type: "cosine" } },
  ] as SigmaGridSpec[];
  for (const spec of bad) assert.throws(() => sigmaGrid(spec), ConfigError, JSON.stringify(spec));
});

test("at zero terminal SNR timesteps begin at infinity, for samplers that can start there", () => {
  const schedule = { type: "linear", zeroTerminalSnr: true } as const;
  const sigmas = sigmaGrid({ type: "timesteps", steps: 4, schedule, spacing: "trailing" });
  assert.equal(sigmas[0], Number.POSITIVE_INFINITY);
  assert.ok(sigmas.slice(1).every(Number.isFinite));
});
