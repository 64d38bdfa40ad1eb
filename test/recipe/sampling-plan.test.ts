import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { discreteSchedule } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { presetNames, samplingPlan, sigmasOf, trainedLevels, usualLevels } from "../../src/recipe/index.ts";
import { recipeOf } from "../training/tiny.ts";

const edm = (...assignments: string[]) => recipeOf("edm", "data.sigmaData=0.5", ...assignments);
const ddpm = (...assignments: string[]) => recipeOf("ddpm", "data.sigmaData=0.5", ...assignments);
const zeroTerminal = (type: string) => [
  ...['objective.schedule.table={"type":"linear","steps":1000,"zeroTerminalSnr":true}'],
  `objective.prediction={"type":"${type}","path":"vp","label":{"type":"index"}}`,
];

test("every preset samples where it was trained", () => {
  for (const name of presetNames) {
    const recipe = recipeOf(name, "data.sigmaData=0.5");
    const { sigmas, evaluations, startStd } = samplingPlan(recipe);
    assert.equal(sigmas.at(-1), 0);
    assert.ok(startStd > 1);
    assert.ok(evaluations! >= recipe.sampling.steps);
  }
});

test("a respaced grid has the timesteps of its sections, noisiest first", () => {
  const { sigmas } = discreteSchedule({ type: "linear", steps: 1000 });
  const visited = (...assignments: string[]) =>
    [...samplingPlan(ddpm(...assignments)).sigmas].slice(0, -1).map((sigma) => sigmas.indexOf(sigma));
  assert.deepEqual(visited('sampling.grid={"type":"respaced"}', "sampling.steps=4"), [999, 666, 333, 0]);
  const strided = visited('sampling.grid={"type":"respaced","sections":"ddim25"}', "sampling.steps=25");
  assert.deepEqual([strided[0], strided[1], strided.at(-1)], [960, 920, 0]);
  const sections = visited('sampling.grid={"type":"respaced","sections":[3,2]}', "sampling.steps=5");
  assert.deepEqual(sections, [999, 500, 499, 250, 0]);
});

test("a plan may begin below a level, with its factors, and no fewer steps than the sampler needs", () => {
  const whole = samplingPlan(edm());
  const part = samplingPlan(edm(), undefined, 2);
  assert.deepEqual(
    part.sigmas,
    whole.sigmas.filter((sigma) => sigma <= 2),
  );
  assert.equal(part.startStd, part.sigmas[0]);
  assert.equal(part.steps, part.sigmas.length - 1);
  assert.equal(part.evaluations, 2 * part.steps - 1);
  const levels = 'sampling.grid={"type":"levels","sigmas":[9,3,1],"factors":[1,0.9,0.8]}';
  const { sigmas, factors } = samplingPlan(edm(levels, "sampling.steps=3", "sampling.sampler=ddim"), undefined, 4) as {
    readonly sigmas: readonly number[];
    readonly factors?: readonly number[];
  };
  assert.deepEqual(
    [sigmas, factors],
    [
      [3, 1, 0],
      [0.9, 0.8],
    ],
  );
  assert.throws(
    () => samplingPlan(edm("sampling.sampler=dpm-fast"), undefined, 0.002),
    /dpm-fast needs at least 2 steps below 0.002; got 1/,
  );
  assert.throws(() => samplingPlan(edm(), undefined, 1e-4), /no level of the grid is at or below 0.0001/);
});

test("a discrete process is trained from its first timestep to its last", () => {
  const { sigmas } = discreteSchedule({ type: "linear", steps: 1000 });
  const { min, max } = trainedLevels(ddpm());
  assert.ok(Math.abs(min / sigmas[0] - 1) < 1e-12 && Math.abs(max / sigmas[999] - 1) < 1e-12);
  assert.deepEqual(usualLevels(edm()), { sigmaMin: 0.002, sigmaMax: 80 });
  const { min: least, max: most } = trainedLevels(edm("objective.timesteps.pStd=0.5"));
  // e^{−1.2 ± 0.5·6}: six standard deviations are left out once in 10⁹ draws.
  assert.ok(least > 0.013 && least < 0.017 && most > 5 && most < 7);
});

