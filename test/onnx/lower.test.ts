import assert from "node:assert/strict";
import { test } from "node:test";
import { type Expr, evaluate, gradients, input } from "../../src/graph/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { examples, values } from "../graph/examples.ts";

/** Runs the graph in ONNX Runtime and in the float64 reference and compares, relative to the largest value. */
async function agree(outputs: readonly Expr[], feeds: Record<string, Float64Array>, tolerance: number) {
  const program = await compile(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])), { threads: 1 });
  const needed = Object.fromEntries(program.inputs.map(({ name }) => [name, feeds[name]]));
  const fetched = await program.run(needed);
  for (const [i, expected] of evaluate(outputs, feeds).entries()) {
    const actual = fetched[`y${i}`];
    assert.equal(actual.length, expected.length);
    const scale = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-3);
    const off = expected.reduce((a, b, k) => Math.max(a, Math.abs(b - actual[k])), 0);
    assert.ok(off <= tolerance * scale, `output ${i}: off by ${off} of ${scale}`);
  }
  await program.close();
}

for (const [op, list] of Object.entries(examples))
  for (const [i, example] of list.entries())
    test(`${op} ${i}: ONNX Runtime agrees with the reference, forward and gradient`, async () => {
      const xs = example.shapes.map((shape, k) => input(`x${k}`, shape));
      const y = example.build(...xs);
      const feeds = {
        ...Object.fromEntries(example.shapes.map((shape, k) => [`x${k}`, values(shape, k, example.offset)])),
        dy: values(y.shape, 11),
      };
      await agree([y, ...gradients(y, xs, input("dy", y.shape))], feeds, 2e-6);
    });
