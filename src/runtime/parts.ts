/**
 * Long arrays of a state, read and written in parts where they lie. A network's parameters are one vector, of which a graph
 * cuts every parameter, and it joins their gradients: as inputs and outputs of their own they are not copied.
 */
import type { Tensor } from "#ort";
import { type Expr, input, type OpAttrs, type Shape, sizeOf, substitute, topological } from "../graph/index.ts";
import { hostTensor } from "./program.ts";

/** Elements of a long array, from a place on, as an array with a name and a shape of its own. */
export interface Part {
  readonly name: string;
  readonly from: number;
  readonly shape: Shape;
}

/** A graph whose long arrays are in parts. */
export interface Divided {
  readonly outputs: Readonly<Record<string, Expr>>;
  /** By the name of an input or output that is no longer there: its parts, which are. */
  readonly parts: ReadonlyMap<string, readonly Part[]>;
}

/**
 * Divides those of the named inputs of which the graph does nothing but cut runs of elements, and those of the named
 * outputs that it joins and does not use otherwise.
 */
export function divide(
  graph: Readonly<Record<string, Expr>>,
  { inputs = [], outputs = [] }: { readonly inputs?: readonly string[]; readonly outputs?: readonly string[] },
): Divided {
  const parts = new Map<string, readonly Part[]>();
  const nodes = topological(Object.values(graph));
  const users = new Map<Expr, Expr[]>();
  for (const user of nodes) for (const x of new Set(user.inputs)) users.set(x, [...(users.get(x) ?? []), user]);

  const cut = new Map<Expr, Expr>();
  for (const whole of nodes) {
    const { name } = whole.attrs as OpAttrs["input"];
    const runs = users.get(whole) ?? [];
    if (whole.op !== "input" || !inputs.includes(name) || !runs.every(isRun)) continue;
    if (runs.length === 0 || Object.values(graph).includes(whole)) continue;
    const own = new Map<string, { readonly part: Part; readonly node: Expr }>();
    for (const run of runs) {
      const part = partOf(name, run.attrs.starts[0], run.shape);
      const known = own.get(part.name) ?? { part, node: input(part.name, part.shape) };
      own.set(part.name, known);
      cut.set(run, known.node);
    }
    parts.set(
      name,
      [...own.values()].map(({ part }) => part),
    );
  }

  const divided: [string, Expr][] = [];
  for (const [name, whole] of Object.entries(graph)) {
    const joins = whole.op === "concat" && whole.shape.length === 1 && !users.has(whole) && outputs.includes(name);
    if (!joins) divided.push([name, whole]);
    else {
      const own: Part[] = [];
      let from = 0;
      for (const x of whole.inputs) {
        const numbers = x.op === "reshape" ? x.inputs[0] : x;
        own.push(partOf(name, from, numbers.shape));
        divided.push([own.at(-1)!.name, numbers]);
        from += sizeOf(x.shape);
      }
      parts.set(name, own);
    }
  }
  const roots = substitute(
    divided.map(([, x]) => x),
    cut,
  );
  return { outputs: Object.fromEntries(divided.map(([name], i) => [name, roots[i]])), parts };
}

const partOf = (name: string, from: number, shape: Shape): Part => ({
  name: `${name} ${from}:${from + sizeOf(shape)}`,
  from,
  shape,
});

const isRun = (x: Expr): x is Expr<"slice"> & Expr =>
  x.op === "slice" && x.shape.length === 1 && (x.attrs as OpAttrs["slice"]).steps[0] === 1;

/** The parts of an array in the processor's memory, as tensors by their names. */
export function viewsOf(parts: readonly Part[]): (whole: Tensor) => Readonly<Record<string, Tensor>> {
  const made = new WeakMap<Tensor, Readonly<Record<string, Tensor>>>();
  return (whole) => {
    const known = made.get(whole);
    if (known) return known;
    const data = whole.data as Float32Array;
    const views = Object.fromEntries(
      parts.map(({ name, from, shape }) => [name, hostTensor(data.subarray(from, from + sizeOf(shape)), shape)]),
    );
    made.set(whole, views);
    return views;
  };
}
