/**
 * Programs that carry state from run to run (parameters, optimiser moments, …): each state array lives in two buffers,
 * one read while the other is written, and they change places after every run. Nothing is allocated per step, and the
 * state before the last run is still there when that run turns out to be bad.
 */
import { GraphError } from "../errors/index.ts";
import { type Expr, type OpAttrs, type Shape, sameShape, showShape, sizeOf } from "../graph/index.ts";
import { type CompileOptions, compile, type Feeds, type Fetched, type Program } from "./program.ts";

/** A state array: the input that holds its value before a run, and the node that computes the value after it. */
export interface Carried {
  readonly before: Expr<"input">;
  readonly after: Expr;
}

export interface StatefulProgram {
  readonly program: Program;
  /** The present state by name. Treat as read-only; {@link load} replaces it. */
  readonly state: Readonly<Record<string, Float32Array>>;
  /** Copies values into the present state. */
  load(values: Readonly<Record<string, ArrayLike<number>>>): void;
  /** Runs once: the state moves on, and the other outputs are returned. */
  step(feeds: Feeds): Promise<Fetched>;
  /** Takes the last run back: the present state is again the one before it. Only once per run. */
  undo(): void;
  close(): Promise<void>;
}

/** Compiles a step that maps state and feeds to new state and outputs. */
export async function compileStateful(
  carried: Readonly<Record<string, Carried>>,
  outputs: Readonly<Record<string, Expr>>,
  options: CompileOptions = {},
): Promise<StatefulProgram> {
  const shapes: Record<string, Shape> = {};
  for (const [name, { before, after }] of Object.entries(carried)) {
    const attrs: OpAttrs["input"] = before.attrs;
    if (!sameShape(before.shape, after.shape))
      throw new GraphError(
        `state "${name}": is ${showShape(before.shape)} before and ${showShape(after.shape)} after.`,
      );
    if (attrs.name !== name) throw new GraphError(`state "${name}": its input is named "${attrs.name}".`);
    shapes[name] = before.shape;
  }
  const next = Object.fromEntries(Object.entries(carried).map(([name, { after }]) => [`next ${name}`, after]));
  const program = await compile({ ...outputs, ...next }, options);
  const buffers = () =>
    Object.fromEntries(Object.entries(shapes).map(([name, s]) => [name, new Float32Array(sizeOf(s))]));
  let [present, other] = [buffers(), buffers()];

  return {
    program,
    get state() {
      return present;
    },
    load(values) {
      for (const [name, data] of Object.entries(values)) {
        if (!(name in present)) throw new GraphError(`load: no state is named "${name}".`);
        if (data.length !== present[name].length)
          throw new GraphError(`load: state "${name}" has ${data.length} elements (${present[name].length} expected).`);
        present[name].set(data);
      }
    },
    async step(feeds) {
      const into = Object.fromEntries(Object.entries(other).map(([name, data]) => [`next ${name}`, data]));
      const fetched = await program.run({ ...feeds, ...present }, into);
      [present, other] = [other, present];
      return Object.fromEntries(Object.entries(fetched).filter(([name]) => name in outputs));
    },
    undo() {
      [present, other] = [other, present];
    },
    close: () => program.close(),
  };
}
