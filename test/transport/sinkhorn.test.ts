import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assign, distances, exactTransport, sinkhorn, sinkhornDivergence } from "../../src/transport/index.ts";
import { normals } from "./points.ts";

const near = (actual: number, expected: number, tolerance: number, what = "") =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} (expected ${expected} ± ${tolerance})`);

test("the plan has the given marginals and the value is the primal objective", () => {
  const costs = distances(normals(12, 1), normals(14, 2), 2, { metric: "half-squared-euclidean" });
  const a = [0.3, 0.1, 0.2, 0.15, 0.2, 0.05];
  const b = [0.1, 0.2, 0.1, 0.25, 0.05, 0.2, 0.1];
  const epsilon = 0.1;
  const { plan, value, converged } = sinkhorn(costs, { epsilon, rowWeights: a, columnWeights: b });
  assert.ok(converged);
  let primal = 0;
  const columns = new Float64Array(7);
  for (let i = 0; i < 6; i++) {
    let row = 0;
    for (let j = 0; j < 7; j++) {
      const p = plan[i * 7 + j];
      row += p;
      columns[j] += p;
      primal += p * costs.data[i * 7 + j] + epsilon * p * Math.log(p / (a[i] * b[j]));
    }
    near(row, a[i], 1e-12, "row");
  }
  b.forEach((weight, j) => {
    near(columns[j], weight, 1e-8, "column");
  });
  near(value, primal, 1e-8);
});

test("as ε → 0 the transport cost falls to the assignment's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 0, max: 500 }), (n, seed) => {
      const costs = distances(normals(n * 2, seed), normals(n * 2, seed + 1000), 2, {
        metric: "half-squared-euclidean",
      });
      const exact = assign(costs).cost / n;
      let last = Number.POSITIVE_INFINITY;
      for (const epsilon of [1, 0.1, 0.01]) {
        const { transportCost, value } = sinkhorn(costs, { epsilon, tolerance: 1e-7, maxIterations: 20_000 });
        assert.ok(transportCost >= exact - 1e-5 && transportCost <= last + 1e-5);
        // KL(P ‖ a ⊗ b) ≤ ln n.
        assert.ok(value >= exact - 1e-5 && value <= exact + epsilon * Math.log(n) + 1e-5);
        last = transportCost;
      }
    }),
    { numRuns: 25 },
  );
});

test("identical clouds are 0 apart, in any order; different ones are positive and symmetric", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 500 }), (n, seed) => {
      const x = normals(n * 3, seed);
      const turned = Float64Array.from({ length: n }, (_, i) => n - 1 - i);
      const reversed = Float64Array.from({ length: n * 3 }, (_, k) => x[turned[Math.floor(k / 3)] * 3 + (k % 3)]);
      const y = normals(n * 3, seed + 1);
      for (const blur of [0.2, 1, 5]) {
        near(sinkhornDivergence(x, reversed, 3, { blur }).value, 0, 1e-8);
        const { value } = sinkhornDivergence(x, y, 3, { blur });
        assert.ok(value > 0);
        near(sinkhornDivergence(y, x, 3, { blur }).value, value, 1e-7);
      }
    }),
    { numRuns: 15 },
  );
});

test("a translation by d costs ½‖d‖² at every blur", () => {
  const x = normals(20, 3);
  const y = x.map((value, k) => value + (k % 2 === 0 ? 0.3 : -0.4));
  for (const blur of [0.3, 1, 3]) near(sinkhornDivergence(x, y, 2, { blur }).w2, 0.5, 1e-6);
});

test("the log domain survives exp(−C/ε) = 0 in every entry", () => {
  const costs = { rows: 3, columns: 3, data: Float64Array.of(1e4, 2e4, 3e4, 2e4, 1e4, 2e4, 3e4, 2e4, 1e4) };
  near(sinkhorn(costs, { epsilon: 0.1 }).transportCost, 1e4, 1e-6);
});

test("unbalanced transport tends to the balanced one, and pays for far mass by destroying it", () => {
  const costs = distances(normals(12, 4), normals(12, 5), 2, { metric: "half-squared-euclidean" });
  const balanced = sinkhorn(costs, { epsilon: 0.2 });
  near(sinkhorn(costs, { epsilon: 0.2, rho: 1e6 }).value, balanced.value, 1e-5);
  const far = { rows: 1, columns: 1, data: Float64Array.of(100) };
  const { plan, value } = sinkhorn(far, { epsilon: 0.1, rho: 1 });
  assert.ok(plan[0] < 1e-10);
  near(value, 2, 0.11); // destroying one unit and creating another costs ρ each, up to ε
  // One pair: p minimises p c + ε KL(p | 1) + 2 ρ KL(p | 1), so p = exp(−c/(ε + 2ρ)).
  const one = sinkhorn({ rows: 1, columns: 1, data: Float64Array.of(0.7) }, { epsilon: 0.1, rho: 1, tolerance: 1e-13 });
  near(one.plan[0], Math.exp(-0.7 / 2.1), 1e-10);
  near(one.value, 2.1 * (1 - Math.exp(-0.7 / 2.1)), 1e-10);
  assert.ok(sinkhornDivergence(normals(6, 1), normals(6, 2), 2, { blur: 0.5, rho: 1 }).value > 0);
});

test("forbidden pairs carry nothing, and an impossible problem is refused", () => {
  const infinity = Number.POSITIVE_INFINITY;
  const { plan } = sinkhorn({ rows: 2, columns: 2, data: Float64Array.of(infinity, 1, 1, infinity) }, { epsilon: 0.1 });
  assert.deepEqual([plan[0], plan[3]], [0, 0]);
  near(plan[1], 0.5, 1e-12);
  assert.throws(
    () => sinkhorn({ rows: 2, columns: 2, data: Float64Array.of(infinity, infinity, 1, 1) }, { epsilon: 0.1 }),
    /no plan exists/,
  );
});

test("bad options are refused", () => {
  const costs = distances(normals(4, 1), normals(4, 2), 2);
  assert.throws(() => sinkhorn(costs, { epsilon: 0 }), /epsilon: 0/);
  assert.throws(() => sinkhorn(costs, { epsilon: 1, scaling: 2 }), /scaling: 2/);
  assert.throws(() => sinkhorn(costs, { epsilon: 1, rho: -1 }), /rho: -1/);
  assert.throws(() => sinkhorn(costs, { epsilon: 1, rowWeights: [1] }), /rowWeights: 1 numbers/);
  assert.throws(() => sinkhorn(costs, { epsilon: 1, rowWeights: [1, -1] }), /rowWeights: -1/);
  assert.throws(() => sinkhorn(costs, { epsilon: 1, rowWeights: [1, 1] }), /equal sums/);
});

test("exact transport of unequal sizes splits points", () => {
  const costs = distances(Float64Array.of(0, 1), Float64Array.of(0, 0.5, 1), 1, { metric: "squared-euclidean" });
  near(exactTransport(costs), (1 / 3) * 0.25, 1e-12);
  assert.throws(() => exactTransport({ rows: 101, columns: 100, data: new Float64Array(10_100) }), /10100 parts/);
});
