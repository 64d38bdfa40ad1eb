import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  distances,
  drawFromPlan,
  greedyPairing,
  nearestCandidates,
  optimalPairing,
  permute,
  sinkhorn,
} from "../../src/transport/index.ts";
import { normals, uniforms } from "./points.ts";

const isPermutation = (order: ArrayLike<number>) =>
  assert.deepEqual(
    Array.from(order).sort((a, b) => a - b),
    Array.from({ length: order.length }, (_, i) => i),
  );

test("optimal ≤ greedy ≤ unmatched on average, and all are permutations", () => {
  const [n, dims] = [64, 10];
  const [x, e] = [normals(n * dims, 1), normals(n * dims, 2)];
  const { data } = distances(x, e, dims);
  const unmatched = Array.from({ length: n }, (_, i) => data[i * n + i]).reduce((a, b) => a + b);
  const optimal = optimalPairing(x, e, dims);
  const greedy = greedyPairing(x, e, dims);
  isPermutation(optimal.permutation);
  isPermutation(greedy.permutation);
  assert.ok(optimal.cost < greedy.cost && greedy.cost < unmatched);
});

test("class-wise pairing stays within classes and never beats the unrestricted one", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 0, max: 1000 }),
      (labels, seed) => {
        const dims = 3;
        const [x, e] = [normals(labels.length * dims, seed), normals(labels.length * dims, seed + 1)];
        const { permutation, cost } = optimalPairing(x, e, dims, { labels });
        isPermutation(permutation);
        for (const [i, j] of permutation.entries()) assert.equal(labels[i], labels[j]);
        assert.ok(cost >= optimalPairing(x, e, dims).cost - 1e-9);
        const again = distances(x, permute(e, permutation, dims), dims).data;
        const sum = labels.reduce((total, _, i) => total + again[i * labels.length + i], 0);
        assert.ok(Math.abs(sum - cost) < 1e-9);
      },
    ),
    { numRuns: 50 },
  );
});

test("noise that is a shuffle of the samples is put back in order", () => {
  const [n, dims] = [30, 6];
  const x = Float32Array.from(normals(n * dims, 3));
  const shuffle = Int32Array.from({ length: n }, (_, i) => (7 * i + 4) % n);
  const { permutation, cost } = optimalPairing(x, permute(x, shuffle, dims), dims);
  assert.equal(cost, 0);
  for (const [i, j] of permutation.entries()) assert.equal(shuffle[j], i);
});

test("nearestCandidates takes the nearest of its own k", () => {
  const choice = nearestCandidates(Float64Array.of(0, 10), Float64Array.of(3, -1, 2, 0, 11, 30), 1);
  assert.deepEqual([...choice], [1, 1]);
  assert.throws(() => nearestCandidates(Float64Array.of(0, 10), Float64Array.of(1, 2, 3), 1), /multiple/);
});

test("draws from a plan follow its rows", () => {
  const plan = Float64Array.of(0.5, 0, 0, 0.1, 0.3, 0.1);
  assert.deepEqual([...drawFromPlan(plan, [0.999999, 0.3])], [0, 1]);
  assert.deepEqual([...drawFromPlan(plan, [0, 0.9])], [0, 2]);
  const costs = distances(normals(20, 4), normals(20, 5), 1);
  const { plan: soft } = sinkhorn(costs, { epsilon: 0.5 });
  const counts = new Float64Array(20);
  const u = uniforms(6);
  for (let k = 0; k < 5000; k++) counts[drawFromPlan(soft.subarray(0, 20), [u()])[0]]++;
  counts.forEach((count, j) => {
    assert.ok(Math.abs(count / 5000 - soft[j] * 20) < 0.03);
  });
});

test("sizes that do not fit are refused", () => {
  assert.throws(() => optimalPairing(normals(6, 1), normals(4, 1), 2), /2 noises for 3 samples/);
  assert.throws(() => optimalPairing(normals(6, 1), normals(6, 1), 2, { labels: [1] }), /1 labels for 3/);
});
