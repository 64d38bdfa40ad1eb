import { test } from "node:test";
import { missing } from "../software-gpu.ts";
import { agree } from "./software-gpu.ts";

for (const name of ["points in low memory", "a U-Net", "a U-Net in low memory"] as const)
  test(`WebGPU trains ${name} as the processor does`, { skip: missing }, () => agree(name));
