import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphError } from "../../src/errors/index.ts";
import {
  constant,
  type Expr,
  evaluate,
  gradients,
  inFloat16,
  input,
  precisionRules,
  topological,
  vjp,
} from "../../src/graph/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { examples, values } from "./examples.ts";

/** Roundings to float16 are off by at most this, relatively. */
const unit = 2 ** -11;

test("every primitive has a rule", () => {
  assert.deepEqual(Object.keys(precisionRules).sort(), Object.keys(vjp).sort());
});

const largest = (xs: ArrayLike<number>) => Array.from(xs).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
const distance = (xs: ArrayLike<number>, ys: ArrayLike<number>) => largest(Array.from(xs, (x, i) => x - ys[i]));

for (const [op, list] of Object.entries(examples))
  for (const [i, example] of list.entries())
    test(`${op} ${i}: float16 is float32 but for roundings, forward and gradient, in the reference and in ONNX Runtime`, async () => {
      const xs = example.shapes.map((shape, k) => input(`x${k}`, shape));
      // The products make float16 of what the op is given, and of what its gradients are.
      const halves = xs.map((x) => (example.flat ? x : product(x)));
      const y = example.build(...halves);
      const feeds: Record<string, Float64Array> = {
        ...Object.fromEntries(example.shapes.map((shape, k) => [`x${k}`, values(shape, k, example.offset)])),
        dy: values(y.shape, 11),
      };
      const full = [y, ...gradients(y, halves, input("dy", y.shape))];
      const half = inFloat16(full);
      assert.ok(half.every(({ dtype }) => dtype === "float32"));
      const exact = evaluate(full, feeds);
      const rounded = evaluate(half, feeds);
      // At most 90 terms are added up, and a few roundings follow one on another.
      const scale = (expected: ArrayLike<number>) => 16 * unit * Math.max(1, largest(expected));
      for (const [k, expected] of exact.entries())
        assert.ok(distance(rounded[k], expected) <= scale(expected), `${k}: ${distance(rounded[k], expected)}`);

      const program = await compile(Object.fromEntries(half.map((value, k) => [`y${k}`, value])), { threads: 1 });
      const fetched = await program.run(Object.fromEntries(program.inputs.map(({ name }) => [name, feeds[name]])));
      for (const [k, expected] of rounded.entries())
        assert.ok(distance(fetched[`y${k}`], expected) <= scale(expected), `ONNX ${k}`);
      await program.close();
    });

/** x, by way of a matrix product: in float16. */
function product(x: Expr): Expr {
  const row = x.reshape([-1, 1]);
  return row.matmul(constant([1], [1, 1])).reshape(x.shape);
}

/** How the nodes of an op run. */
const dtypesOf = (roots: readonly Expr[], op: string) =>
  topological(roots).flatMap((node) => (node.op === op ? [node.dtype] : []));

test("products are float16, statistics, functions and sums float32", () => {
  const x = input("x", [2, 4, 4, 4]);
  const filter = input("filter", [4, 4, 3, 3]);
  const image = x.conv2d(filter, { pads: [1, 1, 1, 1] });
  const normal = image.groupNormalize(2, 1e-5).silu();
  const rows = normal.reshape([2, 4, 16]);
  const attended = rows.matmul(rows, { transB: true }).softmax().matmul(rows);
  const loss = attended.reshape(x.shape).sub(x).sumSquares();
  const roots = inFloat16([loss, ...gradients(loss.reshape([1]), [filter])], [filter]);
  for (const op of ["conv2d", "conv2dFilterGrad", "matmul", "silu", "siluGrad"])
    assert.deepEqual(new Set(dtypesOf(roots, op)), new Set(["float16"]), op);
  for (const op of ["groupNormalize", "groupInverseStd", "softmax", "sumSquares", "reduceSum", "rowDot"])
    assert.deepEqual(new Set(dtypesOf(roots, op)), new Set(["float32"]), op);
});

test("parameters are cast as a whole, and everything else once", () => {
  const flat = input("flat", [12]);
  const [a, b] = [flat.slice(0, 0, 6).reshape([2, 3]), flat.slice(0, 6, 12).reshape([3, 2])];
  const x = input("x", [5, 2]);
  const y = x.matmul(a);
  const roots = inFloat16([y.matmul(b), x.matmul(a.mul(2)), y.exp(), y.sin()], [flat]);
  const casts = topological(roots).filter(({ op }) => op === "cast");
  const ofFlat = casts.filter(({ inputs }) => inputs[0] === flat);
  assert.deepEqual(
    ofFlat.map(({ shape }) => shape),
    [[12]],
  );
  assert.equal(new Set(casts.map(({ inputs: [of], dtype }) => `${of.id} ${dtype}`)).size, casts.length);
  // The flat vector, x, twice a, y for both functions; and two outputs.
  assert.equal(casts.length, 6);
});

test("numbers that float16 does not hold keep their ops in float32", () => {
  const x = input("x", [3, 1]);
  const y = x.matmul(constant([1], [1, 1]));
  const feeds = { x: [1, 2, 3] };
  for (const factor of [1e-6, 1e6]) {
    const [scaled] = evaluate(inFloat16([y.mul(factor).mul(1 / factor)]), feeds);
    assert.ok(distance(scaled, [1, 2, 3]) < 1e-9);
  }
  assert.deepEqual(dtypesOf(inFloat16([y.mul(0.5)]), "mul"), ["float16"]);
});

test("what is larger than float16 holds is infinite, what is smaller 0", () => {
  const [y] = evaluate(inFloat16([input("x", [3, 1]).matmul(constant([300], [1, 1]))]), { x: [300, 2 ** -26, 1] });
  assert.deepEqual([...y], [Infinity, 0, 300]);
});

test("a graph with float16 in it is refused, and float16 does not leave or enter a graph", async () => {
  const half = input("x", [2]).cast("float16");
  assert.throws(() => inFloat16([half]), GraphError);
  assert.throws(() => input("x", [2], "float16"), /float16 \(float32 expected\)/);
  await assert.rejects(() => compile({ half }), /output "half" is float16/);
});
