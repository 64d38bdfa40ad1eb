import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { type Assignment, assign, type Costs, certify, distances, isUnique } from "../../src/transport/index.ts";
import { normals, uniforms } from "./points.ts";

const infinity = Number.POSITIVE_INFINITY;

/** Solves, checks the proof of optimality, and returns the solution. */
function solve(costs: Costs): Assignment {
  const solution = assign(costs);
  const scale = Float64Array.from(costs.data).reduce(
    (most, c) => (Math.abs(c) < infinity ? Math.max(most, Math.abs(c)) : most),
    1e-300,
  );
  const { infeasibility, slackness, leftover, gap } = certify(costs, solution);
  const tolerance = 1e-12 * scale;
  assert.ok(infeasibility <= tolerance, `u + v exceeds c by ${infeasibility}`);
  assert.ok(slackness <= tolerance, `a matched pair is ${slackness} from tight`);
  assert.ok(leftover <= tolerance, `a line left over has dual ${leftover}`);
  assert.ok(Math.abs(gap) <= tolerance * (costs.rows + costs.columns), `duality gap ${gap}`);
  return solution;
}

function matrix(rows: number, columns: number, entry: (i: number, j: number) => number): Costs {
  const data = Float64Array.from({ length: rows * columns }, (_, k) => entry(Math.floor(k / columns), k % columns));
  return { rows, columns, data };
}

/** The least cost over all injections of the shorter side, and how many reach it. */
function bruteForce({ rows, columns, data }: Costs): { cost: number; optima: number } {
  let [cost, optima] = [infinity, 0];
  const short = Math.min(rows, columns);
  const at = (s: number, l: number) => (rows <= columns ? data[s * columns + l] : data[l * columns + s]);
  const visit = (s: number, used: number, sum: number) => {
    if (s === short) {
      if (sum < cost - 1e-9) [cost, optima] = [sum, 1];
      else if (sum < cost + 1e-9) optima++;
      return;
    }
    for (let l = 0; l < Math.max(rows, columns); l++)
      if ((used & (1 << l)) === 0 && at(s, l) < infinity) visit(s + 1, used | (1 << l), sum + at(s, l));
  };
  visit(0, 0, 0);
  return { cost, optima };
}

const size = fc.integer({ min: 1, max: 7 });
const small = fc.oneof(
  fc.integer({ min: -5000, max: 5000 }).map((thousandths) => thousandths / 1000),
  fc.integer({ min: 0, max: 3 }), // ties
  fc.constant(infinity),
);

test("the cost is the least over all matchings, N ≤ 7, with ties and forbidden pairs", () => {
  fc.assert(
    fc.property(
      fc.tuple(size, size).chain(([rows, columns]) =>
        fc.record({
          rows: fc.constant(rows),
          columns: fc.constant(columns),
          data: fc
            .array(small, { minLength: rows * columns, maxLength: rows * columns })
            .map((values) => Float64Array.from(values)),
        }),
      ),
      (costs) => {
        const { cost, optima } = bruteForce(costs);
        if (optima === 0) {
          assert.throws(() => assign(costs), ConfigError);
          return;
        }
        const solution = solve(costs);
        assert.ok(Math.abs(solution.cost - cost) < 1e-9);
        assert.equal(isUnique(costs, solution, 1e-10), optima === 1);
      },
    ),
    { numRuns: 400 },
  );
});

test("larger problems of every kind carry their certificate", () => {
  const u = uniforms(1);
  const n = 150;
  const line = Float64Array.from({ length: n }, u).sort();
  const other = Float64Array.from({ length: n }, u).sort();
  const images = normals(n * 20, 2);
  const noise = normals(n * 20, 3);
  const kinds: Record<string, Costs> = {
    uniform: matrix(n, n, u),
    "float32 distances": distances(images, noise, 20, { precision: "float32" }),
    integers: matrix(n, n, () => Math.floor(10 * u())),
    constant: matrix(n, n, () => 3),
    product: matrix(n, n, (i, j) => (i + 1) * (j + 1)),
    "rank one": matrix(n, n, (i, j) => line[i] * other[j]),
    line: matrix(n, n, (i, j) => Math.abs(line[i] - other[j])),
    "many magnitudes": matrix(n, n, () => Math.exp(20 * u())),
    "a dear row": matrix(n, n, (i) => (i === 0 ? 1e9 : u())),
    "big M": matrix(n, n, (i, j) => (u() < 0.8 && i !== j ? 1e12 : u())),
    sparse: matrix(n, n, (i, j) => (u() < 0.95 && i !== j ? infinity : u())),
    wide: matrix(60, n, u),
    tall: matrix(n, 60, u),
    "wide integers": matrix(60, n, () => Math.floor(5 * u())),
  };
  for (const costs of Object.values(kinds)) solve(costs);
});

