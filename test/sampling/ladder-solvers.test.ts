import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mixture } from "../../src/diffusion/index.ts";
import {
  ancestralSplit,
  consistency,
  dpmpp2m,
  euler,
  fastOrders,
  finish,
  heun,
  type Sampler,
  solve,
} from "../../src/sampling/index.ts";
import { lagrangeIntegrals } from "../../src/sampling/lms.ts";
import { ideal, karras } from "./gaussian.ts";

const sigmas = [...karras(6, 80, 0.02), 0];
const x = Float64Array.of(100, -30);

test("an ancestral split keeps the variance, and at η = 1 is the forward process's posterior", () => {
  const levels = fc.tuple(fc.double({ min: 1e-3, max: 100, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(levels, fc.double({ min: 0, max: 3, noNaN: true }), ([from, share], eta) => {
      const to = from * share;
      const { down, up } = ancestralSplit(from, to, eta);
      assert.ok(Math.abs(Math.hypot(down, up) - to) <= 1e-9 * to);
      if (eta === 1) assert.ok(Math.abs(down - to ** 2 / from) <= 1e-9 * to);
    }),
  );
  assert.throws(() => ancestralSplit(1, 2, 1));
  assert.throws(() => ancestralSplit(2, 1, -1));
});

test("the integrals of a Lagrange basis integrate polynomials exactly", () => {
  const weights = lagrangeIntegrals([5, 7, 11, 12], 5, 3);
  for (let degree = 0; degree < 4; degree++) {
    const integral = [5, 7, 11, 12].reduce((sum, node, j) => sum + weights[j] * node ** degree, 0);
    const expected = (3 ** (degree + 1) - 5 ** (degree + 1)) / (degree + 1);
    assert.ok(Math.abs(integral - expected) < 1e-10 * Math.abs(expected));
  }
});

test("dpm-fast spends its budget exactly", () => {
  for (let budget = 1; budget < 50; budget++)
    assert.equal(
      fastOrders(budget).reduce((a, b) => a + b, 0),
      budget,
    );
});

test("members without noise agree where they are the same method", async () => {
  const same = async (a: Parameters<typeof solve>[0], b: Parameters<typeof solve>[0]) => {
    const [u, v] = [await finish(solve(a, ideal, x, sigmas)), await finish(solve(b, ideal, x, sigmas))];
    for (const [i, ui] of u.entries()) assert.ok(Math.abs(ui - v[i]) < 1e-12, `${JSON.stringify([a, b])}: ${u} ${v}`);
  };
  await same({ type: "euler-ancestral", eta: 0 }, { type: "euler" });
  await same({ type: "dpm2-ancestral", eta: 0 }, { type: "dpm2" });
  await same({ type: "lms", order: 1 }, { type: "euler" });
  await same({ type: "dpm++sde", eta: 0, r: 0.5 }, { type: "dpm++2s-ancestral", eta: 0 });
  await same({ type: "dpm++2m-sde", eta: 0 }, { type: "dpm++2m" });
});

test("data at one point are found in a single step from any level", async () => {
  const point = mixture({ means: [[2, -1]] }).denoise;
  for (const sampler of [euler, heun, dpmpp2m] as Sampler<never>[])
    assert.deepEqual([...(await finish(sampler(point, x, [80, 0])))], [2, -1]);
});

test("one-step consistency sampling needs no noise, and more steps draw one each but the last", async () => {
  assert.deepEqual(await finish(consistency(ideal, x, [80, 0])), await ideal(x, 80));
  let draws = 0;
  await finish(consistency(ideal, x, [80, 10, 1, 0.002], { noise: () => Float64Array.of(draws++, 0) }));
  assert.equal(draws, 2);
  await assert.rejects(finish(consistency(ideal, x, [80, 10, 0])), /noise is missing/);
  await assert.rejects(finish(consistency(ideal, x, [80, 10, 0], { sigmaMin: 90 })), /sigmaMin/);
});
