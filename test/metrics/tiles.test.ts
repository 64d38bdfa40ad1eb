import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addProducts, addSquaredDistances, type Rows } from "../../src/metrics/tiles.ts";
import { near, normalFeatures, row } from "./draws.ts";

const size = (max: number) => fc.integer({ min: 1, max });

test("blocked products and distances equal the plain sums at every size", () => {
  fc.assert(
    fc.property(size(9), size(70), size(270), (n, m, dims) => {
      const [a, b] = [normalFeatures(n, n, dims), normalFeatures(m + 100, m, dims)];
      const rows = (data: Float64Array, count: number): Rows => ({ data, offset: 0, stride: dims, count });
      const [left, right] = [rows(a.data, n), rows(b.data, m)];
      const out = (): Rows => ({ data: new Float64Array(n * m).fill(7), offset: 0, stride: m, count: n });
      const [products, distances] = [out(), out()];
      addProducts(products, left, right, dims, -1);
      addSquaredDistances(distances, left, right, dims);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) {
          const [x, y] = [row(a, i), row(b, j)];
          const dot = x.reduce((sum, value, k) => sum + value * y[k], 0);
          const squares = x.reduce((sum, value, k) => sum + (value - y[k]) ** 2, 0);
          near(products.data[i * m + j], 7 - dot, 1e-12);
          near(distances.data[i * m + j], 7 + squares, 1e-12);
        }
    }),
    { numRuns: 40 },
  );
});

test("a distance does not depend on where in a block its pair is", () => {
  const dims = 300;
  const { data } = normalFeatures(3, 7, dims);
  const all: Rows = { data, offset: 0, stride: dims, count: 7 };
  const out = new Float64Array(49);
  addSquaredDistances({ data: out, offset: 0, stride: 7, count: 7 }, all, all, dims);
  for (let i = 0; i < 7; i++)
    for (let j = 0; j < 7; j++) {
      const single = new Float64Array(1);
      addSquaredDistances(
        { data: single, offset: 0, stride: 1, count: 1 },
        { ...all, offset: j * dims, count: 1 },
        { ...all, offset: i * dims, count: 1 },
        dims,
      );
      assert.equal(out[i * 7 + j], single[0]);
    }
});
