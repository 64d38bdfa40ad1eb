import assert from "node:assert/strict";
import { test } from "node:test";
import { concatenate, datasetFromArray, example } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";

const part = (name: string, values: number[], labels?: number[], classes = ["a", "b"]) =>
  datasetFromArray({ name, values: Float32Array.from(values), shape: [1], ...(labels && { labels, classes }) });

test("the examples and labels of one set follow those of the other", () => {
  const set = concatenate("all", [part("p", [1, 2], [0, 1]), part("q", [3], [1])]);
  assert.deepEqual([set.name, set.size, set.shape, set.classes], ["all", 3, [1], ["a", "b"]]);
  assert.deepEqual(
    [0, 1, 2].map((i) => [example(set, i)[0], set.label?.(i)]),
    [
      [1, 0],
      [2, 1],
      [3, 1],
    ],
  );
  assert.equal(concatenate("bare", [part("p", [1])]).label, undefined);
  for (const index of [-1, 3, 0.5]) assert.throws(() => example(set, index), RangeError);
});

test("sets that do not fit are refused", () => {
  const wide = datasetFromArray({ name: "wide", values: Float32Array.of(1, 2), shape: [2] });
  assert.throws(() => concatenate("all", []), ConfigError);
  assert.throws(() => concatenate("all", [part("p", [1]), wide]), /all: shapes differ: p has \[1\], wide has \[2\]/);
  assert.throws(() => concatenate("all", [part("p", [1]), part("q", [1], [0])]), /classes differ/);
  assert.throws(() => concatenate("all", [part("p", [1], [0], ["x"]), part("q", [1], [0])]), /classes differ/);
});
