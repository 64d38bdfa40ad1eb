import assert from "node:assert/strict";
import { test } from "node:test";
import {
  concat,
  cost,
  type Expr,
  evaluate,
  gradients,
  input,
  type OpAttrs,
  recompute,
  schedule,
  sizeOf,
} from "../../src/graph/index.ts";
import { stream } from "../../src/random/index.ts";

/** Residual blocks on one width: what is kept without recomputation grows with their number. */
function residual(blocks: number) {
  const parameters: Expr[] = [];
  const weight = (shape: readonly number[]) => {
    const w = input(`w${parameters.length}`, shape);
    parameters.push(w);
    return w;
  };
  const pads = [1, 1, 1, 1] as const;
  let h: Expr = input("x", [2, 4, 12, 12]);
  for (let i = 0; i < blocks; i++) {
    const inner = h
      .groupNormalize(2, 1e-5)
      .silu()
      .conv2d(weight([4, 4, 3, 3]), { pads });
    const kept = input(`uniform${i}`, h.shape).less(0.8).where(inner, 0);
    h = h.add(
      kept
        .groupNormalize(2, 1e-5)
        .silu()
        .conv2d(weight([4, 4, 3, 3]), { pads }),
    );
  }
  const loss = h.sumSquares().reshape([]);
  return {
    loss,
    gradient: concat(
      gradients(loss, parameters).map((g) => g.reshape([-1])),
      0,
    ),
    parameters,
  };
}

const nameOf = (x: Expr) => (x.attrs as OpAttrs["input"]).name;
const inputsOf = (outputs: readonly Expr[]) => schedule(outputs).filter(({ op }) => op === "input");

test("values stay the same", () => {
  const { loss, gradient, parameters } = residual(5);
  const low = recompute([loss, gradient], 1, parameters);
  assert.ok(low.length === 2 && inputsOf(low).length === inputsOf([loss, gradient]).length);
  const noise = (x: Expr) => stream(0, nameOf(x)).fillNormal(new Float64Array(sizeOf(x.shape)));
  const values = Object.fromEntries(inputsOf(low).map((x) => [nameOf(x), noise(x)]));
  const [a, b] = [evaluate([loss, gradient], values), evaluate(low, values)];
  assert.deepEqual(b, a);
});

test("memory grows with the root of the depth, not with the depth", () => {
  const peak = (blocks: number) => {
    const { loss, gradient, parameters } = residual(blocks);
    const [normal, low] = [cost([loss, gradient]), cost(recompute([loss, gradient], 1, parameters))];
    assert.ok(low.flops < 1.4 * normal.flops, `${low.flops} and ${normal.flops} operations`);
    return { normal: normal.peakBytes, low: low.peakBytes };
  };
  const [short, long] = [peak(4), peak(36)];
  assert.ok(long.normal > 6 * short.normal);
  assert.ok(long.low < 5 * short.low, `${long.low} and ${short.low}`);
  assert.ok(long.low < long.normal / 3);
});

test("what depends on parameters alone is not computed again, and what gains nothing is left alone", () => {
  const [x, w] = [input("x", [64, 8]), input("w", [8, 8])];
  let h: Expr = x;
  for (let i = 0; i < 6; i++) h = h.add(h.matmul(w.exp()).silu());
  const loss = h.sumSquares().reshape([]);
  const [gradient] = gradients(loss, [w]);
  const nodes = schedule(recompute([loss, gradient], 1, [w]));
  const count = (name: string) => nodes.filter(({ op }) => op === name).length;
  assert.deepEqual([count("exp"), count("after") > 0], [1, true]);
  const simple = x.matmul(w).sumSquares().reshape([]);
  const passes = [simple, gradients(simple, [w])[0]];
  assert.ok(schedule(recompute(passes, 1, [w])).every(({ op }) => op !== "after"));
});
