import assert from "node:assert/strict";
import { test } from "node:test";
import { counted, finish, heun } from "../../src/sampling/index.ts";
import { ideal } from "./gaussian.ts";

const sigmas = [10, 5, 1, 0.1, 0];
const x = Float64Array.of(4);

test("noise is drawn at every step, whatever the churn, so that streams stay aligned", async () => {
  for (const options of [{}, { sChurn: 1 }, { sChurn: 40, sMin: 2, sMax: 7 }]) {
    let draws = 0;
    await finish(heun(ideal, x, sigmas, { ...options, noise: () => Float64Array.of(draws++) }));
    assert.equal(draws, 4);
  }
});

test("churn raises the level inside [sMin, sMax] only, and never by more than √2", async () => {
  const watched = counted(ideal);
  await finish(heun(watched, x, sigmas, { sChurn: 1e9, sMin: 2, sMax: 7, noise: () => Float64Array.of(1) }));
  const raised = 5 * (1 + (Math.SQRT2 - 1));
  assert.deepEqual(watched.sigmas, [10, 5, raised, 1, 1, 0.1, 0.1]);
});

test("raised levels are rounded to those a discrete network knows, and never lowered", async () => {
  const watched = counted(ideal);
  const noise = () => Float64Array.of(1);
  await finish(heun(watched, x, sigmas, { sChurn: 1, noise, round: Math.round }));
  assert.deepEqual(watched.sigmas, [13, 5, 6, 1, 1, 0.1, 0.1]);
});
