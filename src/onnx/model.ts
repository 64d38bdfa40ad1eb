/** From a graph to the bytes of an ONNX model. */
import { GraphError } from "../errors/index.ts";
import { type Expr, type OpName, simplify, topological } from "../graph/index.ts";
import { Emit } from "./emit.ts";
import { lower } from "./lower.ts";

export interface ModelOptions {
  /** Entries stored in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Channels in a block of the processor's blocked layout; 0, the default, keeps to standard layouts everywhere. */
  readonly block?: number;
}

/** The model that computes the named outputs from the graph's inputs. The graph is simplified first. */
export function toOnnx(
  outputs: Readonly<Record<string, Expr>>,
  { metadata = {}, block = 0 }: ModelOptions = {},
): Uint8Array<ArrayBuffer> {
  const emit = new Emit(block);
  const values = new Map<Expr, string>();
  const names = Object.keys(outputs);
  const roots = simplify(Object.values(outputs));
  const order = topological(roots);
  const biased = convolutionsWithBias(order, roots);
  const absorbed = new Set<Expr>([...biased.values()].map(({ conv }) => conv));
  const taken = new Set<string>(names);
  for (const node of order) {
    if (isInput(node)) {
      if (taken.has(node.attrs.name))
        throw new GraphError(`toOnnx: two inputs or outputs are named "${node.attrs.name}" (names must differ).`);
      taken.add(node.attrs.name);
    }
    if (absorbed.has(node)) continue;
    const sum = biased.get(node);
    values.set(node, sum ? lowerBiased(emit, sum, values) : lowerNode(emit, node, values));
  }
  for (const [i, root] of roots.entries()) emit.output(names[i], values.get(root)!, root.shape, root.dtype);
  return emit.finish(metadata);
}

function isInput(node: Expr): node is Expr<"input"> & Expr {
  return node.op === "input";
}

function lowerNode<K extends OpName>(emit: Emit, node: Expr<K>, values: ReadonlyMap<Expr, string>): string {
  const xs = node.inputs.map((x) => values.get(x)!);
  return lower[node.op](emit, xs, node.attrs, node as Expr, node.inputs);
}

/** A convolution whose only use is a sum with one number a channel. */
interface Biased {
  readonly conv: Expr<"conv2d"> & Expr;
  /** [1, K, 1, 1]. */
  readonly bias: Expr;
}

/** Sums that the convolution's own bias can do. */
function convolutionsWithBias(order: readonly Expr[], roots: readonly Expr[]): Map<Expr, Biased> {
  const uses = new Map<Expr, number>();
  for (const node of [...order.flatMap(({ inputs }) => inputs), ...roots]) uses.set(node, (uses.get(node) ?? 0) + 1);
  const found = new Map<Expr, Biased>();
  for (const node of order) {
    if (node.op !== "add") continue;
    for (const [conv, bias] of [node.inputs, [...node.inputs].reverse()])
      if (
        isConv(conv) &&
        uses.get(conv) === 1 &&
        bias.shape.join() === [1, conv.shape[1], 1, 1].join() &&
        !found.has(node)
      )
        found.set(node, { conv, bias });
  }
  return found;
}

function isConv(node: Expr): node is Expr<"conv2d"> & Expr {
  return node.op === "conv2d";
}

function lowerBiased(emit: Emit, { conv, bias }: Biased, values: ReadonlyMap<Expr, string>): string {
  const xs = conv.inputs.map((x) => values.get(x)!);
  const flat = emit.node("Reshape", [values.get(bias)!, emit.ints([bias.shape[1]])]);
  return lower.conv2d(emit, [...xs, flat], conv.attrs, conv, conv.inputs);
}
