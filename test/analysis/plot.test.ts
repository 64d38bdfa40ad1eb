import assert from "node:assert/strict";
import { test } from "node:test";
import { linePlot, ticks } from "../../src/analysis/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const labels = { title: "a < b & c", xLabel: "x", yLabel: "y" };

test("ticks are round, inside, and about as many as asked for", () => {
  assert.deepEqual(ticks(-20, 20, 8), [-20, -15, -10, -5, 0, 5, 10, 15, 20]);
  assert.deepEqual(
    ticks(0, 1, 6).map((v) => v.toFixed(1)),
    ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"],
  );
  for (const [low, high] of [
    [0.013, 0.9],
    [-1e6, 3],
    [5, 5.001],
  ]) {
    const all = ticks(low, high, 6);
    assert.ok(all.length >= 2 && all.length <= 8 && all[0] >= low - 1e-9 && (all.at(-1) ?? 0) <= high + 1e-9);
  }
});

test("a plot is well-formed, escapes text, and breaks a line where there is nothing to draw", () => {
  const svg = linePlot({
    ...labels,
    series: [
      { name: "s", x: [0, 1, 2, 3], y: [1, Number.NaN, 3, 4] },
      { name: "t", x: [0, 3], y: [2, 2], dashed: true },
    ],
  });
  assert.match(svg, /^<svg [^>]*xmlns/);
  assert.ok(svg.includes("a &#60; b &#38; c") && !/NaN|Infinity|undefined/.test(svg));
  const [line] = svg.match(/<path d="M[^"]*" fill="none" stroke="#0072b2"/g) ?? [];
  assert.equal(line?.match(/M/g)?.length, 2);
  assert.match(svg, /stroke-dasharray/);
});

test("a logarithmic scale leaves out what has no logarithm", () => {
  const svg = linePlot({ ...labels, log: true, series: [{ name: "s", x: [0, 1, 2], y: [0, 1e-3, 10] }] });
  assert.ok(!/NaN|Infinity/.test(svg));
  assert.match(svg, />0\.01</);
  assert.throws(() => linePlot({ ...labels, log: true, series: [{ name: "s", x: [0], y: [0] }] }), ConfigError);
});

test("a logarithmic scale of few decades has ticks within them", () => {
  const tickTexts = (y: readonly number[]) => {
    const svg = linePlot({ ...labels, log: true, series: [{ name: "s", x: [0, 1], y }] });
    return [...svg.matchAll(/text-anchor="end">([^<]*)</g)].map(([, text]) => text);
  };
  assert.deepEqual(tickTexts([2.6, 29]), ["3", "5", "10", "20"]);
  assert.deepEqual(tickTexts([0.9, 1100]), ["1", "10", "100", "1000"]);
});

test("names stand in the corner that lines leave empty", () => {
  const legendAt = (y: readonly number[]) => {
    const svg = linePlot({
      ...labels,
      series: [
        { name: "one", x: [0, 1], y },
        { name: "two", x: [0, 1], y: y.map((v) => v + 1) },
      ],
    });
    const [, x, top] = svg.match(/<rect x="([\d.]+)" y="([\d.]+)"[^>]*fill-opacity/) ?? [];
    return [Number(x) > 320 ? "right" : "left", Number(top) < 200 ? "above" : "below"].join();
  };
  assert.equal(legendAt([9, 0]), "right,above");
  assert.equal(legendAt([0, 9]), "left,above");
});
