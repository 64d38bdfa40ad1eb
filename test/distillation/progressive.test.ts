import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gaussian, mixture, noiseSchedule } from "../../src/diffusion/index.ts";
import {
  inverseCosineLabel,
  progressiveLevels,
  progressiveTarget,
  progressiveWeightings,
} from "../../src/distillation/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { ddim, finish } from "../../src/sampling/index.ts";
import { close } from "../sampling/close.ts";

const schedule = noiseSchedule({ type: "cosine", truncate: { min: -20, max: 20 } });
const { denoise: teacher } = mixture({
  weights: [0.3, 0.7],
  means: [
    [-1, 0.5],
    [0.8, -0.4],
  ],
  stds: [0.3, 0.45],
});
const sigmaOf = (logSnr: number) => Math.exp(-logSnr / 2);

describe("progressive distillation", () => {
  test("one DDIM step with the target ends where the teacher's two end", async () => {
    for (const [steps, index] of [
      [4, 4],
      [4, 2],
      [16, 9],
      [8192, 5000],
    ]) {
      const levels = progressiveLevels(schedule, steps, index);
      const [t, mid, s] = [levels.t, levels.mid, levels.s].map(sigmaOf);
      const x = Float64Array.of(0.4, -1.2, 2, 0.3).map((v) => v * t);
      const { target, xEnd } = await progressiveTarget(teacher, x, levels);
      close(await finish(ddim(teacher, x, [t, mid, s])), xEnd, 1e-12);
      close(await finish(ddim(() => target, x, [t, s])), xEnd, 1e-9);
    }
  });

  test("a teacher that always says the same teaches it", async () => {
    const answer = Float64Array.of(0.3, -0.2);
    for (const index of [1, 3, 8]) {
      const levels = progressiveLevels(schedule, 8, index);
      const { target } = await progressiveTarget(() => answer, Float64Array.of(2, 1), levels, index === 1);
      close(target, answer, 1e-12);
    }
  });

  test("the last step's target is the teacher's second answer", async () => {
    const levels = progressiveLevels(schedule, 4, 1);
    const { target, second } = await progressiveTarget(teacher, Float64Array.of(0.4, 0.1), levels, true);
    assert.deepEqual(target, second);
  });

  test("weights and labels", () => {
    for (const logSnr of [-30, -3, 0, 5]) {
      close([progressiveWeightings["truncated-snr"](logSnr)], [Math.max(1, Math.exp(logSnr))], 1e-12);
      close([progressiveWeightings["snr-plus-one"](logSnr)], [1 + Math.exp(logSnr)], 1e-12);
    }
    const cosine = noiseSchedule({ type: "cosine" });
    for (const t of [0.01, 0.5, 0.99]) close([inverseCosineLabel(cosine.logSnr(t))], [t], 1e-12);
  });

  test("steps outside the student's, and infinite levels, are refused", () => {
    assert.throws(() => progressiveLevels(schedule, 4, 0), ConfigError);
    assert.throws(() => progressiveLevels(schedule, 4, 5), ConfigError);
    assert.throws(() => progressiveLevels(schedule, 0, 1), ConfigError);
    assert.throws(() => progressiveLevels(noiseSchedule({ type: "cosine" }), 4, 4), /Truncate/);
  });
});

test("distilled steps of Gaussian data stay near the exact flow", async () => {
  const data = gaussian({ mean: 0.3, std: 0.5 });
  const levels = progressiveLevels(schedule, 64, 40);
  const x = Float64Array.of(1.5).map((v) => v * sigmaOf(levels.t));
  const { xEnd } = await progressiveTarget(data.denoise, x, levels);
  close(xEnd, data.flow(x, sigmaOf(levels.t), sigmaOf(levels.s)), 1e-3);
});
