/** Orders of convergence, on Gaussian data, of settings other than the table's defaults. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { finish, type SamplerSpec, solve } from "../../src/sampling/index.ts";
import { exact, ideal, karras, measuredOrder } from "./gaussian.ts";

function converges(spec: SamplerSpec, expected: number, counts: readonly number[] = [64, 128, 256]) {
  test(`${JSON.stringify(spec)}: order ${expected}`, async () => {
    const x = Float64Array.of(100);
    const order = await measuredOrder(counts, async (steps) => {
      const sigmas = karras(steps, 80, 0.02);
      return Math.abs((await finish(solve(spec, ideal, x, sigmas)))[0] - exact(x, sigmas)[0]);
    });
    assert.ok(Math.abs(order - expected) < 0.3, `measured order ${order.toFixed(2)}`);
  });
}

const both = ["data", "noise"] as const;

describe("dpm-solver", () => {
  for (const predicts of both)
    for (const coefficients of ["dpmsolver", "taylor"] as const)
      for (const method of ["multistep", "singlestep", "singlestep-fixed"] as const)
        for (const order of [1, 2])
          converges({ type: "dpm-solver", predicts, coefficients, method, order }, order, [96, 192, 384]);
  for (const coefficients of ["dpmsolver", "taylor"] as const)
    converges({ type: "dpm-solver", method: "singlestep-fixed", coefficients, order: 3 }, 3, [96, 192, 384]);
  const taylor = { type: "dpm-solver", coefficients: "taylor", predicts: "noise" } as const;
  converges({ ...taylor, method: "singlestep-fixed", order: 3 }, 3, [96, 192, 384]);

  // The usual third-order multistep formula has half the second derivative, and with it order 2.
  for (const predicts of both) {
    converges({ type: "dpm-solver", order: 3, predicts }, 2, [96, 192, 384]);
    converges({ type: "dpm-solver", order: 3, predicts, curvature: 1 }, 3, [48, 96, 192]);
  }
});

describe("unipc", () => {
  for (const predicts of both)
    for (const variant of ["bh1", "bh2"] as const) converges({ type: "unipc", order: 1, predicts, variant }, 2);
  for (const variant of ["bh1", "bh2"] as const) converges({ type: "unipc", order: 2, variant }, 3);
});

describe("deis", () => {
  for (const variable of ["rho", "log-rho", "time"] as const)
    for (const order of [0, 1, 2]) converges({ type: "deis", order, variable }, order + 1);
  converges({ type: "deis", order: 3, variable: "time" }, 4);
  converges({ type: "rho-rk", tableau: "2heun" }, 2);
  converges({ type: "rho-rk", tableau: "3kutta" }, 3);
});

describe("pndm", () => {
  converges({ type: "pndm", order: 2 }, 2);
  converges({ type: "plms", order: 1 }, 1);
  // Adams–Bashforth weights of equal steps lose their order on a ladder with unequal ones.
  for (const order of [2, 3]) converges({ type: "plms", order }, 2);

  test("on equal steps, PNDM has its order, 4", async () => {
    const x = Float64Array.of(4);
    const order = await measuredOrder([64, 128, 256], async (steps) => {
      const sigmas = karras(steps, 3, 0.5, 1);
      return Math.abs((await finish(solve({ type: "pndm" }, ideal, x, sigmas)))[0] - exact(x, sigmas)[0]);
    });
    assert.ok(Math.abs(order - 4) < 0.3, `measured order ${order.toFixed(2)}`);
  });
});
