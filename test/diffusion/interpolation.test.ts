import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { discreteSchedule, interpolate } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

test("the interpolation goes through the timesteps it keeps", () => {
  const q = discreteSchedule({ type: "cosine" });
  const view = interpolate(q);
  assert.ok(view.keptSteps < q.steps && view.keptSteps > 990);
  for (const i of [0, 1, 400, view.keptSteps - 1]) {
    const t = (i + 1) / view.keptSteps;
    assert.ok(Math.abs(2 * view.halfLogSnr(t) - q.logSnr[i]) < 1e-8);
    assert.ok(Math.abs(view.logAlpha(t) - 0.5 * Math.log(q.alphasCumprod[i])) < 1e-10);
  }
});

test("time inverts the half log-SNR, between timesteps and beyond them", () => {
  for (const type of ["cosine", "linear"] as const) {
    const view = interpolate({ type, steps: 1000 });
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1, noNaN: true }), (t) => {
        assert.ok(Math.abs(view.time(view.halfLogSnr(t)) - t) < 1e-6);
      }),
    );
  }
  assert.equal(interpolate({ type: "linear", zeroTerminalSnr: true }, Number.NEGATIVE_INFINITY).keptSteps, 999);
  assert.throws(() => interpolate({ type: "cosine" }, 90), ConfigError);
});
