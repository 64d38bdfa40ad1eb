import assert from "node:assert/strict";
import { test } from "node:test";
import {
  constant,
  type Expr,
  evaluate,
  gradients,
  input,
  print,
  simplify,
  split,
  topological,
} from "../../src/graph/index.ts";
import { examples, values } from "./examples.ts";

const opsOf = (outputs: readonly Expr[]) => topological(outputs).map(({ op }) => op);

for (const [op, list] of Object.entries(examples))
  test(`${op}: simplifying changes no value`, () => {
    for (const { shapes, build, offset = 0 } of list) {
      const xs = shapes.map((shape, k) => input(`x${k}`, shape));
      const y = build(...xs);
      const outputs = [y, ...gradients(y, xs, input("dy", y.shape))];
      const feeds = {
        ...Object.fromEntries(shapes.map((shape, k) => [`x${k}`, values(shape, k, offset)])),
        dy: values(y.shape, 5),
      };
      const expected = evaluate(outputs, feeds);
      for (const [i, actual] of evaluate(simplify(outputs), feeds).entries())
        assert.ok(
          actual.every((v, k) => Math.abs(v - expected[i][k]) <= 1e-12 * Math.max(1, Math.abs(expected[i][k]))),
        );
    }
  });

test("constants fold, equal nodes merge, and nothing else remains", () => {
  const x = input("x", [4]);
  const half = constant([1], []).div(2);
  const y = x.mul(half).add(0).mul(1).add(x.mul(0.5)).transpose([0]);
  assert.deepEqual(opsOf(simplify([y])), ["input", "constant", "mul", "add"]);
});

test("shared work is done once across outputs", () => {
  const x = input("x", [4]);
  const [a, b] = simplify([x.exp().mul(2), x.exp().mul(2)]);
  assert.equal(a, b);
});

for (const order of [
  [0, 1, 2],
  [2, 1, 0],
])
  test(`the gradient of a split, its parts used in the order ${order}, is one concatenation`, () => {
    const x = input("x", [2, 6]);
    const parts = split(x, [1, 2, 3], 1).map((part, i) => part.mul(i + 2));
    const y = order.map((i) => parts[i].sumSquares()).reduce((a, b) => a.add(b));
    const [dx] = simplify(gradients(y.reshape([1]), [x]));
    assert.ok(!opsOf([dx]).includes("pad") && !opsOf([dx]).includes("add"), print({ dx }));
    const feed = { x: values([2, 6], 1) };
    const expected = feed.x.map((v, i) => 2 * v * [4, 9, 9, 16, 16, 16][i % 6]);
    assert.ok(evaluate([dx], feed)[0].every((v, i) => Math.abs(v - expected[i]) < 1e-12));
  });

test("a graph prints with names, shapes and attributes", () => {
  const x = input("x", [2, 3]);
  assert.equal(
    print({ y: x.mul(2).sum([1]) }),
    ["%0 = mul [2, 3] (x, 2)", "y = reduceSum [2, 1] (%0) axes=1"].join("\n"),
  );
});
