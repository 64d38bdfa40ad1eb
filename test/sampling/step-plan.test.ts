import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { discreteSchedule, gaussian } from "../../src/diffusion/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { measureNodes, type NodeQuality, planSteps, priorTerm, stepCosts } from "../../src/sampling/index.ts";
import { close } from "./close.ts";

/** All paths from 0 to `last` with `steps` steps. */
function* paths(last: number, steps: number, from = 0): Generator<number[]> {
  if (steps === 1) yield [from, last];
  else
    for (let next = from + 1; next < last; next++)
      for (const rest of paths(last, steps - 1, next)) yield [from, ...rest];
}

test("plans are the cheapest of all paths, for every number of steps", () => {
  const size = 9; // T = 8
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1, max: 5, noNaN: true }), { minLength: 81, maxLength: 81 }), (entries) => {
      const cost = Float64Array.from(entries);
      const of = (path: readonly number[]) => path.slice(1).reduce((sum, r, i) => sum + cost[path[i] * size + r], 0);
      const plans = planSteps(cost, size);
      let best = Number.POSITIVE_INFINITY;
      for (let steps = 1; steps <= 8; steps++) {
        const least = Math.min(...Array.from(paths(8, steps), of));
        close([plans.cost(steps)], [least], 1e-12);
        const path = plans.path(steps);
        assert.equal(path.length, steps + 1);
        assert.ok(path.every((node, i) => i === 0 || node > path[i - 1]));
        close([of(path)], [least], 1e-12);
        best = Math.min(best, least);
      }
      close([plans.best.cost], [best], 1e-12);
      close([plans.cost(plans.best.steps)], [best], 0);
    }),
    { numRuns: 30 },
  );
});

test("paths that cannot be have infinite cost, and are not given", () => {
  const cost = new Float64Array(16).fill(Number.POSITIVE_INFINITY);
  cost[1] = cost[4 + 3] = 1; // only 0 → 1 → 3
  const plans = planSteps(cost, 4);
  assert.deepEqual(plans.path(2), [0, 1, 3]);
  assert.equal(plans.cost(1), Number.POSITIVE_INFINITY);
  assert.throws(() => plans.path(3), /no path of 3 steps/);
  assert.deepEqual(plans.best, { steps: 2, cost: 2 });
});

test("a thousand nodes are planned at once", () => {
  const size = 1001;
  const cost = new Float64Array(size * size);
  // Convex in the length of a jump: equal jumps are best.
  for (let s = 0; s < size; s++) for (let r = s + 1; r < size; r++) cost[s * size + r] = (r - s) ** 2;
  const plans = planSteps(cost, size, 100);
  assert.deepEqual(plans.path(4), [0, 250, 500, 750, 1000]);
  assert.equal(plans.best.steps, 100);
});

test("sizes that don't fit are refused", () => {
  assert.throws(() => planSteps(new Float64Array(9), 4), ConfigError);
  assert.throws(() => planSteps(new Float64Array(9), 3, 3), ConfigError);
  assert.throws(() => planSteps(new Float64Array(9), 3).cost(0), ConfigError);
});

test("each jump costs its Gaussian divergence, summed over dimensions", () => {
  const { alphasCumprod } = discreteSchedule({ type: "cosine", steps: 6 });
  const qualities: NodeQuality[] = Array.from({ length: 6 }, (_, i) => ({
    node: i + 1,
    reconstruction: 0.3 + i,
    decoderNll: 10 + i,
  }));
  const dims = 5;
  const matrices = (["small", "large"] as const).map((variance) =>
    stepCosts({ alphasCumprod, qualities, dims, variance }),
  );
  for (let r = 1; r <= 6; r++)
    for (let s = 0; s <= 6; s++)
      for (const [k, cost] of matrices.entries()) {
        if (s >= r) assert.equal(cost[s * 7 + r], Number.POSITIVE_INFINITY);
        else if (s === 0) assert.equal(cost[r], 10 + r - 1);
        else {
          // KL(N(m, β̃) ‖ N(m̂, v)) with m − m̂ = √ᾱ_s β/(1 − ᾱ_r) (x₀ − x̂₀).
          const [as, ar] = [alphasCumprod[s - 1], alphasCumprod[r - 1]];
          const beta = 1 - ar / as;
          const small = (beta * (1 - as)) / (1 - ar);
          const v = k === 0 ? small : beta;
          const gap = ((Math.sqrt(as) * beta) / (1 - ar)) ** 2 * (0.3 + r - 1);
          close([cost[s * 7 + r]], [(dims * (small / v - 1 + Math.log(v / small)) + gap / v) / 2], 1e-10);
        }
      }
  assert.throws(
    () => stepCosts({ alphasCumprod, qualities: qualities.slice(1), dims, variance: "small" }),
    ConfigError,
  );
});

test("a better model is cheaper at every node, and the prior costs nothing at pure noise", async () => {
  const { alphasCumprod } = discreteSchedule({ type: "linear-scaled", steps: 30 });
  const x = Float64Array.from({ length: 200 }, (_, i) => Math.round(128 + 60 * Math.sin(i * i)) / 127.5 - 1);
  const measure = async (std: number) => {
    let k = 0;
    const noise = () => x.map(() => Math.sin(1.7 * ++k) * Math.SQRT2);
    const all: NodeQuality[] = [];
    for await (const one of measureNodes(gaussian({ std }).denoise, x, { alphasCumprod, noise, batch: 50 }))
      all.push(one);
    return all;
  };
  const [good, bad] = [await measure(0.33), await measure(3)];
  assert.deepEqual(
    good.map(({ node }) => node),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  for (let i = 10; i < 30; i++) assert.ok(good[i].reconstruction < bad[i].reconstruction);
  assert.ok(priorTerm(x, 1e-12, 50) < 1e-9);
  const run = measureNodes(gaussian().denoise, x, {
    alphasCumprod: [0.5, 0],
    noise: () => x,
    batch: 50,
  });
  await assert.rejects(async () => {
    for await (const _ of run);
  }, /zero terminal SNR/);
});
