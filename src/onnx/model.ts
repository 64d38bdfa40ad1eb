/** From a graph to the bytes of an ONNX model. */
import { GraphError } from "../errors/index.ts";
import { type Expr, type OpName, simplify, topological } from "../graph/index.ts";
import { Emit } from "./emit.ts";
import { lower } from "./lower.ts";

/**
 * The model that computes the named outputs from the graph's inputs. The graph is simplified first. Metadata entries
 * are stored in the file.
 */
export function toOnnx(
  outputs: Readonly<Record<string, Expr>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const emit = new Emit();
  const values = new Map<Expr, string>();
  const names = Object.keys(outputs);
  const roots = simplify(Object.values(outputs));
  const taken = new Set<string>(names);
  for (const node of topological(roots)) {
    if (isInput(node)) {
      if (taken.has(node.attrs.name))
        throw new GraphError(`toOnnx: two inputs or outputs are named "${node.attrs.name}" (names must differ).`);
      taken.add(node.attrs.name);
    }
    values.set(node, lowerNode(emit, node, values));
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
