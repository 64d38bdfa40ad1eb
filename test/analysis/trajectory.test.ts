import assert from "node:assert/strict";
import { test } from "node:test";
import { trajectories } from "../../src/analysis/index.ts";
import { gaussian } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { sigmaGrid } from "../../src/sampling/index.ts";

const sigmas = sigmaGrid({ type: "exponential", sigmaMin: 0.01, sigmaMax: 50, steps: 200 });

test("data of one point have straight trajectories: the guess stands still and one step is all", async () => {
  const { levels, lengths, samples } = await trajectories(
    (x) => x.map(() => 0.3),
    new Float64Array([5, -4]),
    1,
    sigmas,
  );
  assert.ok([...lengths].every((length) => length < 1e-12));
  assert.ok(samples.every((value) => Math.abs(value - 0.3) < 1e-9));
  for (const { curvature, singleStepError } of levels.slice(0, -1)) {
    assert.ok(Math.abs(curvature) < 1e-12);
    assert.ok(singleStepError < 1e-9);
  }
});

test("Gaussian data: guess, curvature and single-step error follow their closed forms", async () => {
  // x(σ) = x₀ √(s² + σ²)/s, so D = x₀ s/√(s² + σ²) and dD/d ln σ = −x₀ s σ²/(s² + σ²)^(3/2).
  const s = 0.5;
  const data = gaussian({ std: [s, s] });
  const start = new Float64Array([10, 10, -20, 5]);
  const { levels, samples, lengths, guesses } = await trajectories(data.denoise, start, 2, sigmas);
  assert.equal(guesses.length, sigmas.length - 1);
  const size = [0, 1].map((row) => Math.hypot(samples[2 * row], samples[2 * row + 1]) / Math.SQRT2);
  const middle = (size[0] + size[1]) / 2;
  for (const [i, { sigma, singleStepError, curvature }] of levels.slice(0, -1).entries()) {
    const shrunk = s / Math.hypot(s, sigma);
    assert.ok(Math.abs(singleStepError - middle * (1 - shrunk)) < 2e-3 * middle, `σ = ${sigma}`);
    const between = Math.sqrt(sigma * sigmas[i + 1]);
    const expected = (middle * s * between ** 2) / Math.hypot(s, between) ** 3;
    assert.ok(Math.abs(curvature - expected) < 4e-3 * middle, `σ = ${sigma}`);
  }
  for (const row of [0, 1])
    assert.ok(Math.abs(lengths[row] - size[row] * (1 - s / Math.hypot(s, 50))) < 2e-3 * size[row]);
});

test("what is not a whole number of points is refused", async () => {
  await assert.rejects(
    trajectories((x) => x, new Float64Array(5), 2, sigmas),
    ConfigError,
  );
});
