import assert from "node:assert/strict";
import { test } from "node:test";
import {
  datasetFromArray,
  duplicates,
  imagesFromBytes,
  labelCounts,
  points,
  statistics,
} from "../../src/data/index.ts";
import { normals } from "../../src/random/index.ts";

const near = (actual: number, expected: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected}`);

test("moments of known numbers, overall and by channel", () => {
  const set = datasetFromArray({ name: "n", values: Float64Array.of(1, 10, 3, 30, 5, 50), shape: [2] });
  const { mean, std, channels, min, max, examples, nonFinite } = statistics(set);
  near(mean, 16.5);
  near(std, Math.sqrt([1, 10, 3, 30, 5, 50].reduce((sum, v) => sum + (v - 16.5) ** 2, 0) / 6));
  near(channels[0].mean, 3);
  near(channels[0].std, Math.sqrt(8 / 3));
  near(channels[1].mean, 30);
  assert.deepEqual([min, max, examples, nonFinite], [1, 50, 3, 0]);
});

test("a mean far from zero costs no digits", () => {
  const values = normals(1, "far", 0, 4000).map((x) => 1024 + x / 64);
  const set = datasetFromArray({ name: "far", values: Float32Array.from(values), shape: [4] });
  near(statistics(set).std, 1 / 64, 5e-4);
});

test("the standard deviation of two-valued images is exact", () => {
  const pixels = Uint8Array.from({ length: 3 * 4 * 50 }, (_, i) => (i % 2 === 0 ? 0 : 255));
  const { mean, std, channels } = statistics(imagesFromBytes({ name: "b", pixels, shape: [3, 2, 2] }));
  near(mean, 0);
  near(std, 1);
  assert.equal(channels.length, 3);
});

test("numbers that are not finite are counted and left out", () => {
  const set = datasetFromArray({
    name: "n",
    values: Float64Array.of(1, Number.NaN, 3, Number.POSITIVE_INFINITY),
    shape: [1],
  });
  const { mean, min, max, nonFinite } = statistics(set);
  assert.deepEqual([mean, min, max, nonFinite], [2, 1, 3, 2]);
});

test("a part of the examples is spread over all of them", () => {
  const set = datasetFromArray({ name: "n", values: Float64Array.from({ length: 100 }, (_, i) => i), shape: [1] });
  const { mean, examples } = statistics(set, { examples: 10 });
  assert.equal(examples, 10);
  near(mean, 45);
  assert.equal(statistics(set, { examples: 1000 }).examples, 100);
});

test("labels are counted", () => {
  const set = imagesFromBytes({
    name: "l",
    pixels: new Uint8Array(5),
    shape: [1, 1, 1],
    labels: [0, 2, 2, 0, 2],
    classes: ["a", "b", "c"],
  });
  assert.deepEqual(labelCounts(set), [2, 0, 3]);
  assert.equal(labelCounts(points("checkerboard", { size: 3 })), undefined);
});

test("duplicates name the first of their kind", () => {
  const values = normals(0, "d", 0, 300 * 4);
  values.copyWithin(4 * 100, 4 * 7, 4 * 8);
  values.copyWithin(4 * 200, 4 * 7, 4 * 8);
  const set = datasetFromArray({ name: "d", values, shape: [4] });
  assert.deepEqual(duplicates(set), [
    { index: 100, of: 7 },
    { index: 200, of: 7 },
  ]);
});
