/** Flags that say where to compute. */
import { availableParallelism } from "node:os";
import { ConfigError } from "../errors/index.ts";
import { type Precision, precisions } from "../graph/index.ts";
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

export const precisionFlags = grouped("Where it runs", {
  precision: {
    type: "choice",
    choices: precisions,
    help: "float16: the network in half precision, on a GPU [float32]",
  },
});

/** Refuses float16 where it is nothing but slower. */
export function checkPrecision(
  precision: string | undefined,
  device: string,
): asserts precision is Precision | undefined {
  if (precision === "float16" && device === "cpu")
    throw new ConfigError(
      "--precision float16: is for GPUs: on the processor, ONNX Runtime computes in float32 all the same and converts before and after. Add --device webgpu or cuda, or take float32.",
    );
}
