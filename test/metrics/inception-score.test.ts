import assert from "node:assert/strict";
import { test } from "node:test";
import { featuresOf, inceptionScore } from "../../src/metrics/index.ts";
import { near, normalFeatures } from "./draws.ts";

test("sure and evenly spread answers score the number of classes, equal answers 1", () => {
  const sure = featuresOf(
    Array.from({ length: 12 }, (_, i) => Array.from({ length: 4 }, (_, c) => (i % 4 === c ? 800 : 0))),
  );
  assert.deepEqual(inceptionScore(sure, { splits: 3 }), { perSplit: Float64Array.of(4, 4, 4), mean: 4, std: 0 });
  const equal = featuresOf(Array.from({ length: 12 }, () => [1, 2, 3]));
  near(inceptionScore(equal, { splits: 2 }).mean, 1, 1e-15);
});

test("a constant added to a sample's logits changes nothing, nor does the order of samples", () => {
  const logits = normalFeatures(1, 40, 6);
  const { mean } = inceptionScore(logits, { splits: 1 });
  const moved = { ...logits, data: logits.data.map((value, at) => value + 500 * Math.floor(at / 6)) };
  near(inceptionScore(moved, { splits: 1 }).mean, mean, 1e-11);
  const turned = { ...logits, data: logits.data.toReversed() };
  near(inceptionScore(turned, { splits: 1 }).mean, mean, 1e-12);
});

test("exp of the mean divergence, by its definition", () => {
  const p = [
    [0.5, 0.25, 0.25],
    [0.1, 0.1, 0.8],
  ];
  const marginal = [0.3, 0.175, 0.525];
  const divergence = p.map((row) => row.reduce((sum, value, c) => sum + value * Math.log(value / marginal[c]), 0));
  const { mean } = inceptionScore(featuresOf(p.map((row) => row.map(Math.log))), { splits: 1 });
  near(mean, Math.exp((divergence[0] + divergence[1]) / 2), 1e-14);
});

test("more splits than samples are refused, and so are logits that are not finite", () => {
  const logits = normalFeatures(1, 9, 3);
  assert.throws(() => inceptionScore(logits), /splits must be an integer from 1 to 9; got 10/);
  assert.throws(() => inceptionScore({ ...logits, data: new Float64Array(27).fill(Number.NaN) }), {
    name: "ConfigError",
  });
});
