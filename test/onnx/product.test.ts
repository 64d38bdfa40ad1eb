import assert from "node:assert/strict";
import { after, test } from "node:test";
import { evaluate, input } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { loadModel, type Model } from "../../src/runtime/index.ts";
import { examples, values } from "../graph/examples.ts";

const opened: Model[] = [];
after(() => Promise.all(opened.map((model) => model.close())));

/** Nodes of the contributed op, by its name in the bytes of a model. */
const fused = (model: Uint8Array) => Buffer.from(model).toString("latin1").includes("FusedMatMul");

const list = (["matmul", "rowDot", "conv2dFilterGrad"] as const).flatMap((op) =>
  examples[op].map((example, i) => [`${op} ${i}`, example] as const),
);
for (const [name, example] of list)
  test(`${name}: a provider that cannot transpose in products computes the same without`, async () => {
    const xs = example.shapes.map((shape, k) => input(`x${k}`, shape));
    const y = example.build(...xs);
    const model = toOnnx({ y }, { transposing: false });
    assert.ok(!fused(model));
    const feeds = example.shapes.map((shape, k) => [`x${k}`, shape, values(shape, k)] as const);
    const [expected] = evaluate([y], Object.fromEntries(feeds.map(([key, , data]) => [key, data])));
    const loaded = await loadModel(model);
    opened.push(loaded);
    const given = feeds.map(([key, shape, data]) => [key, { shape, data: Float32Array.from(data) }] as const);
    const found = await loaded.run(
      Object.fromEntries(given.filter(([key]) => loaded.inputs.some(({ name }) => name === key))),
    );
    const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(found.y.data[i] - value) <= 2e-6 * scale);
  });

test("others keep them", () => {
  const [a, b] = [input("a", [2, 3, 4]), input("b", [2, 5, 4])];
  const model = toOnnx({ y: a.matmul(b, { transB: true }) });
  assert.ok(fused(model));
});
