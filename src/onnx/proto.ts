/** The part of ONNX's ModelProto that we write, with its field numbers (onnx.proto, IR version 10). */
import protobuf from "protobufjs/light.js";

type Rule = "repeated" | undefined;
const field = (type: string, id: number, rule?: Rule) => (rule ? { type, id, rule } : { type, id });

const schema = {
  nested: {
    OperatorSetId: { fields: { domain: field("string", 1), version: field("int64", 2) } },
    Entry: { fields: { key: field("string", 1), value: field("string", 2) } },
    Tensor: {
      fields: {
        dims: field("int64", 1, "repeated"),
        dataType: field("int32", 2),
        name: field("string", 8),
        rawData: field("bytes", 9),
      },
    },
    Dimension: { fields: { value: field("int64", 1) } },
    Shape: { fields: { dim: field("Dimension", 1, "repeated") } },
    TensorType: { fields: { elemType: field("int32", 1), shape: field("Shape", 2) } },
    SequenceType: { fields: { elemType: field("Type", 1) } },
    Type: { fields: { tensorType: field("TensorType", 1), sequenceType: field("SequenceType", 4) } },
    ValueInfo: { fields: { name: field("string", 1), type: field("Type", 2) } },
    Attribute: {
      fields: {
        name: field("string", 1),
        f: field("float", 2),
        i: field("int64", 3),
        s: field("string", 4),
        t: field("Tensor", 5),
        g: field("Graph", 6),
        floats: field("float", 7, "repeated"),
        ints: field("int64", 8, "repeated"),
        type: field("int32", 20),
      },
    },
    Node: {
      fields: {
        input: field("string", 1, "repeated"),
        output: field("string", 2, "repeated"),
        name: field("string", 3),
        opType: field("string", 4),
        attribute: field("Attribute", 5, "repeated"),
        domain: field("string", 7),
      },
    },
    Graph: {
      fields: {
        node: field("Node", 1, "repeated"),
        name: field("string", 2),
        initializer: field("Tensor", 5, "repeated"),
        input: field("ValueInfo", 11, "repeated"),
        output: field("ValueInfo", 12, "repeated"),
      },
    },
    Model: {
      fields: {
        irVersion: field("int64", 1),
        producerName: field("string", 2),
        graph: field("Graph", 7),
        opsetImport: field("OperatorSetId", 8, "repeated"),
        metadataProps: field("Entry", 14, "repeated"),
      },
    },
  },
};

/** Codes of TensorProto.DataType. */
export const elementTypes = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 } as const;

export interface TensorProto {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly name: string;
  readonly rawData: Uint8Array;
}
export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: string;
  readonly g?: GraphProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
}
export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly attribute: readonly AttributeProto[];
}
export interface TensorType {
  readonly tensorType: { readonly elemType: number; readonly shape: { readonly dim: readonly { value: number }[] } };
}
export interface SequenceType {
  readonly sequenceType: { readonly elemType: { readonly tensorType: { readonly elemType: number } } };
}
export interface ValueInfo<T = TensorType | SequenceType> {
  readonly name: string;
  readonly type: T;
}
export interface GraphProto {
  readonly name: string;
  readonly node: readonly NodeProto[];
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfo<TensorType>[];
  readonly output: readonly ValueInfo[];
}
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: GraphProto;
}

const Model = protobuf.Root.fromJSON(schema).lookupType("Model");

/** A model as the bytes of an .onnx file. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  const bytes = Model.encode(model).finish();
  // Small ones share memory with other buffers.
  return bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer as ArrayBuffer)
    : new Uint8Array(bytes);
}

const { Entry } = schema.nested;
const Entries = protobuf.Root.fromJSON({
  nested: { Entry, Entries: { fields: { metadataProps: field("Entry", 14, "repeated") } } },
}).lookupType("Entries");

/** The metadata of a model's file; everything else in it is skipped. Throws on bytes that are no message. */
export function decodeEntries(bytes: Uint8Array): readonly { readonly key: string; readonly value: string }[] {
  const { metadataProps } = Entries.toObject(Entries.decode(bytes)) as {
    metadataProps?: { key?: string; value?: string }[];
  };
  return (metadataProps ?? []).map(({ key = "", value = "" }) => ({ key, value }));
}
