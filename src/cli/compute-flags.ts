/** Flags that say where to compute. */
import { devices } from "../runtime/index.ts";
import { grouped } from "./command.ts";

export const computeFlags = grouped("Where it runs", {
  device: { type: "choice", choices: devices, default: "cpu", help: "Where to compute" },
  threads: { type: "integer", default: 0, min: 0, help: "Threads; 0 is the number of physical cores" },
});