test("levels may be equal steps of the schedule's own time, or its root", () => {
  const recipe = ddpm('sampling.grid={"type":"time"}', "sampling.steps=1000");
  const { sigmas } = discreteSchedule({ type: "linear", steps: 1000 });
  const found = sigmasOf(recipe, recipe.sampling);
  for (const [i, sigma] of found.slice(0, 1000).entries()) assert.ok(Math.abs(sigma / sigmas[999 - i] - 1) < 1e-9);
  const quadratic = ddpm('sampling.grid={"type":"time","power":2}', "sampling.steps=9");
  const squares = sigmasOf(quadratic, quadratic.sampling);
  assert.ok(Math.abs(squares[4] / Math.sqrt(sigmas[249] * sigmas[250]) - 1) < 0.01); // (1/2)² of the time
  const ends = edm(
    'objective={"prediction":{"type":"v"},"schedule":{"kind":"continuous","schedule":{"type":"cosine"}},"timesteps":{"type":"uniform"},"loss":{"weighting":{"type":"sigmoid"}}}',
    'sampling.grid={"type":"time","sigmaMin":0.01,"sigmaMax":50}',
  );
  const cosine = sigmasOf(ends, ends.sampling);
  assert.equal(cosine[0], 50);
  assert.ok(Math.abs(cosine[17] - 0.01) < 1e-12);
});

test("noise is added as samplers and their options say", () => {
  const of = (...assignments: string[]) => samplingPlan(edm(...assignments)).stochastic;
  assert.equal(of(), false);
  assert.equal(of('sampling.options={"sChurn":10}'), true);
  assert.equal(of("sampling.sampler=euler-ancestral"), true);
  assert.equal(of("sampling.sampler=euler-ancestral", 'sampling.options={"eta":0}'), false);
  assert.equal(of("sampling.sampler=ancestral"), true);
  assert.equal(of("sampling.sampler=ddim"), false);
  assert.equal(of("sampling.sampler=dpm++2m"), false);
});

test("zero terminal SNR starts from pure noise, where the prediction says something about x", () => {
  const recipe = ddpm(...zeroTerminal("v"), "sampling.sampler=ddim", "sampling.steps=10");
  const { sigmas, startStd } = samplingPlan(recipe);
  assert.equal(sigmas[0], Number.POSITIVE_INFINITY);
  assert.equal(startStd, 1);
  assert.ok(sigmas.slice(1).every((sigma, i) => sigma < sigmas[i]));
});

describe("what cannot work is refused with the reason", () => {
  const cases = {
    "ε at zero terminal SNR": [
      ddpm(...zeroTerminal("eps"), "sampling.sampler=ddim"),
      /eps cannot be learned at zero terminal SNR.*says nothing of the image/,
    ],
    "a solver that cannot start at zero terminal SNR": [
      ddpm(...zeroTerminal("v"), "sampling.sampler=heun"),
      /infinite noise.*heun cannot step.*ddim and ancestral/,
    ],
    "too few steps": [edm("sampling.sampler=dpm-fast", "sampling.steps=1"), /dpm-fast needs at least 2 steps; got 1/],
    "too few steps for the order": [
      edm("sampling.sampler=unipc", "sampling.steps=3", 'sampling.options={"order":3}'),
      /unipc needs at least 4 steps; got 3/,
    ],
    "an option of another sampler": [edm('sampling.options={"eta":0.5}'), /heun: option.*must be one of .*"eta"/],
    "an option out of range": [edm('sampling.options={"sChurn":-1}'), /sChurn must be a number at least 0; got -1/],
    "a grid above the trained levels": [
      ddpm('sampling.grid={"type":"karras","sigmaMin":0.02,"sigmaMax":200}'),
      /level 200 lies outside .* 0\.01\d* to 157.*smaller sigmaMax/,
    ],
    "a grid below the trained levels": [
      ddpm('sampling.grid={"type":"karras","sigmaMax":80}'),
      /level 0\.002 lies outside .*larger sigmaMin/,
    ],
    "a grid that a narrow law never saw": [edm("objective.timesteps.pStd=0.3"), /level 80 lies outside/],
    "timesteps of no process": [
      edm('sampling.grid={"type":"timesteps","spacing":"leading"}'),
      /"timesteps" needs an objective with a discrete schedule/,
    ],
    "sections for another number of steps": [
      ddpm('sampling.grid={"type":"respaced","sections":[10,5]}', "sampling.steps=20"),
      /sections: make 15 timesteps of 20 steps/,
    ],
    "the time of no schedule": [edm('sampling.grid={"type":"time"}'), /"time" needs an objective with a schedule/],
    "levels for another number of steps": [
      edm('sampling.grid={"type":"levels","sigmas":[3,2,1]}'),
      /has 3 levels for 18 steps/,
    ],
    "rising levels": [
      edm('sampling.grid={"type":"levels","sigmas":[1,2]}', "sampling.steps=2"),
      /levels must fall; level 1 is 2 after 1/,
    ],
    "two ways to clip": [edm("sampling.clip=true", "sampling.threshold=0.9"), /clip and threshold are both given/],
  } as const;
  for (const [name, [recipe, pattern]] of Object.entries(cases))
    test(name, () =>
      assert.throws(
        () => samplingPlan(recipe),
        (error: Error) => error instanceof ConfigError && pattern.test(error.message),
      ),
    );
});
