import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphError } from "../../src/errors/index.ts";
import { type Expr, evaluate, gradients, input, type Shape, sizeOf, vjp } from "../../src/graph/index.ts";
import { type Example, examples, values } from "./examples.ts";

const inputsOf = ({ shapes }: Example) => shapes.map((shape, k) => input(`x${k}`, shape));
const feedsOf = ({ shapes, offset }: Example) =>
  Object.fromEntries(shapes.map((shape, k) => [`x${k}`, values(shape, k, offset)]));

/** A weighted sum of all elements, so that every element's gradient differs. */
const weigh = (y: Expr) => y.mul(input("weights", y.shape)).sum();
const weightsFor = (shape: Shape) => ({ weights: values(shape, 11) });

/** Largest difference between the gradient and central differences. */
function worst(loss: Expr, xs: readonly Expr[], feeds: Record<string, Float64Array>): number {
  const h = 1e-5;
  let largest = 0;
  for (const [k, grad] of evaluate(gradients(loss, xs), feeds).entries())
    for (let i = 0; i < grad.length; i++) {
      const [up, down] = [h, -h].map((step) => {
        const moved = Float64Array.from(feeds[`x${k}`]);
        moved[i] += step;
        return evaluate([loss], { ...feeds, [`x${k}`]: moved })[0][0];
      });
      largest = Math.max(largest, Math.abs(grad[i] - (up - down) / (2 * h)));
    }
  return largest;
}

test("every primitive has an example", () => {
  const { input: _input, constant: _constant, ...rules } = vjp;
  assert.deepEqual(Object.keys(examples).sort(), Object.keys(rules).sort());
});

for (const [op, list] of Object.entries(examples))
  for (const [i, example] of list.entries())
    test(`${op} ${i}: the gradient, and the gradient's gradient, agree with central differences`, () => {
      const xs = inputsOf(example);
      const y = example.build(...xs);
      const feeds = { ...feedsOf(example), ...weightsFor(y.shape) };
      const first = gradients(weigh(y), xs);
      if (example.flat) {
        for (const grad of evaluate(first, feeds)) assert.ok(grad.every((g) => g === 0));
        return;
      }
      assert.ok(worst(weigh(y), xs, feeds) < 1e-7, `first order: off by ${worst(weigh(y), xs, feeds)}`);
      const total = sizeOf(y.shape);
      if (total > 200) return; // second order by differences would take long; conv2d covers it with its gradients' examples
      const second = first.map((g) => g.mul(g).sum()).reduce((a, b) => a.reshape([1]).add(b.reshape([1])));
      const off = worst(second, xs, feeds);
      assert.ok(off < 2e-6, `second order: off by ${off}`);
    });

test("a node used twice collects both gradients", () => {
  const x = input("x", [1]);
  const [dx] = evaluate(gradients(x.mul(x).mul(x), [x]), { x: [2] });
  assert.equal(dx[0], 12);
});

test("a target that y does not depend on has gradient 0", () => {
  const [x, unrelated] = [input("x", [1]), input("z", [2])];
  assert.deepEqual([...evaluate(gradients(x.mul(2), [unrelated]), { x: [2] })[0]], [0, 0]);
});

test("only single numbers have a gradient without dy", () => {
  const x = input("x", [3]);
  assert.throws(() => gradients(x.mul(2), [x]), GraphError);
  assert.throws(() => gradients(x.mul(2), [x], input("dy", [2])), /must have the shape of y/);
});