test("N = 700 takes the second round of scaling and is still optimal", () => {
  const n = 700;
  solve(distances(normals(n * 8, 4), normals(n * 8, 5), 8));
});

test("in one dimension the sorted matching is optimal for the squared distance", () => {
  const x = normals(200, 6);
  const y = normals(200, 7);
  const { cost } = solve(distances(x, y, 1, { metric: "squared-euclidean" }));
  const [a, b] = [x.slice().sort(), y.slice().sort()];
  const sorted = a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);
  assert.ok(Math.abs(cost - sorted) < 1e-9 * sorted);
});

test("permuting rows and columns permutes the solution; adding to a line adds to the cost", () => {
  const permutation = (n: number, seed: number) => {
    const keys = normals(n, seed);
    return Array.from(keys.keys()).sort((i, j) => keys[i] - keys[j]);
  };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 1000 }), (n, seed) => {
      const costs = distances(normals(n * 3, seed), normals(n * 3, seed + 1), 3);
      const { columnOf, cost } = solve(costs);
      const [p, q] = [permutation(n, seed + 2), permutation(n, seed + 3)];
      const moved = solve(matrix(n, n, (i, j) => costs.data[p[i] * n + q[j]] + (i === 0 ? 7 : 0)));
      assert.ok(Math.abs(moved.cost - 7 - cost) < 1e-9);
      for (let i = 0; i < n; i++) assert.equal(q[moved.columnOf[i]], columnOf[p[i]]);
    }),
    { numRuns: 40 },
  );
});

test("two solves of one problem are the same", () => {
  const costs = matrix(80, 80, uniforms(8));
  assert.deepEqual(assign(costs), assign(costs));
});

test("nothing to match costs nothing", () => {
  assert.equal(assign({ rows: 0, columns: 0, data: new Float64Array(0) }).cost, 0);
  assert.equal(assign({ rows: 0, columns: 4, data: new Float64Array(0) }).cost, 0);
});

test("costs that cannot be solved are refused", () => {
  assert.throws(() => assign(matrix(3, 3, () => Number.NaN)), /assign: cost of row 0, column 0: NaN/);
  assert.throws(() => assign(matrix(3, 3, (i, j) => (i * j === 2 ? -infinity : 1))), /row 1, column 2: -Infinity/);
  assert.throws(() => assign(matrix(3, 3, (i) => (i === 2 ? infinity : 1))), /too many pairs are forbidden/);
  assert.throws(() => assign(matrix(3, 3, (_, j) => (j === 2 ? infinity : 1))), /too many pairs are forbidden/);
  assert.throws(() => assign(matrix(3, 3, (i, j) => (i > 0 && j > 0 ? infinity : 1))), ConfigError);
  assert.throws(() => assign({ rows: 2, columns: 2, data: new Float64Array(3) }), /expected 2 × 2/);
});

test("certify refuses what is no assignment", () => {
  const costs = matrix(3, 3, uniforms(9));
  const solution = assign(costs);
  const broken = { ...solution, columnOf: Int32Array.of(0, 0, 1) };
  assert.throws(() => certify(costs, broken), /certify: row/);
});

test("distances agree with differences, close pairs included", () => {
  const [n, m, dims] = [7, 9, 5];
  const x = normals(n * dims, 10);
  const y = normals(m * dims, 11);
  y.set(
    x.subarray(0, dims).map((value) => value * (1 + 1e-9)),
    0,
  );
  const exact = (i: number, j: number) =>
    Math.hypot(...Array.from({ length: dims }, (_, d) => x[i * dims + d] - y[j * dims + d]));
  for (const [metric, f] of [
    ["euclidean", (d: number) => d],
    ["squared-euclidean", (d: number) => d * d],
    ["half-squared-euclidean", (d: number) => (d * d) / 2],
  ] as const) {
    const { data } = distances(x, y, dims, { metric });
    data.forEach((value, k) => {
      const expected = f(exact(Math.floor(k / m), k % m));
      assert.ok(Math.abs(value - expected) <= 1e-10 * expected, `${metric}: ${value} (expected ${expected})`);
    });
  }
  assert.throws(() => distances(x, y, 4), /expected a multiple of dims/);
  assert.throws(() => distances(x, y, dims, { metric: "euclidian" as "euclidean" }), /Did you mean "euclidean"/);
});

test("distances in blocks are the distances one by one", () => {
  const [n, m, dims] = [67, 131, 600];
  const x = normals(n * dims, 12);
  const y = normals(m * dims, 13);
  const { data } = distances(x, y, dims);
  for (const [i, j] of [
    [0, 0],
    [66, 130],
    [64, 63],
    [3, 64],
    [65, 129],
  ])
    assert.ok(
      Math.abs(
        data[i * m + j] -
          distances(x.subarray(i * dims, (i + 1) * dims), y.subarray(j * dims, (j + 1) * dims), dims).data[0],
      ) < 1e-10,
    );
});
