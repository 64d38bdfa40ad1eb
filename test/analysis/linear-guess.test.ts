import assert from "node:assert/strict";
import { test } from "node:test";
import { coordinates, leadingDirections, linearSpread, pairMoments } from "../../src/analysis/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import { optimalPairing, permute } from "../../src/transport/index.ts";

const count = 20_000;
const noise = normals(0, "noise", 0, 2 * count);
const data = normals(1, "data", 0, 2 * count).map((v, k) => (k % 2 === 0 ? 2 * v : 0.5 * v));

test("independent noise leaves of Gaussian data what the posterior does: s²σ²/(s² + σ²)", () => {
  const moments = pairMoments(data, 2);
  for (const sigma of [0.1, 1, 7]) {
    const left = [4, 0.25].map((v) => (v * sigma ** 2) / (v + sigma ** 2));
    assert.ok(Math.abs(linearSpread(moments, moments, sigma) - (left[0] + left[1]) / 4.25) < 0.01);
  }
  assert.equal(linearSpread(moments, moments, Number.POSITIVE_INFINITY), 1);
});

test("noise that is the image tells all; judged by independent pairs the same guess is worse than none", () => {
  const same = pairMoments(noise, 2, noise);
  for (const sigma of [0.3, 5, Number.POSITIVE_INFINITY]) assert.ok(linearSpread(same, same, sigma) < 1e-9);
  assert.ok(linearSpread(same, pairMoments(noise, 2), Number.POSITIVE_INFINITY) > 1.9);
});

test("matched noise tells of the image where independent noise tells nothing", () => {
  const pool = 100;
  const matched = new Float64Array(2 * count);
  for (let at = 0; at < 40 * pool; at += pool) {
    const [from, to] = [2 * at, 2 * (at + pool)];
    const { permutation } = optimalPairing(data.subarray(from, to), noise.subarray(from, to), 2);
    matched.set(permute(noise.subarray(from, to), permutation, 2), from);
  }
  const pairs = 40 * pool;
  const fit = pairMoments(data.subarray(0, pairs), 2, matched.subarray(0, pairs));
  const judged = pairMoments(data.subarray(pairs, 2 * pairs), 2, matched.subarray(pairs, 2 * pairs));
  const left = linearSpread(fit, judged, Number.POSITIVE_INFINITY);
  assert.ok(left < 0.35, `${left}`);
  assert.ok(linearSpread(pairMoments(data, 2), pairMoments(data, 2), Number.POSITIVE_INFINITY) === 1);
});

test("leading directions are orthonormal and hold the variance that there is", () => {
  const [dims, rank, points] = [12, 2, 3000];
  // A plane in twelve dimensions, and a little of everything.
  const along = normals(2, "along", 0, 2 * points);
  const rest = normals(3, "rest", 0, dims * points);
  const all = rest.map((v, k) => {
    const [i, d] = [Math.floor(k / dims), k % dims];
    return 5 + 0.01 * v + along[2 * i] * Math.cos(d) + along[2 * i + 1] * Math.sin(2 * d);
  });
  const directions = leadingDirections(all, dims, normals(4, "sketch", 0, rank * dims));
  const { axes } = directions;
  for (let r = 0; r < rank; r++)
    for (let s = 0; s <= r; s++) {
      let product = 0;
      for (let d = 0; d < dims; d++) product += axes[r * dims + d] * axes[s * dims + d];
      assert.ok(Math.abs(product - (r === s ? 1 : 0)) < 1e-12);
    }
  const seen = coordinates(directions, all);
  const held = seen.reduce((sum, v) => sum + v * v, 0) / points;
  const { mean } = directions;
  const total = all.reduce((sum, v, k) => sum + (v - mean[k % dims]) ** 2, 0) / points;
  assert.ok(held / total > 0.999);
});

test("mistakes are refused", () => {
  const moments = pairMoments(data, 2);
  assert.throws(() => linearSpread(moments, moments, 0), ConfigError);
  assert.throws(() => linearSpread(moments, pairMoments(data, 1), 1), ConfigError);
  assert.throws(() => leadingDirections(data, 2, new Float64Array(6)), ConfigError);
});
