import assert from "node:assert/strict";
import { test } from "node:test";
import { bins, continuousFit, discreteFit, histogram, least, pearson, upperTail } from "./histogram.ts";
import { lawOf } from "./timestep-examples.ts";

test("the probability of χ² is the tabled one", () => {
  // The 5% and 0.1% points.
  for (const [x, k, expected] of [
    [31.41, 20, 0.05],
    [45.315, 20, 0.001],
    [12.592, 6, 0.05],
  ])
    assert.ok(Math.abs(upperTail(x, k) / expected - 1) < 1e-3);
});

test("a continuous law's density integrates to 1 and fits a histogram", () => continuousFit(100_000));

test("a discrete law's probabilities sum to 1 and fit a histogram", () => discreteFit(100_000));

test("a wrong density is found out", () => {
  const [right, wrong] = [2.4, 2.42].map((pStd) => lawOf({ type: "log-normal", pStd: pStd / 2 }));
  const edges = Array.from({ length: bins + 1 }, (_, i) => wrong.draw(i / bins));
  const { probability } = pearson(histogram("wrong", right.draw, edges, 1_000_000), new Array(bins).fill(1 / bins));
  assert.ok(probability < least, `${probability}`);
});
