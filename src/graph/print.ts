/** Showing a graph to a person: one line a node, with names, shapes and attributes. */
import { type Expr, type OpAttrs, topological } from "./expr.ts";
import { showShape } from "./shape.ts";

/**
 * The graph as text, inputs first. Nodes are numbered in the order they are listed; inputs go by their names and
 * small constants by their values.
 *
 * @example
 * ```text
 * %0 = conv2d [2, 8, 4, 4] (x, conv/weight) stride=1 pads=1,1,1,1 groups=1
 * loss = reduceSum [1] (%0) axes=0,1,2,3
 * ```
 */
export function print(outputs: Readonly<Record<string, Expr>>): string {
  const names = new Map<Expr, string>();
  const given = new Map(Object.entries(outputs).map(([name, node]) => [node, name]));
  const lines: string[] = [];
  for (const node of topological(Object.values(outputs))) {
    if (node.op === "input") {
      names.set(node, (node.attrs as OpAttrs["input"]).name);
      continue;
    }
    if (node.op === "constant" && !given.has(node)) {
      names.set(node, constantName(node.attrs as OpAttrs["constant"]));
      continue;
    }
    const name = given.get(node) ?? `%${lines.length}`;
    names.set(node, name);
    const attrs = Object.entries(node.attrs).filter(([key]) => key !== "shape" && key !== "data");
    const shown = attrs.map(([key, value]) => ` ${key}=${value}`).join("");
    const inputs = node.inputs.length === 0 ? "" : ` (${node.inputs.map((x) => names.get(x)).join(", ")})`;
    lines.push(`${name} = ${node.op} ${showShape(node.shape)}${inputs}${shown}`);
  }
  return lines.join("\n");
}

function constantName({ data, shape }: OpAttrs["constant"]): string {
  return data.length === 1 ? String(data[0]) : `constant${showShape(shape)}`;
}
