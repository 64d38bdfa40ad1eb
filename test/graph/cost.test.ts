import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, type Expr, gradients, input, type OpName } from "../../src/graph/index.ts";
import { examples } from "./examples.ts";

test("a matrix product, its bias and its activation", () => {
  const y = input("x", [2, 3])
    .matmul(input("w", [3, 5]))
    .add(input("b", [5]))
    .silu();
  assert.deepEqual(cost([y]), {
    nodes: 3,
    macs: 30,
    flops: 60 + 10 + 10,
    inputBytes: 4 * (6 + 15 + 5),
    constantBytes: 0,
    intermediateBytes: 4 * 30,
    peakBytes: 4 * 20,
  });
});

test("a convolution's gradients cost as much as the convolution", () => {
  const [x, w] = [input("x", [2, 4, 6, 5]), input("w", [8, 2, 3, 3])];
  const y = x.conv2d(w, { stride: 2, pads: [1, 1, 1, 1], groups: 2 });
  assert.equal(cost([y]).macs, 2 * 8 * 3 * 3 * (2 * 3 * 3));
  const [dx, dw] = gradients(y, [x, w], input("dy", y.shape));
  assert.equal(cost([dx]).macs, cost([y]).macs);
  assert.equal(cost([dw]).macs, cost([y]).macs);
});

test("reshaped values are no new memory, and values are freed after their last use", () => {
  const x = input("x", [100]);
  const chain = x.exp().reshape([10, 10]).exp().reshape([100]).exp().exp();
  assert.equal(cost([chain]).intermediateBytes, 4 * 400);
  assert.equal(cost([chain]).peakBytes, 4 * 200);
  const kept = x.exp();
  assert.equal(cost([kept.exp().exp(), kept.reshape([10, 10])]).peakBytes, 4 * 300);
});

test("every primitive that computes has a cost", () => {
  const free: readonly OpName[] = [
    "cast",
    "detach",
    "after",
    "reshape",
    "transpose",
    "expand",
    "slice",
    "pad",
    "concat",
    "oneHot",
    "upsample",
    "interleave",
    "phase",
  ];
  for (const [op, [{ shapes, build }]] of Object.entries(examples)) {
    const y: Expr = build(...shapes.map((shape, k) => input(`x${k}`, shape)));
    assert.equal(cost([y]).flops > 0, !free.includes(op as OpName), op);
  }
});
