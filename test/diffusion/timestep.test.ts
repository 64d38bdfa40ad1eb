import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  arrangeUniforms,
  bernoulliDensities,
  drawAll,
  importanceWeight,
  logSnrOfSigma,
  lowDiscrepancy,
  type TimestepSpec,
  timestepNames,
  timestepSampler,
  uniformsNeeded,
} from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { stream } from "../../src/random/index.ts";
import { timestepExamples as examples, lawOf } from "./timestep-examples.ts";

const uniforms = (n: number, purpose: string) => {
  const source = stream(1, purpose);
  return Float64Array.from({ length: n }, () => source.uniform());
};

const continuous = examples.filter((spec) => timestepSampler(spec).of !== "step");
const discrete = examples.filter((spec) => timestepSampler(spec).of === "step");
const name = (spec: TimestepSpec) => JSON.stringify(spec);

test("every timestep sampler has an example", () => {
  assert.deepEqual([...new Set(examples.map(({ type }) => type))].sort(), [...timestepNames].sort());
});

test("a continuous law's density and inverse belong to its draws", () => {
  for (const spec of continuous) {
    const law = lawOf(spec);
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (u) => {
        assert.ok(Math.abs(law.uniform(law.draw(u)) - u) < 1e-9, `${name(spec)} at u = ${u}`);
        const h = 1e-6;
        const slope = Math.abs(law.draw(u + h) - law.draw(u - h)) / (2 * h);
        const [left, right] = [law.density(law.draw(u - h)), law.density(law.draw(u + h))];
        fc.pre(Math.abs(left / right - 1) < 1e-2); // not across a jump
        assert.ok(Math.abs(law.density(law.draw(u)) * slope - 1) < 1e-4, `${name(spec)} at u = ${u}`);
      }),
      { numRuns: 40 },
    );
  }
});

test("what a law cannot draw has density 0, and the ends of the unit interval are drawable", () => {
  for (const spec of continuous) {
    const law = lawOf(spec);
    assert.equal(law.density(law.of === "logSnr" ? -100 : -0.1), 0, name(spec));
  }
  for (const spec of discrete) {
    const law = lawOf(spec);
    assert.equal(law.density(0.5), 0);
    assert.equal(law.density(-1), 0);
    assert.equal(law.draw(0), 0);
    assert.ok(law.density(law.draw(1 - 2 ** -53)) > 0);
  }
});

test("no uniform number gives an infinite draw or a density of 0", () => {
  for (const spec of examples)
    for (const u of [0, 2 ** -53, 1 - 2 ** -53]) {
      const law = lawOf(spec);
      const value = law.draw(u);
      assert.ok(Number.isFinite(value) && law.density(value) > 0, `${name(spec)}: ${value} at u = ${u}`);
    }
});

test("w/p estimates the weighted loss without bias, whatever the law", () => {
  // ∫ f over λ in [−8, 8] for a smooth stand-in f for w(λ)‖ε − ε̂‖², by midpoints in u.
  const f = (logSnr: number) => (1 + Math.tanh(-logSnr / 3)) / (1 + (logSnr / 5) ** 2);
  const [sigmaMin, sigmaMax] = [Math.exp(-4), Math.exp(4)];
  const learned = timestepSampler({ type: "adaptive", logSnrMin: -8, logSnrMax: 8, bins: 10, decay: 0.5 });
  const state = learned.init();
  learned.observe(state, [-7, -3, 0, 5], [0.1, 3, 2, 0.2]);
  const laws = [
    logSnrOfSigma(lawOf({ type: "log-uniform", sigmaMin, sigmaMax })),
    logSnrOfSigma(lawOf({ type: "log-logistic", loc: -1, scale: 2, sigmaMin, sigmaMax })),
    logSnrOfSigma(lawOf({ type: "v-diffusion", sigmaMin, sigmaMax })),
    logSnrOfSigma(
      lawOf({ type: "bernoulli", p: 0.5, threshold: 0.8, over: { type: "log-uniform", sigmaMin, sigmaMax } }),
    ),
    learned.law(state),
  ];
  const estimates = laws.map((law) => {
    const n = 20_000;
    return lowDiscrepancy(0.5 / n, { size: n }).reduce((sum, u) => {
      const logSnr = law.draw(u);
      return sum + f(logSnr) / law.density(logSnr) / n;
    }, 0);
  });
  for (const estimate of estimates) assert.ok(Math.abs(estimate / estimates[0] - 1) < 1e-4, estimates.join(", "));
});

