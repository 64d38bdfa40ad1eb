import assert from "node:assert/strict";
import { test } from "node:test";
import { attention, dropout, embedding, evaluate, input, upConv2d } from "../../src/graph/index.ts";
import { values } from "./examples.ts";

test("embedding picks rows, and nothing for a label outside", () => {
  const rows = embedding(input("labels", [3], "int64"), input("table", [2, 2]));
  assert.deepEqual([...evaluate([rows], { labels: [1, 0, 2], table: [1, 2, 3, 4] })[0]], [3, 4, 1, 2, 0, 0]);
});

test("attention to equal keys is the mean of the values; to one far larger score, its value", () => {
  const [q, k, v] = ["q", "k", "v"].map((name) => input(name, [2, 1]));
  const at = (keys: number[]) => evaluate([attention(q, k, v)], { q: [1, 1], k: keys, v: [2, 6] })[0];
  assert.deepEqual([...at([1, 1])], [4, 4]);
  assert.deepEqual([...at([0, 1000])], [6, 6]);
});

test("dropout keeps the expectation: draws below the rate become 0, the others grow", () => {
  const y = dropout(input("x", [2]), input("u", [2]), 0.75);
  assert.deepEqual([...evaluate([y], { x: [3, 3], u: [0.74, 0.75] })[0]], [0, 12]);
});

test("a convolution of repeated pixels is that of the enlarged image", () => {
  const [x, w] = [input("x", [2, 3, 3, 4]), input("w", [5, 3, 3, 3])];
  const feeds = { x: values(x.shape, 1), w: values(w.shape, 2) };
  const [fast, plain] = evaluate([upConv2d(x, w), x.upsample(2).conv2d(w, { pads: [1, 1, 1, 1] })], feeds);
  for (const [i, value] of fast.entries()) assert.ok(Math.abs(value - plain[i]) < 1e-12);
});
