import assert from "node:assert/strict";
import { test } from "node:test";
import {
  contractionTime,
  type DecayPoint,
  estimateW2,
  gaussianDecay,
  noisedGaussian,
  pairingGain,
  significantTime,
  type W2Estimator,
  w2Decay,
} from "../../src/analysis/index.ts";
import { path } from "../../src/diffusion/index.ts";
import { normals, stream } from "../../src/random/index.ts";
import { unitDirections } from "../../src/transport/index.ts";

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} (expected ${expected} ± ${tolerance})`);

test("equal shapes contract by exactly α, others by more", () => {
  const forward = path({ type: "ou", horizon: 3 });
  const p = { mean: [1, 2], std: [0.5, 0.5] };
  for (const t of [0, 0.1, 0.5, 1]) {
    const same = gaussianDecay(p, { mean: [0, 0], std: [0.5, 0.5] }, forward, t);
    near(same.atTime, same.bound, 1e-12);
    near(same.bound, Math.exp(-3 * t) * Math.sqrt(5), 1e-12);
    const { atTime, bound } = gaussianDecay(p, { mean: [0, 0], std: [2, 1] }, forward, t);
    assert.ok(atTime <= bound + 1e-12);
  }
});

test("noising a full covariance is noising the diagonal", () => {
  const full = noisedGaussian({ mean: [1, -1], covariance: [4, 0, 0, 9] }, 0.5, 2);
  const diagonal = noisedGaussian({ mean: [1, -1], std: [2, 3] }, 0.5, 2);
  assert.ok("covariance" in full && "std" in diagonal);
  for (const [k, s] of Array.from(diagonal.std).entries()) near(full.covariance[3 * k], s * s, 1e-12);
});

/** Every estimator, with how far its excess may be off for the translation below. */
const dims = 2;
const examples: { readonly [T in W2Estimator["type"]]: W2Estimator } = {
  sinkhorn: { type: "sinkhorn" },
  exact: { type: "exact" },
  sliced: { type: "sliced", directions: unitDirections(normals(1, "directions", 0, 64 * dims), dims) },
};

test("the excess of a translated cloud falls like α, whatever the estimator", async () => {
  const count = 128;
  const [x, again, other] = [0, 1, 2].map((k) => Float64Array.from(normals(2, "sets", k, count * dims)));
  const y = other.map((value) => value + 4);
  for (const estimator of Object.values(examples)) {
    const draws = stream(3, "noise");
    const points: DecayPoint[] = [];
    for await (const point of w2Decay({
      x,
      y,
      again,
      dims,
      process: path({ type: "ou", horizon: 1 }),
      times: [0, 0.5, 1],
      noise: (n) => draws.fillNormal(new Float64Array(n)),
      estimator,
    }))
      points.push(point);
    const far = estimator.type === "sliced" ? 4 : 4 * Math.SQRT2;
    for (const { t, excess, w2, baseline } of points) {
      near(excess / (far * Math.exp(-t)), 1, 0.12);
      assert.ok(w2 > baseline);
    }
    const reached = significantTime(points, 0.5);
    near(reached ?? Number.NaN, Math.LN2, 0.15);
  }
});

test("t_δ is found between points and not beyond them", () => {
  const at = (t: number, excess: number): DecayPoint => ({ t, excess, w2: excess, baseline: 0 });
  const points = [0, 0.25, 0.5, 0.75, 1].map((t) => at(t, Math.exp(-5 * t)));
  near(significantTime(points, 0.1) ?? Number.NaN, Math.log(10) / 5, 1e-12);
  near(contractionTime(5, 0.1), Math.log(10) / 5, 1e-12);
  assert.equal(significantTime(points, 1e-4), undefined);
  assert.equal(significantTime([], 0.5), undefined);
  assert.equal(significantTime([at(0, 1), at(1, 0)], 0.5), 1);
  assert.throws(() => significantTime(points, 1), /delta: 1/);
  assert.throws(() => contractionTime(0, 0.5), /rate: 0/);
});

test("bad input is refused", async () => {
  const x = new Float64Array(4);
  assert.throws(() => estimateW2({ type: "exat" } as unknown as W2Estimator, x, x, 2), /Did you mean "exact"/);
  const points = w2Decay({
    x,
    y: new Float64Array(6),
    again: x,
    dims: 2,
    process: path({ type: "flow" }),
    times: [0],
    noise: (n) => new Float64Array(n),
  });
  await assert.rejects(points.next(), /y: 3 points/);
});

test("pairing gains much in few dimensions and little in many", () => {
  const ratio = (d: number) => pairingGain(normals(4, "samples", d, 64 * d), normals(4, "noise", d, 64 * d), d).ratio;
  assert.ok(ratio(1) < 0.3 && ratio(200) > 0.9 && ratio(200) < 1);
  const gain = pairingGain(normals(4, "s", 0, 60), normals(4, "n", 0, 60), 3);
  assert.ok(gain.matched < gain.given && gain.matched < gain.independent);
  const labelled = pairingGain(normals(4, "s", 0, 60), normals(4, "n", 0, 60), 3, {
    labels: Array.from({ length: 20 }, (_, i) => i % 3),
  });
  assert.ok(labelled.matched > gain.matched && labelled.matched < labelled.given);
});
