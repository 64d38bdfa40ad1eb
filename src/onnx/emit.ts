/** Collects the nodes, constants, inputs and outputs of one ONNX model while a graph is lowered. */
import { type DType, type FloatType, halfBits, type Shape } from "../graph/index.ts";
import {
  type AttributeProto,
  elementTypes,
  encodeModel,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type TensorType,
  type ValueInfo,
} from "./proto.ts";

/** An attribute: integers unless marked as a float or given as text. */
export type AttributeValue = number | readonly number[] | string | { readonly float: number };

/** The domains whose ops we use, with the versions we write against. */
const opsets = [
  { domain: "", version: 21 },
  { domain: "com.microsoft", version: 1 },
  { domain: "com.microsoft.nchwc", version: 1 },
];

/** A float32 value by its name. */
export interface Value {
  readonly name: string;
  readonly shape: Shape;
}

/** A value that another one waits for. */
export interface Waited {
  readonly name: string;
  readonly rank: number;
  /** float32 if left out. */
  readonly dtype?: DType;
}

/** What the provider is good at. */
export interface EmitOptions {
  /** Channels in a block of the processor's blocked layout; 0, the default, where there is none. */
  readonly block?: number;
  /** Whether there are products of transposed matrices (FusedMatMul); there are by default. */
  readonly transposing?: boolean;
  /** Bytes of an image that stay in the processor's caches while several ops pass over it; no limit by default. */
  readonly cacheBytes?: number;
}

export class Emit implements Required<EmitOptions> {
  readonly block: number;
  readonly transposing: boolean;
  readonly cacheBytes: number;
  #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfo<TensorType>[] = [];
  readonly #outputs: ValueInfo[] = [];
  /** Values that leave the model get their outside name; those that have one already, or came from outside, are copied. */
  readonly #renamed = new Map<string, string>();
  readonly #copies: NodeProto[] = [];
  #shared = new Map<string, readonly string[]>();
  readonly #constants = new Map<string, string>();
  #named = 0;

  constructor({ block = 0, transposing = true, cacheBytes = Number.POSITIVE_INFINITY }: EmitOptions = {}) {
    this.block = block;
    this.transposing = transposing;
    this.cacheBytes = cacheBytes;
  }

