import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { combine, type Term } from "../../src/sampling/combine.ts";

test("combine is the sum of its terms, for any number of them", () => {
  const number = fc.double({ min: -1e3, max: 1e3, noNaN: true });
  const terms = fc.array(fc.tuple(number, fc.array(number, { minLength: 3, maxLength: 3 })), {
    minLength: 1,
    maxLength: 9,
  });
  fc.assert(
    fc.property(terms, (given) => {
      const out = combine(new Float64Array(3), ...given.map(([a, v]): Term => [a, Float64Array.from(v)]));
      for (let i = 0; i < 3; i++) {
        const sum = given.reduce((total, [a, v]) => total + a * v[i], 0);
        assert.ok(Math.abs(out[i] - sum) <= 1e-9 * (1 + Math.abs(sum)));
      }
    }),
  );
});

test("combine may write to one of its first four vectors", () => {
  const v = Float64Array.of(1, 2);
  combine(v, [1, v], [2, v], [3, v], [4, v], [5, Float64Array.of(1, 1)]);
  assert.deepEqual([...v], [15, 25]);
});

test("combine refuses vectors of different lengths", () => {
  assert.throws(() => combine(new Float64Array(2), [1, new Float64Array(3)]), RangeError);
});
