/**
 * Changes of long vectors in which every element goes by itself, such as an optimiser's update. On the processor they are
 * made in place and piece by piece: what is computed on the way stays in the processor's cache, and nothing as long as a
 * vector is ever made.
 */
import { GraphError } from "../errors/index.ts";
import { topological } from "../graph/index.ts";
import { bind, type CompileOptions, compileTensors, type Feeds, hostTensor } from "./program.ts";
import type { State } from "./state.ts";
import { type Carried, compileStateful } from "./stateful.ts";

export interface InPlaceOptions extends CompileOptions {
  /** Whose vectors are read and changed; all are of one length. */
  readonly state: State;
  /** Elements in a piece; 2²⁰ by default: a run takes a while to begin, so that fewer take longer in all. */
  readonly piece?: number;
}

export interface InPlace {
  /** Makes the change once; the numbers are what its graph has as inputs beside the state's vectors. */
  run(numbers: Feeds): Promise<void>;
  /** Frees the programs' memory; the state stays. */
  close(): Promise<void>;
}

/** Compiles a change, whose graph is built for vectors of any length. */
export async function compileInPlace(
  change: (length: number) => Readonly<Record<string, Carried>>,
  length: number,
  { state, piece = 2 ** 20, ...options }: InPlaceOptions,
): Promise<InPlace> {
  const { slots } = state;
  if (Object.keys(change(1)).some((name) => slots[name].memory() === undefined)) {
    const program = await compileStateful(change(length), {}, { ...options, state });
    return {
      async run(numbers) {
        await program.step(numbers);
        for (const slot of Object.values(slots)) slot.settle();
      },
      close: program.close,
    };
  }

  const pieces = Math.ceil(length / piece);
  const size = Math.ceil(length / pieces);
  const carried = change(size);
  for (const [name, one] of Object.entries(carried)) checkInPlace(name, one, Object.values(carried));
  const next = (name: string) => `next ${name}`;
  const program = await compileTensors(
    Object.fromEntries(Object.entries(carried).map(([name, { after }]) => [next(name), after])),
    options,
  );
  const vectors = program.inputs.filter(({ name }) => Object.hasOwn(slots, name)).map(({ name }) => name);
  const fed = program.inputs.filter(({ name }) => !vectors.includes(name));

  return {
    async run(numbers) {
      const given = bind(fed, numbers);
      for (let at = 0; at < length; at += size) {
        const end = Math.min(at + size, length);
        const views = vectors.map((name) => {
          const view = slots[name].memory()!.subarray(at, end);
          if (view.length === size) return { name, view, data: view };
          const data = new Float32Array(size);
          data.set(view);
          return { name, view, data };
        });
        const tensors = Object.fromEntries(views.map(({ name, data }) => [name, hostTensor(data, [size])]));
        const into = Object.keys(carried).map((name) => [next(name), tensors[name]] as const);
        await program.run({ ...given, ...tensors }, Object.fromEntries(into));
        for (const { view, data } of views) if (view !== data) view.set(data.subarray(0, view.length));
      }
    },
    close: program.close,
  };
}

/**
 * Demands that whoever reads a vector has done so when its next value is written: that all who read it are among what that
 * value is made of, or are the very op that makes it.
 */
function checkInPlace(name: string, { before, after }: Carried, all: readonly Carried[]): void {
  const made = new Set(topological([after]));
  for (const node of topological(all.map((one) => one.after)))
    if (node.inputs.includes(before) && !made.has(node))
      throw new GraphError(`in place: "${name}" is read by ${node.op} after its next value may have been written.`);
}