test("low-discrepancy uniforms are exactly n, in [0, 1), one in each n-th, and do not depend on the workers", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 7 }),
      (u0, size, workers) => {
        const all = lowDiscrepancy(u0, { size });
        assert.equal(all.length, size);
        assert.ok(all.every((u) => u >= 0 && u < 1));
        const sorted = all.toSorted();
        for (let i = 1; i < size; i++) assert.ok(Math.abs(sorted[i] - sorted[i - 1] - 1 / size) < 1e-12);
        for (let worker = 0; worker < workers; worker++) {
          const share = { size, worker, workers };
          const own = arrangeUniforms({ type: "low-discrepancy" }, [u0], share);
          assert.deepEqual(
            own,
            all.filter((_, i) => i % workers === worker),
          );
          assert.equal(uniformsNeeded({ type: "independent" }, share), own.length);
        }
      },
    ),
  );
});

test("stratified uniforms fall one into each stratum", () => {
  const given = uniforms(12, "stratified");
  const [even, odd] = [0, 1].map((worker) =>
    arrangeUniforms({ type: "stratified" }, given.slice(6 * worker, 6 * worker + 6), { size: 12, worker, workers: 2 }),
  );
  for (let i = 0; i < 6; i++) {
    assert.equal(Math.floor(even[i] * 12), 2 * i);
    assert.equal(Math.floor(odd[i] * 12), 2 * i + 1);
  }
});

test("Bernoulli sampling with p = t_δ/T is the uniform law and says so", () => {
  const paper = timestepSampler({ type: "bernoulli", p: 0.8, threshold: 0.8 });
  assert.match(paper.warning ?? "", /is the uniform law/);
  for (const t of [0, 0.3, 0.9]) assert.ok(Math.abs(paper.law(paper.init()).density(t) - 1) < 1e-12);
  assert.ok(bernoulliDensities({ p: 0.8, steps: 1000, significantSteps: 800 }).equivalentToUniform);
  assert.match(timestepSampler({ type: "bernoulli", p: 0.5, threshold: 0.8 }).warning ?? "", /less often/);
  assert.equal(timestepSampler({ type: "bernoulli", p: 0.9, threshold: 0.8 }).warning, undefined);
  const over = timestepSampler({ type: "bernoulli", p: 0.8, threshold: 0.8, over: { type: "log-normal" } });
  assert.match(over.warning ?? "", /is the uniform law/);
});

test("the significant part is the low-noise part of every law", () => {
  for (const type of ["log-normal", "vp-uniform", "adaptive", "uniform", "cosine-interpolated"] as const) {
    const over = { type, imageSize: 64, noiseLow: 32, noiseHigh: 64 } as TimestepSpec;
    const [plain, biased] = [lawOf(over), lawOf({ type: "bernoulli", p: 0.9, threshold: 0.5, over })];
    const median = plain.draw(0.5);
    const lowNoise = (value: number) => (plain.of === "logSnr" ? value > median : value < median);
    const share = drawAll(biased, lowDiscrepancy(0.0005, { size: 1000 })).filter(lowNoise).length / 1000;
    assert.ok(Math.abs(share - 0.9) < 0.005, `${type}: ${share}`);
  }
});

