import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian } from "../../src/diffusion/index.ts";
import { objectiveOf, preset, presetNames } from "../../src/recipe/index.ts";

// x ~ N(μ, s²): of all functions of the noisy sample the linear ones do best, and least squares are a matter of moments.
const [mean, std] = [0.3, 0.6];
const ideal = gaussian({ mean, std });

test("on Gaussian data every preset's minimiser is the true denoiser, and with it the true score", () => {
  for (const name of presetNames) {
    const recipe = preset(name);
    const objective = objectiveOf({ ...recipe, data: { ...recipe.data, sigmaData: 0.5 } });
    const law = objective.sampler.law(objective.sampler.init());
    for (const u of [0.1, 0.5, 0.9]) {
      const drawn = objective.draw(law, u);
      const { inX, inNoise, targetX, targetNoise, weight } = objective.coefficients(drawn);
      assert.ok(weight > 0 && Number.isFinite(weight), name);
      // The input's noise is ε + γξ; the target's is ε.
      const { perturbation } = objective.noise;
      const variance = (inX * std) ** 2 + inNoise ** 2 * (1 + perturbation ** 2);
      const slope = (inX * targetX * std ** 2 + inNoise * targetNoise) / variance;
      const intercept = targetX * mean - slope * inX * mean;
      const { cSkip, cOut, cIn } = objective.precondition(drawn.sigma);
      for (const x of [-1, 0.2, 3]) {
        const found = cSkip * x + cOut * (slope * cIn * x + intercept);
        const [expected] = ideal.denoise(Float64Array.of(x), drawn.sigma);
        const off = Math.abs(found - expected);
        if (perturbation === 0)
          assert.ok(off < 1e-9 * Math.max(1, drawn.sigma), `${name} at σ = ${drawn.sigma}: ${found} and ${expected}`);
        else assert.ok(off > 1e-6, `${name}: input perturbation moves the minimiser`);
      }
    }
  }
});
