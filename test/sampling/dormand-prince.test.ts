import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { type Attempt, dormandPrince, type Field, oneByOne, rk45, rk45Each } from "../../src/sampling/index.ts";
import { exact, ideal } from "./gaussian.ts";

async function last<T>(steps: AsyncIterable<T>): Promise<T> {
  let kept: T | undefined;
  for await (const step of steps) kept = step;
  return kept!;
}

/** y' = −k y, k = 1, 2, …: one number for each system. */
const decay: Field = (_, y) => y.map((v, i) => -(i + 1) * v);

test("integrates forwards and backwards to the tolerance", async () => {
  for (const [from, to] of [
    [0, 2],
    [2, 0],
  ]) {
    const { t, y } = await last(dormandPrince(decay, Float64Array.of(1), { from, to, rtol: 1e-9, atol: 1e-9 }));
    assert.equal(t[0], to);
    assert.ok(Math.abs(y[0] / Math.exp(from - to) - 1) < 1e-7);
  }
});

test("systems are stepped as if each were alone", async () => {
  const settings = { from: 0, to: 3, rtol: 1e-6, atol: 1e-8 };
  const together = await last(dormandPrince(decay, Float64Array.of(1, 5, 0.1), { ...settings, systems: 3 }));
  for (const [s, start] of [1, 5, 0.1].entries()) {
    const alone: Attempt = await last(
      dormandPrince((_, y) => y.map((v) => -(s + 1) * v), Float64Array.of(start), settings),
    );
    assert.equal(together.y[s], alone.y[0]);
    assert.equal(together.accepted[s], alone.accepted[0]);
    assert.equal(together.rejected[s], alone.rejected[0]);
  }
});

test("counts evaluations: two to start, six an attempt", async () => {
  let calls = 0;
  const field: Field = (_, y) => {
    calls++;
    return y.map((v) => -50 * v);
  };
  const { accepted, rejected } = await last(dormandPrince(field, Float64Array.of(1), { from: 0, to: 1 }));
  assert.equal(calls, 2 + 6 * (accepted[0] + rejected[0]));
});

test("is exact on polynomials of degree five", async () => {
  const field: Field = ([t], y) => y.map(() => 6 * t ** 4);
  const { y } = await last(dormandPrince(field, Float64Array.of(0), { from: 0, to: 2 }));
  assert.ok(Math.abs(y[0] - (6 / 5) * 32) < 1e-12);
});

test("per-sample steps give a sample that does not depend on its batch, and the exact flow", async () => {
  const sigmas = [80, 0.02];
  const x = Float64Array.of(100, 3, -200, 4);
  const both = await last(rk45Each(oneByOne(ideal), x, sigmas, { samples: 2, rtol: 1e-7, atol: 1e-7 }));
  const second = await last(rk45Each(oneByOne(ideal), x.slice(2), sigmas, { samples: 1, rtol: 1e-7, atol: 1e-7 }));
  assert.deepEqual([...both.x.slice(2)], [...second.x]);
  assert.equal(both.next, 0.02);
  for (const [i, v] of exact(x, sigmas).entries()) assert.ok(Math.abs(both.x[i] - v) < 1e-5);
});

test("one sample at a time or as a batch of one: the same", async () => {
  const sigmas = [80, 0.02, 0];
  const x = Float64Array.of(100, 3);
  const each = await last(rk45Each(oneByOne(ideal), x, sigmas, { samples: 1 }));
  assert.deepEqual(each, await last(rk45(ideal, x, sigmas)));
});

test("refuses systems that do not divide the batch, and equal times", async () => {
  await assert.rejects(
    last(dormandPrince(decay, Float64Array.of(1, 2, 3), { from: 0, to: 1, systems: 2 })),
    ConfigError,
  );
  await assert.rejects(last(dormandPrince(decay, Float64Array.of(1), { from: 1, to: 1 })), ConfigError);
});
