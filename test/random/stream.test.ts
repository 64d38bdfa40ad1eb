import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors/index.ts";
import { normals, stream } from "../../src/random/index.ts";

/** Φ(x) for moderate x, by its series. */
function normalCdf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; Math.abs(term) > 1e-17; n += 2) sum += term *= (x * x) / n;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** √n times the greatest distance between the empirical and the stated distribution; above 1.95 once in a thousand. */
function kolmogorov(values: Float64Array, cdf: (x: number) => number): number {
  const sorted = values.slice().sort();
  const n = sorted.length;
  let distance = 0;
  for (let i = 0; i < n; i++) {
    const p = cdf(sorted[i]);
    distance = Math.max(distance, p - i / n, (i + 1) / n - p);
  }
  return Math.sqrt(n) * distance;
}

const mean = (values: Float64Array, f: (x: number) => number) =>
  values.reduce((sum, x) => sum + f(x), 0) / values.length;

function correlation(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum / a.length;
}

test("the numbers of a key never change", () => {
  const draws = stream(42, "noise", 7);
  assert.deepEqual(
    [draws.uniform(), draws.uniform(), draws.normal(), draws.normal(), draws.integer(1000), draws.integer(10)],
    [0.6329581182461882, 0.35985761402883987, 1.0131345267782452, 0.8710927881744357, 69, 3],
  );
});

test("a fill draws what single calls draw, from any position", () => {
  const [one, all] = [stream(1, "fill"), stream(1, "fill")];
  assert.equal(one.uniform(), all.uniform());
  const filled = all.fillNormal(new Float64Array(3001));
  for (const value of filled) assert.equal(value, one.normal());
  for (const value of all.fillUniform(new Float64Array(1001))) assert.equal(value, one.uniform());
  for (const value of all.fillNormal(new Float32Array(1001))) assert.equal(value, Math.fround(one.normal()));
  for (const value of all.fillUniform(new Float32Array(1001)))
    assert.equal(value, Math.floor(one.uniform() * 2 ** 24) / 2 ** 24);
  assert.equal(one.position, all.position);
  assert.deepEqual(normals(1, "x", 4, 5), stream(1, "x", 4).fillNormal(new Float64Array(5)));
});

test("a position restores the rest of the sequence", () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(1e6), (taken, index) => {
      const draws = stream(9, "resume", index);
      for (let i = 0; i < taken; i++) draws.normal();
      const { position } = draws;
      const rest = Array.from({ length: 5 }, () => draws.normal());
      const resumed = stream(9, "resume", index);
      resumed.position = position;
      assert.deepEqual(
        Array.from({ length: 5 }, () => resumed.normal()),
        rest,
      );
      draws.position = 0;
      assert.equal(draws.normal(), stream(9, "resume", index).normal());
    }),
    { numRuns: 100 },
  );
});

test("positions far away work", () => {
  for (const position of [2 ** 31 - 1, 2 ** 32, 2 ** 33 + 1, 2 ** 40, 2 ** 52 + 1]) {
    const far = stream(0, "far");
    far.position = position;
    const values = [far.uniform(), far.uniform(), far.uniform()];
    assert.equal(far.position, position + 3);
    assert.equal(new Set(values).size, 3);
    far.position = position + 2;
    assert.equal(far.uniform(), values[2]);
  }
});

test("uniforms fill [0, 1) evenly", () => {
  const values = stream(3, "uniform").fillUniform(new Float64Array(200_000));
  assert.ok(values.every((u) => u >= 0 && u < 1));
  assert.ok(kolmogorov(values, (u) => u) < 1.95);
  // The lowest of the 53 bits is as fair as any other.
  const odd = values.reduce((count, u) => count + ((u * 2 ** 53) % 2), 0);
  assert.ok(Math.abs(odd - 100_000) < 4 * Math.sqrt(50_000));
  assert.ok(
    stream(3, "uniform")
      .fillUniform(new Float32Array(200_000))
      .every((u) => u < 1),
  );
});

test("normals have the moments, the distribution and the tail of N(0, 1)", () => {
  const n = 1_000_000;
  const values = stream(5, "normal").fillNormal(new Float64Array(n));
  // The k-th moment has variance (m₂ₖ − mₖ²)/n.
  for (const [k, expected, variance] of [
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 15],
    [4, 3, 96],
    [6, 15, 10170],
  ])
    assert.ok(Math.abs(mean(values, (x) => x ** k) - expected) < 4 * Math.sqrt(variance / n), `moment ${k}`);
  assert.ok(kolmogorov(values.subarray(0, 200_000), normalCdf) < 1.95);
  const beyond = 2 * (1 - normalCdf(3.7)) * n;
  const [above, below] = [values.filter((x) => x > 3.7).length, values.filter((x) => x < -3.7).length];
  assert.ok(Math.abs(above + below - beyond) < 4 * Math.sqrt(beyond), `${above} + ${below}, expected ${beyond}`);
  assert.ok(above > 60 && below > 60);
});