  /** Appends a node with one output and returns the output's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string {
    return this.nodes(opType, inputs, attributes, 1, domain)[0];
  }

  /** Appends a node with several outputs and returns their names. */
  nodes(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    outputs: number,
    domain = "",
  ): readonly string[] {
    const name = `${opType}_${this.#named++}`;
    const output = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    this.#nodes.push({
      name,
      opType,
      domain,
      input: inputs,
      output,
      attribute: Object.entries(attributes).map(attribute),
    });
    return output;
  }

  /**
   * Appends a choice: the float32 value of this shape that `holds` emits if the condition, a bool, holds when the model
   * runs, and what `fails` emits if not. Only the nodes of the one are run. Both may use all values that are there.
   */
  choice(condition: string, shape: Shape, { holds, fails }: Readonly<Record<"holds" | "fails", () => string>>): string {
    const branch = (name: string, make: () => string): AttributeProto => ({
      name,
      type: 5,
      g: this.#body(name, [], () => [{ name: make(), shape }]),
    });
    const attribute = [branch("then_branch", holds), branch("else_branch", fails)];
    return this.#compound("If", [condition], 1, attribute)[0];
  }

  /**
   * Appends a loop over the first axis of float32 arrays: `body` is given a slice of each, without that axis, and what it
   * emits is put together along one. It may use all values that are there. Nothing is copied, but what comes out of a view.
   */
  scan(inputs: readonly Value[], body: (slices: readonly string[]) => readonly Value[]): readonly string[] {
    const slices = inputs.map(({ shape }) => ({ name: `slice_${this.#named++}`, shape: shape.slice(1) }));
    const g = this.#body("body", slices, () => body(slices.map(({ name }) => name)));
    const attribute: AttributeProto[] = [
      { name: "body", type: 5, g },
      { name: "num_scan_inputs", type: 2, i: inputs.length },
    ];
    const names = inputs.map(({ name }) => name);
    return this.#compound("Scan", names, g.output.length, attribute);
  }

  /** Appends a node that has graphs of its own. */
  #compound(opType: string, input: readonly string[], outputs: number, attribute: readonly AttributeProto[]) {
    const name = `${opType}_${this.#named++}`;
    const output = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    this.#nodes.push({ name, opType, domain: "", input, output, attribute });
    return output;
  }

  /** A graph within a node: what is emitted there is not seen outside, but for constants. */
  #body(name: string, inputs: readonly Value[], make: () => readonly Value[]): GraphProto {
    const [nodes, shared] = [this.#nodes, this.#shared];
    [this.#nodes, this.#shared] = [[], new Map(shared)];
    try {
      const outputs = make().map(({ name, shape }) => {
        const made = this.#nodes.some(({ output }) => output.includes(name));
        return { name: made ? name : this.node("Identity", [name]), shape };
      });
      const infos = (values: readonly Value[]) => values.map(({ name, shape }) => valueInfo(name, shape, "float32"));
      return { name, node: this.#nodes, initializer: [], input: infos(inputs), output: infos(outputs) };
    } finally {
      [this.#nodes, this.#shared] = [nodes, shared];
    }
  }

  /** What `make` emitted the first time it was asked for under `key`. */
  once(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#shared.get(key);
    if (known) return known;
    const made = make();
    this.#shared.set(key, made);
    return made;
  }

  input(name: string, shape: Shape, dtype: DType): string {
    this.#inputs.push(valueInfo(name, shape, dtype));
    return name;
  }

  /** Declares that the value `from` leaves the model under the name `name`. */
  output(name: string, from: string, shape: Shape, dtype: DType): void {
    this.#outputs.push(valueInfo(name, shape, dtype));
    const made = this.#nodes.some(({ output }) => output.includes(from));
    if (made && !this.#renamed.has(from)) this.#renamed.set(from, name);
    else
      this.#copies.push({
        name: `output_${name}`,
        opType: "Identity",
        domain: "",
        input: [from],
        output: [name],
        attribute: [],
      });
  }

  /** Declares that a sequence of no arrays leaves the model. */
  emptySequence(name: string): void {
    this.#nodes.push({ name, opType: "SequenceEmpty", domain: "", input: [], output: [name], attribute: [] });
    this.#outputs.push({
      name,
      type: { sequenceType: { elemType: { tensorType: { elemType: elementTypes.float32 } } } },
    });
  }

  /** A view of `x` that waits for others: its sizes are computed out of those, though they are always `shape`. */
  delayed(x: string, shape: Shape, others: readonly Waited[]): string {
    const [zero] = this.once(`nothing ${others.map(({ name }) => name)}`, () => {
      const elements = others.map((other) => this.#element(other));
      return [this.#zero(elements.length === 1 ? elements[0] : this.node("Concat", elements, { axis: 0 }))];
    });
    return this.node("Reshape", [x, this.node("Add", [this.ints(shape), zero])]);
  }

  /** The first element of a value, [1], in float32. */
  #element({ name, rank, dtype = "float32" }: Waited): string {
    return this.once(`element ${name}`, () => {
      const [from, to] = [0, 1].map((at) => this.ints(new Array(rank).fill(at)));
      const element = rank === 0 ? name : this.node("Slice", [name, from, to]);
      const one = rank === 1 ? element : this.node("Reshape", [element, this.ints([1])]);
      return [dtype === "float32" ? one : this.node("Cast", [one], { to: elementTypes.float32 })];
    })[0];
  }

  /** The integer 0, made of some numbers: none of them is less than itself, and what is no number is not either. */
  #zero(numbers: string): string {
    const zeros = this.node("Cast", [this.node("Less", [numbers, numbers])], { to: elementTypes.int64 });
    return this.node("ReduceMax", [zeros], { keepdims: 1 });
  }

  /**
   * Keeps ONNX Runtime from knowing shapes before it runs. It would plan to use a value's memory for a
   * later one of the same shape, however much later, and so hold on to it all the while; now it frees what nobody needs.
   */
  #hideShapes(): void {
    const [given] = this.#inputs.filter(({ type }) => type.tensorType.elemType === elementTypes.float32);
    if (!given) return;
    const nodes = this.#nodes.splice(0);
    const zero = this.#zero(this.#element({ name: given.name, rank: given.type.tensorType.shape.dim.length }));
    // The sizes of `one` are not known, nor the rank of what remains without those that are 1.
    const one = this.node("Reshape", [zero, this.node("Add", [this.ints([1]), zero])]);
    const hidden = this.node("Squeeze", [one]);
    const known = new Set(this.#initializers.map(({ name }) => name));
    const computed = new Map<string, string>();
    const shown = nodes.map((node) => {
      const [x, sizes] = node.input;
      if (node.opType !== "Reshape" || !known.has(sizes)) return node;
      const named = computed.get(sizes) ?? this.node("Add", [sizes, hidden]);
      computed.set(sizes, named);
      return { ...node, input: [x, named] };
    });
    this.#nodes.push(...shown);
  }

  /** A constant. Equal small ones are written once. */
  floats(data: ArrayLike<number>, shape: Shape, dtype: FloatType = "float32"): string {
    const make = () => this.#initializer(bytesOf(elementsOf(data, dtype)), shape, elementTypes[dtype]);
    return data.length > 64 ? make() : this.#constant(`floats ${dtype} ${shape} ${Array.from(data).join()}`, make);
  }

  /** A constant whose elements all equal `value`. */
  filled(value: number, shape: Shape, dtype: FloatType = "float32"): string {
    const size = shape.reduce((n, s) => n * s, 1);
    return this.#constant(`filled ${dtype} ${value} ${shape}`, () =>
      this.#initializer(bytesOf(elementsOf(new Float32Array(size).fill(value), dtype)), shape, elementTypes[dtype]),
    );
  }

  /** A list of integers (axes, sizes, …) as a one-dimensional int64 constant. */
  ints(values: readonly number[]): string {
    return this.#constant(`ints ${values.join()}`, () =>
      this.#initializer(bytesOf(BigInt64Array.from(values, BigInt)), [values.length], elementTypes.int64),
    );
  }

  /** A constant that was made under `key`, or is now. */
  #constant(key: string, make: () => string): string {
    const known = this.#constants.get(key) ?? make();
    this.#constants.set(key, known);
    return known;
  }

  /** A list of places in an array, for Gather, as an int32 constant. */
  places(values: Int32Array): string {
    return this.#initializer(bytesOf(values), [values.length], elementTypes.int32);
  }

  #initializer(rawData: Uint8Array, dims: Shape, dataType: number): string {
    const name = `constant_${this.#named++}`;
    this.#initializers.push({ name, dims, dataType, rawData });
    return name;
  }

  #rename({ input, output, attribute, ...node }: NodeProto): NodeProto {
    const renamed = (value: string) => this.#renamed.get(value) ?? value;
    const within = (g: GraphProto) => ({ ...g, node: g.node.map((inner) => this.#rename(inner)) });
    return {
      ...node,
      input: input.map(renamed),
      output: output.map(renamed),
      attribute: attribute.map((one) => (one.g ? { ...one, g: within(one.g) } : one)),
    };
  }

  /** The model; `frugal` trades a little time for less memory. */
  finish(metadata: Readonly<Record<string, string>>, frugal = false): Uint8Array<ArrayBuffer> {
    if (frugal) this.#hideShapes();
    return encodeModel({
      irVersion: 10,
      producerName: "ornstein",
      opsetImport: opsets,
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: "ornstein",
        node: [...this.#nodes, ...this.#copies].map((node) => this.#rename(node)),
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
  }
}

/** Numbers as they are stored. */
function elementsOf(data: ArrayLike<number>, dtype: FloatType): Float32Array | Uint16Array {
  if (dtype === "float16") return Uint16Array.from(data, halfBits);
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

const bytesOf = (data: Int32Array | Float32Array | Uint16Array | BigInt64Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const valueInfo = (name: string, shape: Shape, dtype: DType): ValueInfo<TensorType> => ({
  name,
  type: { tensorType: { elemType: elementTypes[dtype], shape: { dim: shape.map((value) => ({ value })) } } },
});

function attribute([name, value]: [string, AttributeValue]): AttributeProto {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: value };
  return "float" in value ? { name, type: 1, f: value.float } : { name, type: 7, ints: value };
}