test("loss-second-moment sampling is uniform until every history is full, then follows the losses", () => {
  const sampler = timestepSampler({ type: "loss-second-moment", steps: 3, history: 2 });
  const state = sampler.init();
  sampler.observe(state, [0, 1, 2, 0, 1], [9, 1, 2, 3, 1]);
  sampler.observe(state, [2], [Number.NaN]);
  assert.equal(sampler.law(state).density(0), 1 / 3);
  sampler.observe(state, [2, 0], [2, 3]); // the oldest loss of timestep 0 is forgotten
  const law = sampler.law(state);
  const expected = [3, 1, 2].map((rms) => (0.999 * rms) / 6 + 0.001 / 3);
  for (const [step, p] of expected.entries()) {
    assert.ok(Math.abs(law.density(step) - p) < 1e-12);
    assert.ok(Math.abs(importanceWeight(law, step, 3) * 3 * p - 1) < 1e-12);
  }
  sampler.observe(state, [0, 0], [0, 0]);
  assert.ok(Math.abs(law.density(0) - expected[0]) < 1e-12, "a law does not follow later observations");
  assert.deepEqual(sampler.law(Float64Array.from(state)).density(1), sampler.law(state).density(1));
});

test("the adaptive schedule finds the shape of the loss", () => {
  const sampler = timestepSampler({ type: "adaptive", logSnrMin: -10, logSnrMax: 10, bins: 10, decay: 0.9 });
  const state = sampler.init();
  const loss = (logSnr: number) => 0.1 + Math.exp(-(logSnr ** 2) / 20);
  for (let i = 0; i < 300; i++) {
    const values = drawAll(sampler.law(state), lowDiscrepancy((i * 0.618) % 1, { size: 64 }));
    sampler.observe(state, values, values.map(loss));
  }
  const law = sampler.law(state);
  const ratio = law.density(9) / law.density(0.5);
  assert.ok(Math.abs(ratio / (loss(9) / loss(0.5)) - 1) < 0.15, `ratio ${ratio}`);
  // A bin nobody visits stays drawable.
  const starved = Float64Array.from(state, (value, i) => (i === 3 ? 0 : value));
  assert.ok(sampler.law(starved).density(-3) > 0);
});

test("impossible choices are the user's errors", () => {
  const bad: (() => unknown)[] = [
    () => timestepSampler({ type: "lognormal" } as never),
    () => timestepSampler({ type: "bernoulli", p: 1, threshold: 0.5 }),
    () => timestepSampler({ type: "bernoulli", p: 0.5, threshold: 0 }),
    () => timestepSampler({ type: "bernoulli-steps", p: 0.5, steps: 10, significantSteps: 10 }),
    () => timestepSampler({ type: "bernoulli", p: 0.5, threshold: 0.2, over: { type: "uniform-steps", steps: 5 } }),
    () => timestepSampler({ type: "uniform", min: 1, max: 0 }),
    () => timestepSampler({ type: "log-uniform", sigmaMin: 0 }),
    () => timestepSampler({ type: "v-diffusion", sigmaMin: 2, sigmaMax: 1 }),
    () => timestepSampler({ type: "adaptive", decay: 1 }),
    () => timestepSampler({ type: "adaptive" }).law(new Float64Array(3)),
    () => timestepSampler({ type: "loss-second-moment", steps: 4 }).law(new Float64Array(3)),
    () => timestepSampler({ type: "loss-second-moment", steps: 4 }).observe(new Float64Array(44), [4], [1]),
    () => importanceWeight(lawOf({ type: "log-normal" }), 1),
    () => arrangeUniforms({ type: "sobol" } as never, [0], { size: 1 }),
    () => arrangeUniforms({ type: "low-discrepancy" }, [0, 1], { size: 2 }),
    () => arrangeUniforms({ type: "independent" }, [0.5], { size: 1, worker: 1 }),
  ];
  for (const one of bad) assert.throws(one, ConfigError, String(one));
  const own = timestepSampler({ type: "uniform" });
  assert.equal(timestepSampler(own), own);
});
