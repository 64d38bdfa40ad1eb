import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../../src/cli/compare/plot.ts";

const ticksOf = (low: number, high: number): string[] => {
  const points = [low, high].map((y, x) => [x, y] as const);
  const svg = lines({ xLabel: "x", yLabel: "y", log: true, lines: [{ colour: 0, points }] });
  return [...svg.matchAll(/text-anchor="end">([^<]+)</g)].map(([, text]) => text);
};

test("a logarithmic axis has ticks in every part of it, over many decades and over less than one", () => {
  assert.deepEqual(ticksOf(0.001, 100), ["0.001", "0.01", "0.1", "1", "10", "100"]);
  assert.deepEqual(ticksOf(0.2, 5), ["0.2", "0.5", "1", "2", "5"]);
  assert.ok(ticksOf(1.1, 1.3).length >= 2);
});
