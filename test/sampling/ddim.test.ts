import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { discreteSchedule } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  type AncestralStep,
  ancestral,
  ancestralLaw,
  clipped,
  ddim,
  ddimEncode,
  euler,
  finish,
  posteriorVariance,
  reverseVariances,
} from "../../src/sampling/index.ts";
import { close } from "./close.ts";
import { exact, ideal, karras } from "./gaussian.ts";

const x = Float64Array.of(12, -7, 0.5);
const sigmas = [...karras(9, 10, 0.02), 0];
/** Three different draws, the same each time they are asked for. */
const draws = () => {
  let i = 0;
  return () => Float64Array.of(Math.sin(++i), Math.cos(3 * i), Math.sin(5 * i));
};

test("without noise, DDIM is Euler's method", async () => {
  close(await finish(ddim(ideal, x, sigmas)), await finish(euler(ideal, x, sigmas)), 1e-14);
});

test("with eta 1, DDIM is ancestral sampling with the posterior variance", async () => {
  close(
    await finish(ddim(ideal, x, sigmas, { eta: 1, noise: draws() })),
    await finish(ancestral(ideal, x, sigmas, { noise: draws() })),
    1e-12,
  );
});

test("encoding is undone by sampling on the same levels, the better the more there are", async () => {
  const start = Float64Array.of(0.9, -0.4);
  const error = async (steps: number) => {
    const levels = karras(steps, 10, 0.02);
    const code = await finish(ddimEncode(ideal, start, levels.toReversed()));
    const back = await finish(ddim(ideal, code, levels));
    return Math.abs(back[0] - start[0]);
  };
  const [coarse, fine] = [await error(50), await error(200)];
  assert.ok(fine < coarse / 3 && fine < 0.02, `${coarse}, ${fine}`);
});

test("encoding follows the exact flow", async () => {
  const levels = karras(2000, 10, 0.02).toReversed();
  close(await finish(ddimEncode(ideal, Float64Array.of(0.9), levels)), exact(Float64Array.of(0.9), levels), 2e-3);
});

test("from σ = ∞, where x is the unit noise, sampling is the limit of large σ", async () => {
  const noise = Float64Array.of(1.2, -0.7, 0.05);
  const rest = karras(9, 30, 0.02);
  for (const eta of [0, 0.4, 1]) {
    const from = (sigma: number, start: Float64Array) =>
      finish(ddim(ideal, start, [sigma, ...rest], { eta, noise: draws() }));
    const large = await from(
      1e9,
      noise.map((v) => 1e9 * v),
    );
    close(await from(Number.POSITIVE_INFINITY, noise), large, 1e-6);
  }
  const run = (sigma: number, start: Float64Array) =>
    finish(ancestral(ideal, start, [sigma, ...rest], { noise: draws() }));
  const large = noise.map((v) => 1e9 * v);
  close(await run(Number.POSITIVE_INFINITY, noise), await run(1e9, large), 1e-6);
});

test("the law of an ancestral step is DDPM's posterior, in the frame x = z/√ᾱ", () => {
  const table = discreteSchedule({ type: "linear-scaled", steps: 50 });
  for (const t of [1, 7, 30, 49]) {
    const [alphaBar, previous] = [table.alphasCumprod[t], table.alphasCumprodPrev[t]];
    const leap = { sigma: table.sigmas[t], next: table.sigmas[t - 1] };
    const variance = posteriorVariance(leap.sigma, leap.next);
    close([variance * previous], [table.posteriorVariance[t]], 1e-10);
    close([reverseVariances["fixed-large"](leap, 0) * previous], [table.betas[t]], 1e-10);
    const [z, x0] = [0.7, -0.2];
    const { mean } = ancestralLaw(leap, Float64Array.of(z / Math.sqrt(alphaBar)), Float64Array.of(x0), { variance });
    const expected = table.posteriorMeanCoefX0[t] * x0 + table.posteriorMeanCoefXt[t] * z;
    close([mean[0] * Math.sqrt(previous)], [expected], 1e-10);
    // A gradient moves DDPM's mean by Σ times the gradient with respect to z.
    const slope = 0.3;
    const moved = ancestralLaw(leap, Float64Array.of(z / Math.sqrt(alphaBar)), Float64Array.of(x0), {
      variance,
      gradient: Float64Array.of(slope * Math.sqrt(alphaBar)),
    });
    close([moved.mean[0] * Math.sqrt(previous)], [expected + table.posteriorVariance[t] * slope], 1e-10);
  }
});

