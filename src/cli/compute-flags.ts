/** Flags that say where to compute. */
import { availableParallelism } from "node:os";
import { devices } from "../runtime/index.ts";
import { grouped } from "./command.ts";

/**
 * More threads than processors wait for one another, and thousands take the memory; as many as another machine has repeat
 * its sums in its order, so that there is room for those.
 */
export const mostThreads = Math.max(64, 4 * availableParallelism());

export const computeFlags = grouped("Where it runs", {
  device: { type: "choice", choices: devices, default: "cpu", help: "Where to compute" },
  threads: {
    type: "integer",
    default: 0,
    min: 0,
    max: mostThreads,
    help: "Threads; 0 is the number of physical cores",
  },
});
