import assert from "node:assert/strict";
import { test } from "node:test";
import { compareObjectives, profileOf, scheduleInvariance } from "../../src/analysis/index.ts";
import { type Objective, type ObjectiveSpec, objective } from "../../src/diffusion/index.ts";
import { objectiveOf, type PresetName, preset, presetNames } from "../../src/recipe/index.ts";

const of = (name: PresetName, factors: Partial<ObjectiveSpec> = {}): Objective => {
  const recipe = preset(name);
  return objectiveOf({
    ...recipe,
    data: { ...recipe.data, sigmaData: 0.5 },
    objective: { ...recipe.objective, ...factors } as never,
  });
};

test("which presets are an ELBO with Gaussian augmentation", () => {
  const elbos = presetNames.filter((name) => profileOf(of(name)).mixture);
  for (const name of ["vdm", "vdm++", "vdm++edm", "v-cosine", "flow"] as const) assert.ok(elbos.includes(name), name);
  for (const name of ["edm", "ddpm", "ddpm-cosine", "p2", "min-snr", "adm-bs"] as const)
    assert.ok(!elbos.includes(name), name);
});

test("profiles are finite, and their density integrates to the probability of the range", () => {
  for (const name of presetNames) {
    const { logSnr, density, effective, time } = profileOf(of(name));
    assert.ok([...density, ...effective, ...time].every(Number.isFinite), name);
    assert.equal(Math.max(...effective), 1);
    const steps = logSnr.subarray(1).map((at, i) => ((at - logSnr[i]) * (density[i] + density[i + 1])) / 2);
    const total = steps.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(total - 1) < 0.02, `${name}: ${total}`);
  }
});

test("flow matching and v-prediction on the cosine schedule are one objective", () => {
  const { same, deviation, differences } = compareObjectives(of("flow"), of("v-cosine"));
  assert.ok(same, String(deviation));
  assert.deepEqual(differences, []);
});

test("Bernoulli sampling at p = t_δ/T is uniform sampling; above it is not", () => {
  const published = of("adm-bs", { timesteps: { type: "bernoulli", p: 0.8, threshold: 0.8 } });
  assert.ok(compareObjectives(published, of("adm")).same);
  assert.match(published.warnings[0], /is the uniform law/);
  assert.ok(!compareObjectives(of("adm-bs"), of("adm")).same);
});

test("the gradient of an energy is another network for the same objective", () => {
  assert.ok(compareObjectives(of("ddpm", { prediction: { type: "energy" } }), of("ddpm")).same);
});

test("what the weighting does not show is named", () => {
  assert.deepEqual(compareObjectives(of("adm-bs+ip"), of("adm-bs")).differences, ["noise.perturbation: 0.1 and 0"]);
  assert.deepEqual(compareObjectives(of("iddpm"), of("ddpm-cosine")).differences, [
    "learned variance: learned-range and none",
  ]);
});

test("the mixing distribution of a sigmoid weighting has its mass where the weighting falls", () => {
  const { mixture, logSnr } = profileOf(of("vdm++"));
  assert.ok(mixture);
  // sigmoid(2 − λ) from −20 to 20: next to nothing is left unaugmented, half of it has λ below 2.
  assert.ok(Math.abs(mixture.massAtZero / Math.exp(-18) - 1) < 0.01);
  const half = logSnr.findIndex((at) => at >= 2);
  assert.ok(Math.abs(mixture.cumulative[half] - 0.5) < 0.02);
  const vdm = profileOf(of("vdm")).mixture;
  assert.equal(vdm?.massAtZero, 1);
});

test("the weighted loss is the same under every schedule", () => {
  for (const name of ["vdm", "vdm++", "edm", "flow"] as const) {
    const estimates = scheduleInvariance(of(name));
    for (const { schedule, value } of estimates)
      assert.ok(
        Math.abs(value / estimates[0].value - 1) < 0.01,
        `${name}, ${schedule}: ${value} and ${estimates[0].value}`,
      );
    assert.ok(new Set(estimates.map(({ spread }) => spread.toFixed(3))).size > 1);
  }
});

test("an unbounded objective is told apart from a bounded one", () => {
  const plain = objective({
    prediction: { type: "eps" },
    schedule: { kind: "continuous", schedule: { type: "cosine", truncate: { min: -5, max: 5 } } },
    timesteps: { type: "uniform" },
    loss: { multiplier: { type: "simple" } },
  });
  assert.deepEqual(compareObjectives(plain, of("edm")).range, { min: -5, max: 5 });
  assert.throws(() => profileOf(plain, { range: { min: 6, max: 8 } }), /holds nothing/);
});
