import assert from "node:assert/strict";
import { test } from "node:test";
import protobuf from "protobufjs/light.js";
import { toOnnx } from "../../src/onnx/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { updateGraphs } from "../../src/training/index.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

const list = (type: string, id: number) => ({ type, id, rule: "repeated" as const });
const one = (type: string, id: number) => ({ type, id });
/** What of onnx.proto says which types a model's values have. */
const Model = protobuf.Root.fromJSON({
  nested: {
    Model: { fields: { graph: one("Graph", 7) } },
    Graph: {
      fields: {
        node: list("Node", 1),
        initializer: list("Tensor", 5),
        input: list("ValueInfo", 11),
        output: list("ValueInfo", 12),
      },
    },
    Node: {
      fields: {
        input: list("string", 1),
        output: list("string", 2),
        opType: one("string", 4),
        attribute: list("Attribute", 5),
      },
    },
    Attribute: { fields: { name: one("string", 1), i: one("int32", 3) } },
    Tensor: { fields: { dataType: one("int32", 2), name: one("string", 8) } },
    ValueInfo: { fields: { name: one("string", 1), type: one("Type", 2) } },
    Type: { fields: { tensorType: one("TensorType", 1) } },
    TensorType: { fields: { elemType: one("int32", 1) } },
  },
}).lookupType("Model");

interface Decoded {
  readonly graph: {
    readonly node: readonly {
      input: string[];
      output: string[];
      opType: string;
      attribute: { name: string; i: number }[];
    }[];
    readonly initializer: readonly { dataType: number; name: string }[];
    readonly input: readonly Typed[];
    readonly output: readonly Typed[];
  };
}
interface Typed {
  readonly name: string;
  readonly type: { readonly tensorType: { readonly elemType: number } };
}

const [float32, float16] = [1, 10];

/** The types of what nodes of each op read first, and of what comes in and goes out. */
function typesOf(model: Uint8Array) {
  const { graph } = Model.decode(model) as unknown as Decoded;
  const ports = [...graph.input, ...graph.output].map(({ name, type }) => [name, type.tensorType.elemType] as const);
  const types = new Map([...ports, ...graph.initializer.map(({ name, dataType }) => [name, dataType] as const)]);
  const read: Record<string, Set<number>> = {};
  for (const { opType, input, output, attribute } of graph.node) {
    const of = types.get(input[opType === "Where" ? 1 : 0])!;
    (read[opType] ??= new Set()).add(of);
    const to = opType === "Cast" ? attribute.find(({ name }) => name === "to")!.i : of;
    for (const name of output) types.set(name, to);
  }
  return { read, ports: new Set(ports.map(([, type]) => type)) };
}

for (const memory of ["normal", "low"])
  test(`a float16 model has float16 products, float32 statistics and float32 ports, ${memory} memory`, () => {
    const recipe = tinyImages("edm", "training.precision=float16", `training.memory=${memory}`);
    const { losses, gradient } = updateGraphs(trainerOf(recipe, factsOf(images)));
    const { read, ports } = typesOf(toOnnx({ losses, gradient }, { block: 8 }));
    for (const op of ["Conv", "Gemm", "MatMul", "QuickGelu"]) assert.deepEqual([...read[op]], [float16], op);
    for (const op of ["LayerNormalization", "Softmax", "ReduceSumSquare", "Sin"])
      assert.deepEqual([...read[op]], [float32], op);
    assert.deepEqual([...ports], [float32]);
    assert.ok(!("ReorderInput" in read), "no blocked layout");
  });
