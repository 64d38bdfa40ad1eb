import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alphaOf,
  type BasePreconditioningSpec,
  discreteSchedule,
  type NoiseLabelSpec,
  noiseLabel,
  noiseLabelNames,
  type PreconditioningSpec,
  pathNames,
  precondition,
  preconditioningNames,
  predictionNames,
  targetOf,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const named: readonly PreconditioningSpec[] = [
  { type: "edm" },
  { type: "edm", sigmaData: 1.3 },
  { type: "vp" },
  { type: "ve" },
  { type: "iddpm" },
  { type: "consistency" },
  { type: "consistency", base: { type: "v" }, sigmaMin: 3e-4 },
  { type: "consistency", base: { type: "edm" }, sigmaMin: 3e-4 },
];
const plain: readonly PreconditioningSpec[] = predictionNames.flatMap((type) =>
  pathNames.map((path) => ({ type, path }) as PreconditioningSpec),
);
const all = [...named, ...plain];
const sigmas = Array.from({ length: 57 }, (_, i) => 10 ** (-3 + i / 8)); // 1e-3 … 1e4

test("every preconditioning has an example", () => {
  assert.deepEqual([...new Set(all.map(({ type }) => type))].sort(), [...preconditioningNames].sort());
});

test("everything is finite from σ = 0.001 to 10,000", () => {
  for (const spec of all)
    for (const sigma of sigmas)
      for (const [name, value] of Object.entries(precondition(spec)(sigma)))
        assert.ok(Number.isFinite(value), `${JSON.stringify(spec)} at ${sigma}: ${name} is ${value}`);
});

test("the target is the output for which D is exact: (1 − cSkip)/cOut and −cSkip σ/cOut", () => {
  for (const spec of all)
    for (const sigma of sigmas) {
      const { cSkip, cOut, targetX, targetNoise } = precondition(spec)(sigma);
      const where = `${JSON.stringify(spec)} at ${sigma}`;
      // The naive forms, whose 1 − cSkip loses what cSkip rounds off.
      const lost = 4e-16 / Math.abs(cOut);
      assert.ok(Math.abs(targetX - (1 - cSkip) / cOut) <= 1e-12 * Math.abs(targetX) + lost, where);
      assert.ok(Math.abs(targetNoise + (cSkip * sigma) / cOut) <= 1e-12 * Math.abs(targetNoise), where);
      // D(x + σε) = x for any x and ε: both coefficients.
      assert.ok(Math.abs(cSkip + cOut * targetX - 1) < 1e-12, where);
      assert.ok(Math.abs(cSkip * sigma + cOut * targetNoise) <= 1e-12 * Math.max(1, sigma), where);
    }
});

test("EDM's input and target have unit variance", () => {
  for (const sigmaData of [0.3, 0.5, 1, 2])
    for (const sigma of sigmas) {
      const { cIn, targetX, targetNoise } = precondition({ type: "edm", sigmaData })(sigma);
      assert.ok(Math.abs(cIn ** 2 * (sigmaData ** 2 + sigma ** 2) - 1) < 1e-13);
      assert.ok(Math.abs((targetX * sigmaData) ** 2 + targetNoise ** 2 - 1) < 1e-13);
    }
});

test("a plain prediction sees z of its path and has its own target", () => {
  for (const type of predictionNames)
    for (const path of pathNames)
      for (const tilde of [0.01, 1, 30]) {
        const alpha = alphaOf(path, tilde);
        const sigma = alpha * tilde;
        const got = precondition({ type, path } as PreconditioningSpec)(tilde);
        const target = targetOf(type === "energy" ? "eps" : type, { alpha, sigma });
        assert.deepEqual([got.cIn, got.targetX, got.targetNoise], [alpha, target.x, target.eps]);
      }
});

test("kernels keep what their paths keep", () => {
  for (const tilde of sigmas) {
    const split = (path: (typeof pathNames)[number]) => [alphaOf(path, tilde), alphaOf(path, tilde) * tilde];
    const kept = { vp: 2, ou: 2, flow: 1 } as const;
    for (const [path, power] of Object.entries(kept)) {
      const [alpha, sigma] = split(path as "vp");
      assert.ok(Math.abs(alpha ** power + sigma ** power - 1) < 1e-14, path);
    }
    const [alpha, sigma] = split("sub-vp");
    assert.ok(Math.abs(alpha ** 2 + sigma - 1) < 1e-14);
    assert.equal(alphaOf("ve", tilde), 1);
  }
});

