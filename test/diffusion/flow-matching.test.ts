import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionalPath, conditionalPathNames, flowSample } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const [x0, x1, noise] = [Float64Array.of(0.3, -1), Float64Array.of(2, 0.7), Float64Array.of(-0.4, 1.1)];

test("the flow is the velocity of x_t", () => {
  for (const type of conditionalPathNames) {
    const at = (t: number) => flowSample(conditionalPath({ type, sigma: 0.3 }, t), x0, x1, noise);
    for (const t of [0.1, 0.5, 0.8]) {
      const [up, down] = [at(t + 1e-6).xt, at(t - 1e-6).xt];
      at(t).flow.forEach((v, i) => {
        assert.ok(Math.abs((up[i] - down[i]) / 2e-6 - v) < 1e-7, type);
      });
    }
  }
});

test("every path ends at the data, and all but target begin at the source", () => {
  for (const type of conditionalPathNames) {
    const [start, end] = [0, 1].map((t) => flowSample(conditionalPath({ type }, t), x0, x1, noise));
    end.xt.forEach((v, i) => {
      assert.ok(Math.abs(v - x1[i]) < 1e-15, type);
    });
    start.xt.forEach((v, i) => {
      assert.ok(Math.abs(v - (type === "target" ? noise : x0)[i]) < 1e-15, type);
    });
  }
});

test("a bridge has no noise at its ends, and no NaN", () => {
  for (const t of [0, 1]) {
    const { flow } = flowSample(conditionalPath({ type: "schrodinger-bridge", sigma: 1 }, t), x0, x1, noise);
    flow.forEach((v, i) => {
      assert.equal(v, x1[i] - x0[i]);
    });
  }
  assert.throws(() => conditionalPath({ type: "bridge" as "target" }, 0.5), ConfigError);
});
