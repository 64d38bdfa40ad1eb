/** Programs that carry state from run to run (parameters, optimiser moments, …), and can take the last run back. */
import type { Tensor } from "#ort";
import { GraphError } from "../errors/index.ts";
import { type Expr, type OpAttrs, type Shape, sameShape, showShape } from "../graph/index.ts";
import { holdsTensors, writesInto } from "./device.ts";
import { divide, viewsOf } from "./parts.ts";
import { bind, type CompileOptions, compileTensors, type Feeds, type Fetched, type Port } from "./program.ts";
import { createState, type State } from "./state.ts";

/** A state array: the input that holds its value before a run, and the node that computes the value after it. */
export interface Carried {
  readonly before: Expr<"input">;
  readonly after: Expr;
}

export interface StatefulOptions extends CompileOptions {
  /**
   * The state that the program works on, which has its device: it changes what it carries and reads what else its inputs
   * name. Its own, of what it carries, if left out.
   */
  readonly state?: State;
}

export interface StatefulProgram {
  /** What must be fed. */
  readonly inputs: readonly Port[];
  readonly state: State;
  /** Runs once: the state moves on, and the other outputs are returned. An error leaves what the program reads as it was. */
  step(feeds: Feeds): Promise<Fetched>;
  /** Takes the last step back: what it read and changed is again as it was before. Only once, right after that step. */
  undo(): void;
  /** Stops profiling and finishes the trace. */
  endProfile(): void;
  /** Frees the program's memory, and its state if that is its own. */
  close(): Promise<void>;
}

/** Compiles a step that maps state and feeds to new state and outputs. */
export async function compileStateful(
  carried: Readonly<Record<string, Carried>>,
  outputs: Readonly<Record<string, Expr>>,
  { state: shared, ...options }: StatefulOptions = {},
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
  const next = (name: string) => `next ${name}`;
  const changes = Object.keys(carried);
  const after = Object.fromEntries(changes.map((name) => [next(name), carried[name].after]));
  const state = shared ?? createState(shapes, options);
  const { slots } = state;
  for (const [name, shape] of Object.entries(shapes))
    if (!Object.hasOwn(slots, name) || !sameShape(slots[name].shape, shape))
      throw new GraphError(`state "${name}": the given state has no such array of ${showShape(shape)}.`);
  const { device = "cpu" } = options;
  // Only in the processor's memory a part of an array is a place of its own.
  const divisible = writesInto && device === "cpu" ? { inputs: Object.keys(slots), outputs: Object.keys(after) } : {};
  const { outputs: graph, parts } = divide({ ...outputs, ...after }, divisible);
  const loose = Object.keys(after).flatMap((name) => parts.get(name)?.map((part) => part.name) ?? []);
  const held = holdsTensors[device] ? Object.keys(after) : [];
  const program = await compileTensors(graph, { ...options, held, loose });
  const shapeOf = new Map(program.outputs.map(({ name, shape }) => [name, shape]));
  /** The tensors of an array, or of its parts. */
  const tensorsOf = (name: string): ((whole: Tensor) => Readonly<Record<string, Tensor>>) => {
    const own = parts.get(name)?.map((part) => ({ ...part, shape: shapeOf.get(part.name) ?? part.shape }));
    return own ? viewsOf(own) : (whole) => ({ [name]: whole });
  };
  const within = new Set([...parts.values()].flatMap((own) => own.map(({ name }) => name)));
  const fed = program.inputs.filter(({ name }) => !Object.hasOwn(slots, name) && !within.has(name));
  const reads = Object.keys(slots)
    .filter((name) => parts.has(name) || program.inputs.some((one) => one.name === name))
    .map((name) => ({ slot: slots[name], tensorsOf: tensorsOf(name) }));
  const changed = changes.map((name) => ({
    name: next(name),
    slot: slots[name],
    read: reads.some(({ slot }) => slot === slots[name]),
    tensorsOf: tensorsOf(next(name)),
  }));

  return {
    inputs: fed,
    state,
    async step(feeds) {
      const given = bind(fed, feeds);
      for (const { slot, tensorsOf } of reads) Object.assign(given, tensorsOf(await slot.present()));
      const rooms: Record<string, Tensor> = {};
      for (const { slot, read, tensorsOf } of changed) {
        const room = slot.room(read);
        if (room) Object.assign(rooms, tensorsOf(room));
      }
      const results = await program.run(given, rooms);
      for (const { name, slot } of changed) slot.advance(results[name]);
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, results[name].data as Float32Array]));
    },
    undo() {
      for (const { slot } of changed) slot.back();
    },
    endProfile: program.endProfile,
    async close() {
      if (!shared) await state.close();
      await program.close();
    },
  };
}