test("a consistency model is the identity at its smallest noise level", () => {
  const { cSkip, cOut, targetNoise } = precondition({ type: "consistency", sigmaMin: 0.01 })(0.01);
  assert.deepEqual([cSkip, cOut, targetNoise], [1, 0, 0]);
  for (const type of predictionNames) {
    const at = precondition({ type: "consistency", sigmaMin: 0.01, base: { type } as BasePreconditioningSpec });
    assert.deepEqual([at(0.01).cSkip, at(0.01).cOut, at(0.01).targetX, at(0.01).targetNoise], [1, 0, 0, 0]);
    // Elsewhere a DDIM step of the base to sigmaMin.
    const [{ cSkip, cOut }, base] = [at(2), precondition({ type } as BasePreconditioningSpec)(2)];
    const [x, f] = [0.7, -0.4];
    const denoised = base.cSkip * x + base.cOut * f;
    assert.ok(Math.abs(cSkip * x + cOut * f - (denoised + (0.01 / 2) * (x - denoised))) < 1e-14);
  }
});

test("iDDPM never gives a label it was not trained on, unless asked to", () => {
  assert.equal(precondition({ type: "iddpm" })(0.002).cNoise, 0);
  assert.equal(precondition({ type: "iddpm", nearestIsZero: true })(0.002).cNoise, -1);
  assert.equal(precondition({ type: "iddpm" })(1e6).cNoise, 999);
});

test("the label of a discrete process is the timestep", () => {
  const q = discreteSchedule({ type: "linear" });
  const label = noiseLabel({ type: "index", schedule: { type: "linear" } });
  const nearest = noiseLabel({ type: "index", schedule: q, round: true });
  for (const t of [0, 1, 500, 998, 999]) {
    assert.ok(Math.abs(label(q.sigmas[t]) - t) < 1e-9);
    assert.equal(nearest(q.sigmas[t] * 1.0001), t);
  }
  assert.ok(Math.abs(label(Math.sqrt(q.sigmas[41] * q.sigmas[42])) - 41.5) < 1e-9);
  assert.deepEqual([label(1e-6), label(1e6), label(Number.POSITIVE_INFINITY)], [0, 999, 999]);

  const short = noiseLabel({ type: "index", schedule: { type: "linear", zeroTerminalSnr: true }, scale: 2 });
  assert.equal(short(Number.POSITIVE_INFINITY), 1998);
  assert.equal(noiseLabel({ type: "index", schedule: { type: "betas", betas: [0.5] } })(3), 0);
});

test("every labelling falls or rises with the noise level, and is scaled", () => {
  const examples: readonly NoiseLabelSpec[] = [
    { type: "log-sigma" },
    { type: "log-snr" },
    { type: "sigma" },
    { type: "time", schedule: { type: "linear" } },
    { type: "index", schedule: { type: "cosine" } },
  ];
  assert.deepEqual(examples.map(({ type }) => type).sort(), [...noiseLabelNames].sort());
  for (const spec of examples) {
    const [one, three] = [noiseLabel({ ...spec, scale: 1 }), noiseLabel({ ...spec, scale: 3 })];
    const values = [0.05, 0.2, 1, 7, 50].map(one);
    const rising = values[1] > values[0];
    for (const [i, value] of values.entries()) if (i > 0) assert.equal(value > values[i - 1], rising, spec.type);
    assert.ok(Math.abs(three(2) - 3 * one(2)) < 1e-12);
  }
  assert.ok(Math.abs(noiseLabel({ type: "time", schedule: { type: "flow" }, scale: 10 })(4) - 8) < 1e-12);
});

test("unknown names and impossible constants are refused when the spec is resolved", () => {
  const bad = [{ type: "edn" }, { type: "eps", path: "vpp" }, { type: "v", label: { type: "index2" } }] as unknown[];
  for (const spec of [...bad, { type: "edm", sigmaData: 0 }, { type: "F", sigmaData: -1 }] as PreconditioningSpec[])
    assert.throws(() => precondition(spec), ConfigError, JSON.stringify(spec));
  const own = () => ({ cSkip: 0, cOut: 1, cIn: 1, cNoise: 0, targetX: 1, targetNoise: 0 });
  assert.equal(precondition(own), own);
});
