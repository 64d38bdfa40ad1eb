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
  /** Elements in a piece; 2¹⁸ by default: several such vectors fit the caches, and all threads have enough to do. */
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
  { state, piece = 2 ** 18, ...options }: InPlaceOptions,
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

  const times = Math.max(1, Math.round(length / piece));
  const size = Math.floor(length / times);
  // What is left over is less than one element for each turn.
  const spans = [
    { from: 0, size, times },
    { from: size * times, size: length - size * times, times: 1 },
  ].filter((span) => span.size > 0);
  const runs = await Promise.all(spans.map((span) => compileSpan(change(span.size), span, slots, options)));

  return {
    async run(numbers) {
      for (const { run } of runs) await run(numbers);
    },
    async close() {
      for (const { close } of runs) await close();
    },
  };
}

interface Span {
  readonly from: number;
  /** Elements in one turn. */
  readonly size: number;
  readonly times: number;
}

/** Compiles the change of `times` pieces of vectors, one after another. */
async function compileSpan(
  carried: Readonly<Record<string, Carried>>,
  { from, size, times }: Span,
  slots: State["slots"],
  options: CompileOptions,
): Promise<InPlace> {
  for (const [name, one] of Object.entries(carried)) checkInPlace(name, one, Object.values(carried));
  const next = (name: string) => `next ${name}`;
  const after = Object.fromEntries(Object.entries(carried).map(([name, { after }]) => [next(name), after]));
  const program = await compileTensors(after, { ...options, loop: { times, over: Object.keys(slots) } });
  const vectors = program.inputs.filter(({ name }) => Object.hasOwn(slots, name));
  const fed = program.inputs.filter(({ name }) => !Object.hasOwn(slots, name));
  return {
    async run(numbers) {
      const views = Object.fromEntries(
        vectors.map(({ name, shape }) => {
          const data = slots[name].memory()!.subarray(from, from + size * times);
          return [name, hostTensor(data, shape)];
        }),
      );
      const into = Object.keys(carried).map((name) => [next(name), views[name]] as const);
      await program.run({ ...bind(fed, numbers), ...views }, Object.fromEntries(into));
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
