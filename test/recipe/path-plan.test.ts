import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { pathOf, preset, type Recipe, samplingPlan, trainedLevels } from "../../src/recipe/index.ts";

const resolved = (name: string): Recipe => ({ ...preset(name), data: { ...preset(name).data, sigmaData: 0.5 } });
const along = (recipe: Recipe, fields: Partial<Recipe["sampling"]>) =>
  samplingPlan(recipe, { ...recipe.sampling, sampler: "euler-maruyama", steps: 50, ...fields });

test("every preset has a path, and any other, inside the levels that it was trained at", () => {
  for (const name of ["edm", "ddpm", "flow", "vdm", "v-cosine", "ve-stf", "vp-stf", "first-picture"]) {
    const recipe = resolved(name);
    const { min, max } = trainedLevels(recipe);
    for (const type of [undefined, "vp", "ve", "sub-vp", "flow", "ou"] as const) {
      const { alpha, sigma } = pathOf(recipe, type);
      for (const t of [1, 0.5, 1e-3]) {
        const level = sigma(t) / alpha(t);
        assert.ok(
          level >= min * 0.999 && level <= max * 1.001,
          `${name} ${type} at ${t}: ${level} of ${min} to ${max}`,
        );
      }
    }
  }
});

test("the plan counts evaluations, and knows what adds noise", () => {
  const recipe = resolved("edm");
  const { evaluations, stochastic, startStd, path } = along(recipe, {});
  assert.deepEqual([evaluations, stochastic, startStd, path?.type], [50, true, 80, "ve"]);
  assert.equal(along(recipe, { options: { eta: 0 } }).stochastic, false);
  const corrected = along(recipe, { sampler: "predictor-corrector", options: { correctorSteps: 2 } });
  assert.deepEqual([corrected.evaluations, corrected.stochastic], [150, true]);
  assert.equal(along(recipe, { path: "vp" }).startStd, 1);
});

test("what belongs to ladders, or is unknown, is refused", () => {
  const recipe = resolved("edm");
  const refused = (pattern: RegExp, fields: Partial<Recipe["sampling"]>) =>
    assert.throws(
      () => along(recipe, fields),
      (error) => error instanceof ConfigError && pattern.test(error.message),
    );
  refused(/heun steps from noise level to noise level/, { sampler: "heun", path: "vp" });
  refused(/steps are sampling.steps/, { options: { steps: 3 } });
  refused(/option: must be one of/, { options: { churn: 3 } });
});
