import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian, type ObjectiveSpec, objective } from "../../src/diffusion/index.ts";
import { stream } from "../../src/random/index.ts";
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

test("fitted to 20,000 draws, a linear model comes to the true denoiser at every noise level, under every preset and energies", () => {
  const count = 20_000;
  const energy = {
    ...preset("ddpm"),
    objective: { ...preset("ddpm").objective, prediction: { type: "energy" as const } },
  };
  const recipes = [...presetNames.map((name) => [name, preset(name)] as const), ["energy", energy] as const];
  for (const [name, recipe] of recipes) {
    const objective = objectiveOf({ ...recipe, data: { ...recipe.data, sigmaData: 0.5 } });
    if (objective.noise.perturbation > 0) continue; // which has another minimiser
    const law = objective.sampler.law(objective.sampler.init());
    for (const u of [0.1, 0.5, 0.9]) {
      const drawn = objective.draw(law, u);
      const { inX, inNoise, targetX, targetNoise } = objective.coefficients(drawn);
      const random = stream(6, `linear model of ${name}`, Math.round(10 * u));
      const [inputs, targets] = [new Float64Array(count), new Float64Array(count)];
      for (let i = 0; i < count; i++) {
        const [x, eps] = [mean + std * random.normal(), random.normal()];
        inputs[i] = inX * x + inNoise * eps;
        targets[i] = targetX * x + targetNoise * eps;
      }
      const average = (of: (i: number) => number) => inputs.reduce((sum, _, i) => sum + of(i), 0) / count;
      const [middle, level] = [average((i) => inputs[i]), average((i) => targets[i])];
      const variance = average((i) => (inputs[i] - middle) ** 2);
      const slope = average((i) => (inputs[i] - middle) * (targets[i] - level)) / variance;
      const predicted = (input: number) => level + slope * (input - middle);
      const residual = average((i) => (targets[i] - predicted(inputs[i])) ** 2);
      // In D: what is learned differs from what is true by two fitted numbers, so n·E(D̂ − D)²/(c_out² residual) is χ² of two
      // degrees of freedom, above 30 with probability e^{−15}.
      const { cSkip, cOut, cIn } = objective.precondition(drawn.sigma);
      const off = (x: number) => {
        const [expected] = ideal.denoise(Float64Array.of(x), drawn.sigma);
        return cSkip * x + cOut * predicted(cIn * x) - expected;
      };
      // D̂ − D is linear: its mean square is that of its value at the mean and its slope.
      const spread = Math.sqrt(variance) / cIn;
      const [at, beyond] = [off(middle / cIn), off(middle / cIn + spread)];
      const square = at ** 2 + (beyond - at) ** 2;
      assert.ok(
        square < (30 * cOut ** 2 * residual) / count + 1e-18 * spread ** 2,
        `${name} at σ = ${drawn.sigma}: ${square}`,
      );
    }
  }
});

/** One slope for all noise levels, F = θ·c_in x̃: what it comes to depends on how much each level counts. */
function slopeOf(spec: ObjectiveSpec, draws: () => Iterable<number>, state?: Float64Array): number {
  const built = objective(spec);
  const law = built.sampler.law(state ?? built.sampler.init());
  let [xy, xx] = [0, 0];
  for (const u of draws()) {
    const { inX, inNoise, targetX, targetNoise, weight } = built.coefficients(built.draw(law, u));
    xy += weight * (inX * targetX * std ** 2 + inNoise * targetNoise);
    xx += weight * ((inX * std) ** 2 + inNoise ** 2);
  }
  return xy / xx;
}

const midpoints = () => Array.from({ length: 200_000 }, (_, i) => (i + 0.5) / 200_000);
const weighted = { prediction: { type: "v" }, loss: { weighting: { type: "sigmoid" } } } as const;
const fixedCosine: ObjectiveSpec = {
  ...weighted,
  schedule: { kind: "continuous", schedule: { type: "cosine", truncate: { min: -12, max: 12 } } },
  timesteps: { type: "uniform" },
};
const adaptiveSpec: ObjectiveSpec = {
  ...weighted,
  timesteps: { type: "adaptive", logSnrMin: -12, logSnrMax: 12, bins: 40, decay: 0.9 },
};

test("an adaptive law has the minimiser of a fixed schedule, whatever it has learned; without importance it has another", () => {
  const expected = slopeOf(fixedCosine, midpoints);
  const learned = Float64Array.from({ length: 40 }, (_, bin) => (bin < 15 ? 3 : 0.2) + (bin % 7));
  for (const state of [undefined, learned]) {
    const found = slopeOf(adaptiveSpec, midpoints, state);
    assert.ok(Math.abs(found / expected - 1) < 1e-4, `${found} ${expected}`);
  }
  const biased = slopeOf({ ...adaptiveSpec, importance: false }, midpoints, learned);
  assert.ok(Math.abs(biased / expected - 1) > 0.02, `${biased} ${expected}`);
});

test("trained on draws while the law adapts, a linear model comes to the same minimiser, within 1%", () => {
  const built = objective(adaptiveSpec);
  const state = built.sampler.init();
  const random = stream(4, "linear model");
  // Least squares over all that was drawn.
  let [xy, xx] = [0, 0];
  for (let step = 0; step < 4000; step++) {
    const law = built.sampler.law(state);
    const drawn = Array.from({ length: 32 }, () => built.draw(law, random.uniform()));
    const losses = drawn.map((draw) => {
      const { inX, inNoise, targetX, targetNoise, weight } = built.coefficients(draw);
      const [x, eps] = [std * random.normal(), random.normal()];
      const [input, target] = [inX * x + inNoise * eps, targetX * x + targetNoise * eps];
      xy += weight * input * target;
      xx += weight * input ** 2;
      return weight * ((step === 0 ? 0 : (xy / xx) * input) - target) ** 2 * draw.feedback;
    });
    built.sampler.observe(
      state,
      drawn.map(({ value }) => value),
      losses,
    );
  }
  const expected = slopeOf(fixedCosine, midpoints);
  assert.ok(state.some((mean) => mean < 0.5) && state.every((mean) => mean !== 1), "the law has adapted");
  assert.ok(Math.abs(xy / xx / expected - 1) < 0.01, `${xy / xx} ${expected}`);
});
