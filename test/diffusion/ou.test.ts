import assert from "node:assert/strict";
import { test } from "node:test";
import { ouMixing, ouStartError } from "../../src/diffusion/index.ts";
import { normalPdf } from "../../src/diffusion/normal.ts";

const near = (a: number, b: number, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance, `${a}, ${b}`);

test("the process mixes at least as fast as W₂ and KL bounds say, and from N(m, 1) exactly so", () => {
  for (const [mean, std] of [
    [3, 1],
    [0, 0.3],
    [-2, 0.5],
    [1, 4],
  ])
    for (const t of [0, 0.1, 1, 3]) {
      const { w2, w2Bound, kl, klBound } = ouMixing(mean, std, t);
      assert.ok(w2 <= w2Bound + 1e-12 && kl <= klBound + 1e-12, `${mean}, ${std}, ${t}`);
      if (std !== 1) continue;
      near(w2, w2Bound);
      near(kl, klBound);
      near(kl, w2 ** 2 / 2);
    }
  assert.throws(() => ouMixing(0, 0, 1), /std must be above 0/);
});

test("the reverse SDE forgets its start, which the probability-flow ODE keeps", () => {
  const [mean, horizon, steps] = [2, 1.5, 20000];
  const h = horizon / steps;
  // Means under dy = (y + c s) dt with s = −(y − m e^{−t}); c = 1 for the ODE, 2 for the SDE.
  const [flow, reverse] = [1, 2].map((c) => {
    let y = 0;
    for (let i = 0; i < steps; i++) {
      const t = horizon - (i + 0.5) * h;
      y += h * (y - c * (y - mean * Math.exp(-t)));
    }
    return mean - y;
  });
  const error = ouStartError(mean, horizon);
  near(flow, error.deterministic, 1e-3);
  near(reverse, error.stochastic, 1e-3);
  // Half the integral of |N(x; 0, 1) − N(x; error, 1)|.
  let tv = 0;
  for (let x = -10; x < 10; x += 1e-3) tv += 0.5e-3 * Math.abs(normalPdf(x) - normalPdf(x - error.deterministic));
  near(tv, error.deterministicTv, 1e-5);
  assert.ok(error.deterministicTv <= ouMixing(mean, 1, horizon).tvBound);
});