test("normals in the tail follow the tail's own distribution", () => {
  const values = stream(8, "tail").fillNormal(new Float64Array(3_000_000));
  const start = 3.654152885361009;
  const far = values.filter((x) => Math.abs(x) > start).map(Math.abs);
  assert.ok(far.length > 600);
  const rest = 1 - normalCdf(start);
  assert.ok(kolmogorov(far, (x) => 1 - (1 - normalCdf(x)) / rest) < 1.95);
});

test("integers are equally likely (chi squared)", () => {
  for (const n of [2, 3, 7, 10, 64, 1000]) {
    const draws = stream(11, "integers", n);
    const counts = new Float64Array(n);
    const total = 200_000;
    for (let i = 0; i < total; i++) counts[draws.integer(n)]++;
    const expected = total / n;
    const chi2 = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Wilson and Hilferty: (χ²/k)^(1/3) is nearly normal.
    const k = n - 1;
    const z = ((chi2 / k) ** (1 / 3) - (1 - 2 / (9 * k))) / Math.sqrt(2 / (9 * k));
    assert.ok(Math.abs(z) < 3.3, `${n}: χ² = ${chi2}`);
  }
});

test("integers stay below n up to 2^53 − 1, and bins are exact", () => {
  for (const n of [1, 2 ** 31, 2 ** 32, 2 ** 52 + 1, 2 ** 53 - 1]) {
    const draws = stream(1, "big");
    for (let i = 0; i < 100; i++) assert.ok(draws.integer(n) < n && Number.isSafeInteger(draws.integer(n)));
  }
  // floor(v / bin) in float64 equals the division of whole numbers.
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (v, n) => {
      const [value, bin] = [Math.abs(v), Math.floor(2 ** 53 / Math.max(1, Math.abs(n)))];
      for (const near of [value, Math.floor(value / bin) * bin, Math.max(0, Math.floor(value / bin) * bin - 1)])
        assert.equal(BigInt(Math.floor(near / bin)), BigInt(near) / BigInt(bin));
    }),
  );
  const draws = stream(1, "big");
  for (const n of [0, -1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => draws.integer(n), RangeError);
});

test("permutations hold every number once and are equally likely", () => {
  const order = stream(2, "order").permutation(1000);
  assert.deepEqual(
    Array.from(order).sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.equal(stream(2, "order").permutation(0).length, 0);

  const draws = stream(2, "orders");
  const seen = new Map<string, number>();
  for (let i = 0; i < 24_000; i++) {
    const key = draws.shuffle(["a", "b", "c", "d"]).join("");
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  assert.equal(seen.size, 24);
  const chi2 = [...seen.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  assert.ok(chi2 < 49.7, `χ² = ${chi2}`); // 23 degrees of freedom, once in a thousand
});

test("streams of other seeds, purposes and indices are other and uncorrelated", () => {
  const n = 100_000;
  const base = normals(1, "noise", 0, n);
  const others = {
    seed: normals(2, "noise", 0, n),
    "far seed": normals(1 + 2 ** 32, "noise", 0, n),
    purpose: normals(1, "noisf", 0, n),
    "longer purpose": normals(1, "noise\0", 0, n),
    index: normals(1, "noise", 1, n),
    "far index": normals(1, "noise", 2 ** 32, n),
    "later position": normals(1, "noise", 0, n + 1).subarray(1),
  };
  const firsts = new Set([base, ...Object.values(others)].map((values) => values[0]));
  assert.equal(firsts.size, 8);
  for (const [name, values] of Object.entries(others))
    assert.ok(Math.abs(correlation(base, values)) < 4 / Math.sqrt(n), name);
});

test("the first numbers of neighbouring streams are as random as those of one stream", () => {
  const across = (f: (i: number) => number) => Float64Array.from({ length: 50_000 }, (_, i) => f(i));
  assert.ok(
    kolmogorov(
      across((i) => stream(0, "noise", i).uniform()),
      (u) => u,
    ) < 1.95,
  );
  assert.ok(
    kolmogorov(
      across((i) => stream(i, "noise").uniform()),
      (u) => u,
    ) < 1.95,
  );
  assert.ok(
    kolmogorov(
      across((i) => stream(0, `noise ${i}`).uniform()),
      (u) => u,
    ) < 1.95,
  );
  const firsts = across((i) => stream(0, "noise", i).normal());
  assert.ok(Math.abs(correlation(firsts.subarray(1), firsts.subarray(0, -1))) < 4 / Math.sqrt(50_000));
});

test("purposes of any length and script have streams of their own", () => {
  const purposes = ["", "a", "b", "ab", "abcdefgh", "abcdefghi", "abcdefgh\0", "шум", "🎲", "x".repeat(1000)];
  assert.equal(new Set(purposes.map((purpose) => stream(0, purpose).uniform())).size, purposes.length);
});

test("seeds, indices and positions must be whole numbers", () => {
  for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => stream(bad, "x"), ConfigError);
    assert.throws(() => stream(0, "x", bad), ConfigError);
    assert.throws(() => {
      stream(0, "x").position = bad;
    }, ConfigError);
  }
});
