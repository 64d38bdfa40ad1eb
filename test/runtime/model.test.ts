import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ConfigError, SessionError } from "../../src/errors/index.ts";
import { input } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { loadModel } from "../../src/runtime/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-model-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const x = input("x", [2, 3]);
const bytes = toOnnx({ double: x.mul(2), total: x.sum([1]) });

test("a model runs by names, from bytes and from a file", async () => {
  const path = join(folder, "model.onnx");
  writeFileSync(path, bytes);
  for (const source of [bytes, path]) {
    const model = await loadModel(source);
    assert.deepEqual(model.inputs, [{ name: "x", shape: [2, 3], type: "float32" }]);
    assert.deepEqual(
      model.outputs.map(({ name, shape }) => [name, shape]),
      [
        ["double", [2, 3]],
        ["total", [2, 1]],
      ],
    );
    const value = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const { double, total } = await model.run({ x: value });
    assert.deepEqual([...double.data], [2, 4, 6, 8, 10, 12]);
    assert.deepEqual(
      [total.shape, [...total.data]],
      [
        [2, 1],
        [6, 15],
      ],
    );
    assert.deepEqual(Object.keys(await model.run({ x: value }, ["total"])), ["total"]);
    await model.close();
  }
});

describe("what does not fit is refused with the names that would", async () => {
  const model = await loadModel(bytes, { where: "net.onnx" });
  after(() => model.close());
  const value = { shape: [2, 3], data: new Float32Array(6) };
  const cases: Readonly<Record<string, readonly [Promise<unknown>, RegExp]>> = {
    "another input": [model.run({ y: value }), /net\.onnx: has no input named "y" \(inputs are x: float32 \[2, 3\]\)/],
    "no input": [model.run({}), /no value is given for its input "x"/],
    "another output": [model.run({ x: value }, ["z"]), /has no output named "z" \(outputs are double.*total/],
    "another shape": [
      model.run({ x: { shape: [3, 2], data: value.data } }),
      /input "x" takes float32 \[2, 3\]; got float32 \[3, 2\]/,
    ],
    "another type": [model.run({ x: { shape: [2, 3], data: new Uint8Array(6) } }), /takes float32 .*; got uint8/],
  };
  for (const [name, [outcome, pattern]] of Object.entries(cases)) {
    const caught = outcome.then(
      () => assert.fail("nothing was thrown"),
      (error: Error) => error,
    );
    test(name, async () => {
      const error = await caught;
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, pattern);
    });
  }
});

describe("what is no model is a SessionError", () => {
  const cases: Readonly<Record<string, string | Uint8Array>> = {
    "no bytes": new Uint8Array(0),
    "other bytes": new TextEncoder().encode("this is no model at all"),
    "half a model": bytes.slice(0, bytes.length / 2),
    "no file": join(folder, "none.onnx"),
  };
  for (const [name, source] of Object.entries(cases)) test(name, () => assert.rejects(loadModel(source), SessionError));
});
