import assert from "node:assert/strict";
import { test } from "node:test";
import { gaussian, mixture } from "../../src/diffusion/index.ts";
import { progressiveTarget, teacherSteps } from "../../src/distillation/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { ddim, finish, oneByOne } from "../../src/sampling/index.ts";
import { close } from "../sampling/close.ts";

const { denoise } = mixture({
  weights: [0.3, 0.7],
  means: [
    [-1, 0.5],
    [0.8, -0.4],
  ],
  stds: [0.3, 0.45],
});
const teacher = oneByOne(denoise);

test("each sample goes down its own ladder, and one DDIM step with its target ends there too", async () => {
  const ladders = [
    [9, 4, 1.5, 0.6],
    [0.6, 0.3, 0.1, 0],
  ];
  const x = Float64Array.of(3, -8, 0.4, 0.7);
  const { target, xEnd } = await teacherSteps(teacher, x, ladders);
  for (const [row, ladder] of ladders.entries()) {
    const own = x.slice(2 * row, 2 * row + 2);
    const end = xEnd.slice(2 * row, 2 * row + 2);
    close(await finish(ddim(denoise, own, ladder)), end, 1e-12);
    const answer = target.slice(2 * row, 2 * row + 2);
    close(await finish(ddim(() => answer, own, [ladder[0], ladder[3]])), end, 1e-12);
  }
});

test("two steps are progressive distillation's target", async () => {
  const sigmas = [2.5, 1.1, 0.4];
  const [t, mid, s] = sigmas.map((sigma) => -2 * Math.log(sigma));
  const x = Float64Array.of(1.2, -0.3);
  const expected = await progressiveTarget(denoise, x, { t, mid, s });
  const found = await teacherSteps(teacher, x, [sigmas]);
  close(found.target, expected.target, 1e-12);
  close(found.xEnd, expected.xEnd, 1e-12);
});

test("many steps of a Gaussian's teacher come to the exact map of its ODE", async () => {
  const [mean, std] = [0.3, 0.5];
  const { denoise: exact } = gaussian({ mean, std });
  const count = 4000;
  const ladder = Array.from({ length: count }, (_, i) => 20 * 0.001 ** (i / (count - 1))).concat(0);
  const x = Float64Array.of(14);
  const { target } = await teacherSteps((at, sigmas) => exact(at, sigmas[0]), x, [ladder]);
  close(target, Float64Array.of(mean + (std / Math.hypot(std, 20)) * (14 - mean)), 2e-3);
});

test("ladders that do not fall, or differ in length, are refused", async () => {
  const x = Float64Array.of(1, 1, 1, 1);
  for (const ladders of [
    [
      [1, 2],
      [1, 0],
    ],
    [
      [2, 1, 0],
      [1, 0],
    ],
    [[1], [1]],
    [
      [Number.POSITIVE_INFINITY, 0],
      [1, 0],
    ],
  ])
    await assert.rejects(teacherSteps(teacher, x, ladders), ConfigError);
});
