import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { noiseSchedule } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import {
  type SolverGrid,
  sigmaAt,
  singlestepOrders,
  solverSigmas,
  solverSpacingNames,
} from "../../src/sampling/index.ts";
import { close } from "./close.ts";

const schedule = noiseSchedule({ type: "linear" });
const grid = (given: Partial<SolverGrid>) => solverSigmas({ schedule, steps: 12, ...given });
const times = (sigmas: readonly number[]) => sigmas.map((sigma) => schedule.time(-2 * Math.log(sigma)));

test("levels fall from σ̃(tStart) to σ̃(tEnd), one more of them than steps, for every spacing", () => {
  for (const type of solverSpacingNames)
    for (const steps of [1, 2, 7]) {
      const sigmas = grid({ steps, spacing: { type }, tStart: 0.9, tEnd: 0.01 });
      assert.equal(sigmas.length, steps + 1);
      close([sigmas[0], sigmas[steps]], [sigmaAt(schedule, 0.9), sigmaAt(schedule, 0.01)], 1e-14);
      for (let i = 1; i <= steps; i++) assert.ok(sigmas[i] < sigmas[i - 1]);
    }
});

test("spacings are equal in what they are named for", () => {
  const equal = (values: readonly number[]) => {
    const gaps = values.slice(1).map((v, i) => v - values[i]);
    close(
      gaps,
      gaps.map(() => gaps[0]),
      1e-12,
    );
  };
  equal(times(grid({})));
  equal(times(grid({ spacing: { type: "time", power: 2 } })).map(Math.sqrt));
  equal(grid({ spacing: { type: "log-snr" } }).map(Math.log));
  equal(grid({ spacing: { type: "sigma", power: 3 } }).map(Math.cbrt));
});

test("a single-step grid has one level for each evaluation, its steps equal in log-SNR", () => {
  for (const steps of [6, 7, 8, 9]) {
    const orders = singlestepOrders(steps, 3);
    assert.equal(
      orders.reduce((a, b) => a + b),
      steps,
    );
    const sigmas = grid({ steps, spacing: { type: "log-snr" }, singlestep: { order: 3 } });
    assert.equal(sigmas.length, steps + 1);
    let at = 0;
    const outer = [sigmas[0], ...orders.map((order) => sigmas[(at += order)])];
    const h = outer.slice(1).map((sigma, i) => Math.log(outer[i] / sigma));
    close(
      h,
      h.map(() => h[0]),
      1e-12,
    );
  }
});

test("single-step orders use every evaluation, and end below order 3", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.constantFrom(1, 2, 3), (evaluations, order) => {
      const orders = singlestepOrders(evaluations, order);
      assert.equal(
        orders.reduce((a, b) => a + b, 0),
        evaluations,
      );
      if (order === 3) assert.ok(orders[orders.length - 1] < 3);
      assert.ok(orders.slice(0, -2).every((one) => one === order));
    }),
  );
});

test("grids that cannot be are refused", () => {
  for (const given of [
    { steps: 0 },
    { steps: 2.5 },
    { tEnd: 0 },
    { tStart: 1.1 },
    { tStart: 0.1, tEnd: 0.1 },
    { steps: 2, singlestep: { order: 3, fixed: true } },
    { spacing: { type: "time", power: 0 } as const },
    { schedule: { type: "cosine" } as const },
  ])
    assert.throws(() => grid(given), ConfigError, JSON.stringify(given));
  // @ts-expect-error: not a spacing
  assert.throws(() => grid({ spacing: { type: "tme" } }), /Did you mean "time"/);
});
