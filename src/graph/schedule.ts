/** The order in which a graph runs. */
import { type Expr, topological } from "./expr.ts";

/**
 * Every node that the outputs depend on, inputs before users: of vectors that are joined, such as the gradients of all
 * parameters, the ones that need least come first. So the gradient of a layer's filters is taken as soon as that of its
 * output is there, and not when all of these have been kept to the end.
 */
export function schedule(outputs: readonly Expr[]): Expr[] {
  const height = new Map<Expr, number>();
  for (const node of topological(outputs))
    height.set(node, 1 + node.inputs.reduce((most, x) => Math.max(most, height.get(x)!), 0));
  return topological(outputs, ({ op, inputs, shape }) =>
    op === "concat" && shape.length === 1 ? [...inputs].sort((a, b) => height.get(a)! - height.get(b)!) : inputs,
  );
}
