/** Replacing nodes of a graph by others. */
import { GraphError } from "../errors/index.ts";
import { Expr, topological } from "./expr.ts";
import { sameShape, showShape } from "./shape.ts";

/** The same outputs with every node in `replacements` exchanged for its replacement of equal shape. */
export function substitute(outputs: readonly Expr[], replacements: ReadonlyMap<Expr, Expr>): Expr[] {
  const rebuilt = new Map<Expr, Expr>(replacements);
  for (const [from, to] of replacements)
    if (!sameShape(from.shape, to.shape))
      throw new GraphError(`substitute: shapes differ: ${showShape(from.shape)} and ${showShape(to.shape)}.`);
  for (const node of topological(outputs)) {
    if (rebuilt.has(node)) continue;
    const inputs = node.inputs.map((x) => rebuilt.get(x)!);
    rebuilt.set(node, inputs.every((x, i) => x === node.inputs[i]) ? node : new Expr(node.op, node.attrs, inputs));
  }
  return outputs.map((y) => rebuilt.get(y)!);
}