test("a learned variance runs from β̃ to β, geometrically", () => {
  const level = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  fc.assert(
    fc.property(level, level, (a, b) => {
      fc.pre(Math.abs(a - b) > 1e-6 * Math.max(a, b));
      const leap = { sigma: Math.max(a, b), next: Math.min(a, b) };
      const [small, large] = [reverseVariances["fixed-small"](leap, 0), reverseVariances["fixed-large"](leap, 0)];
      const learned = (v: number) => reverseVariances["learned-range"](leap, v);
      assert.ok(small <= large * (1 + 1e-12));
      close([learned(-1), learned(1), learned(0)], [small, large, Math.sqrt(small * large)], 1e-9);
    }),
  );
});

test("a step into 0 takes its variance from the step before, and a learned one is ln Σ of DDPM's frame", () => {
  const table = discreteSchedule({ type: "linear-scaled", steps: 50 });
  const into0 = { sigma: table.sigmas[0], next: 0, before: table.sigmas[1] };
  assert.equal(reverseVariances["fixed-small"](into0, 0), 0);
  close([reverseVariances["fixed-large"](into0, 0)], [table.posteriorVariance[1]], 1e-12);
  const middle = { sigma: table.sigmas[9], next: table.sigmas[8] };
  close([reverseVariances.learned(middle, -3) * table.alphasCumprod[8]], [Math.exp(-3)], 1e-12);
});

test("ancestral asks for the variance of every element right after the denoiser", async () => {
  const order: string[] = [];
  const told = <T>(who: string, answer: T): T => {
    order.push(who);
    return answer;
  };
  const steps = ancestral((y, sigma) => told("denoiser", ideal(y, sigma)), x, [10, 3, 0], {
    variance: "learned-range",
    varianceOutput: () => told("variance", Float64Array.of(-1, 0, 1)),
    noise: draws(),
  });
  const laws: AncestralStep[] = [];
  for await (const step of steps) laws.push(step);
  assert.deepEqual(order, ["denoiser", "variance", "denoiser", "variance"]);
  const leap = { sigma: 10, next: 3 };
  const expected = [-1, 0, 1].map((v) => Math.sqrt(reverseVariances["learned-range"](leap, v)));
  close(laws[0].std as Float64Array, expected, 1e-12);
});

test("clipping happens before ε̂ is derived", async () => {
  const levels = [4, 1];
  const [out] = await finish(
    ddim(
      clipped(() => Float64Array.of(3)),
      Float64Array.of(2),
      levels,
    ),
  );
  assert.equal(out, 1 + (1 / 4) * (2 - 1));
});

test("unusable settings are refused with the reason", async () => {
  const refused = async (steps: AsyncGenerator<unknown>, reason: RegExp) =>
    assert.rejects(
      async () => {
        for await (const _ of steps);
      },
      (error: unknown) => error instanceof ConfigError && reason.test(error.message),
    );
  await refused(ddim(ideal, x, sigmas, { eta: 0.5 }), /noise is missing/);
  await refused(ancestral(ideal, x, sigmas), /noise is missing/);
  await refused(ancestral(ideal, x, sigmas, { variance: "learned-range", noise: draws() }), /varianceOutput/);
  await refused(
    ancestral(ideal, x, sigmas, {
      variance: "learned-range",
      varianceOutput: () => new Float64Array(2),
      noise: draws(),
    }),
    /2 values/,
  );
  await refused(ddimEncode(ideal, x, [0, 1]), /first noise level is 0/);
  await refused(ddimEncode(ideal, x, sigmas), /must fall/);
  await refused(euler(ideal, x, [Number.POSITIVE_INFINITY, 1]), /zero terminal SNR/);
});
