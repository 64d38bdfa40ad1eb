import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { type FeatureSpec, featureSpec, parseHints } from "../../src/evaluation/index.ts";
import type { ModelPort } from "../../src/runtime/index.ts";

const port = (name: string, shape: readonly (number | string)[], type = "float32"): ModelPort => ({
  name,
  shape,
  type,
});

describe("published layouts are recognised", () => {
  const cases: Readonly<Record<string, readonly [readonly ModelPort[], readonly ModelPort[], Partial<FeatureSpec>]>> = {
    "TensorFlow's graph of 2015": [
      [port("input:0", ["n", 299, 299, 3])],
      [port("pool_3:0", ["n", 1, 1, 2048]), port("mixed_6/conv:0", ["n", 17, 17, 768]), port("softmax:0", ["n", 1008])],
      {
        order: "nhwc",
        range: [0, 255],
        resize: "tf1-bilinear",
        size: [299, 299],
        probabilities: true,
        outputs: { features: "pool_3:0", spatial: "mixed_6/conv:0", logits: "softmax:0" },
      },
    ],
    "torch-fidelity": [
      [port("input", ["n", 3, "h", "w"], "uint8")],
      [
        port("192", ["n", 192]),
        port("2048", ["n", 2048]),
        port("logits", ["n", 1008]),
        port("logits_unbiased", ["n", 1008]),
      ],
      { order: "nchw", outputs: { features: "2048", logits: "logits_unbiased" } },
    ],
    "NVIDIA's detector": [
      [port("img", ["n", 3, "h", "w"], "uint8")],
      [port("features", ["n", 2048])],
      { order: "nchw", outputs: { features: "features" } },
    ],
    "pytorch-fid, which resizes": [
      [port("x", ["n", 3, "h", "w"])],
      [port("out", ["n", 2048, 1, 1])],
      { range: [0, 1], outputs: { features: "out" } },
    ],
    "pytorch-fid of one size": [
      [port("x", [8, 3, 299, 299])],
      [port("out", [8, 2048, 1, 1])],
      { range: [0, 1], size: [299, 299], resize: "bilinear", batch: 8, outputs: { features: "out" } },
    ],
  };
  for (const [name, [inputs, outputs, expected]] of Object.entries(cases))
    test(name, () => {
      const spec = featureSpec("net.onnx", inputs, outputs);
      assert.match(spec.name, /^inception/);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(spec[key as keyof FeatureSpec], value, key);
      if (!expected.range) assert.equal(spec.range, undefined);
      if (!expected.size) assert.equal(spec.size, undefined);
    });
});

test("any other network goes by hints, and by what its ports say", () => {
  const spec = featureSpec("net.onnx", [port("x", ["n", 1, 32, 32])], [port("a", ["n", 10]), port("b", ["n", 64])], {
    range: [-1, 1],
    outputs: { features: "b", logits: "a" },
  });
  assert.deepEqual(spec, {
    name: "custom",
    input: "x",
    order: "nchw",
    channels: 1,
    size: [32, 32],
    resize: "bilinear-antialias",
    range: [-1, 1],
    outputs: { features: "b", logits: "a" },
  });
});

describe("what cannot be known is asked for", () => {
  const image = port("x", ["n", 3, 224, 224]);
  const cases: Readonly<Record<string, readonly [readonly ModelPort[], readonly ModelPort[], RegExp]>> = {
    "the range of a float network": [
      [image],
      [port("y", ["n", 512])],
      /net\.onnx: is of no known layout.*net\.onnx\.json/,
    ],
    "which output": [
      [port("x", ["n", 3, "h", "w"], "uint8")],
      [port("a", ["n", 512]), port("b", ["n", 768])],
      /which output holds the features\? It has a: .*b: /,
    ],
    "two inputs": [[image, port("t", ["n"])], [port("y", ["n", 512])], /has one input/],
    "integers in": [[port("x", ["n", 3, 224, 224], "int64")], [port("y", ["n", 512])], /takes images of int64/],
    "bytes of one size": [
      [port("x", ["n", 3, 299, 299], "uint8")],
      [port("y", ["n", 2048])],
      /takes bytes of 299×299 only/,
    ],
  };
  for (const [name, [inputs, outputs, pattern]] of Object.entries(cases))
    test(name, () =>
      assert.throws(
        () => featureSpec("net.onnx", inputs, outputs),
        (error: Error) => error instanceof ConfigError && pattern.test(error.message),
      ),
    );
});

describe("hints are checked", () => {
  const good = { range: [0, 1], mean: [0.5, 0.5, 0.5], resize: "bilinear", outputs: { features: "y" } };
  test("good ones pass", () => assert.deepEqual(parseHints(good, "net.json"), good));
  const bad: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    "no object": [[1], /it must be a JSON object/],
    "a field that is not": [{ rnage: [0, 1] }, /field: must be one of .*got "rnage"/],
    "a range of one": [{ range: [1] }, /range must be two numbers/],
    "a resize that is not": [{ resize: "lanczos" }, /resize: must be one of tf1-bilinear/],
    "no features": [{ outputs: { logits: "y" } }, /outputs\.features must be the name of an output/],
    "a role that is not": [
      { outputs: { features: "y", pool: "z" } },
      /outputs: must be one of features, spatial, logits/,
    ],
  };
  for (const [name, [hints, pattern]] of Object.entries(bad))
    test(name, () =>
      assert.throws(
        () => parseHints(hints, "net.json"),
        (error: Error) => error instanceof ConfigError && pattern.test(error.message),
      ),
    );
});
