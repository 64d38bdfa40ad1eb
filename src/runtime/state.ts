/** State that programs read and change without its being handed to them: parameters, moments, sums of gradients. */
import { GraphError } from "../errors/index.ts";
import { type Shape, sizeOf } from "../graph/index.ts";
import { holdsTensors, writesInto } from "./device.ts";
import type { CompileOptions } from "./program.ts";
import { replacing, type Slot, takingTurns } from "./slot.ts";
import { openTransfer } from "./transfer.ts";

/**
 * Named arrays, all 0 at first. They stay where the device's programs compute, and programs of the same device may share
 * them. One call at a time, and none while such a program runs.
 */
export interface State {
  /**
   * Present values by name: from a device as copies, elsewhere the very memory. Treat them as read-only, and use them
   * before the next step.
   */
  read<Name extends string>(...names: readonly Name[]): Promise<Readonly<Record<Name, Float32Array>>>;
  /** Puts values in place of the present ones. */
  load(values: Readonly<Record<string, ArrayLike<number>>>): void;
  /** Makes an array 0. */
  clear(name: string): void;
  /** Frees what is held on a device; programs of this state must not run afterwards. */
  close(): Promise<void>;
  /** What programs work with, by name. */
  readonly slots: Readonly<Record<string, Slot>>;
}

/** Makes a state of arrays of these shapes for programs of a device. */
export function createState(shapes: Readonly<Record<string, Shape>>, options: CompileOptions = {}): State {
  const transfer = holdsTensors[options.device ?? "cpu"] ? openTransfer(options) : undefined;
  const slotOf = (shape: Shape) => (transfer || !writesInto ? replacing(shape, transfer) : takingTurns(shape));
  const slots = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, slotOf(shape)]));
  const find = (where: string, name: string): Slot => {
    if (!Object.hasOwn(slots, name))
      throw new GraphError(`${where}: no state is named "${name}" (names are ${Object.keys(slots).join(", ")}).`);
    return slots[name];
  };
  return {
    slots,
    async read<Name extends string>(...names: readonly Name[]) {
      const values: Partial<Record<Name, Float32Array>> = {};
      for (const name of names) values[name] = await find("read", name).read();
      return values as Record<Name, Float32Array>;
    },
    load(values) {
      for (const [name, data] of Object.entries(values)) {
        const size = sizeOf(find("load", name).shape);
        if (data.length !== size)
          throw new GraphError(`load: state "${name}" has ${data.length} elements (${size} expected).`);
      }
      for (const [name, data] of Object.entries(values)) slots[name].load(data);
    },
    clear: (name) => find("clear", name).clear(),
    async close() {
      for (const slot of Object.values(slots)) slot.close();
      await transfer?.close();
    },
  };
}
