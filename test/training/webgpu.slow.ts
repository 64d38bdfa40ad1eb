import { join } from "node:path";
import { test } from "node:test";
import { missing, onSoftwareGpu } from "../software-gpu.ts";
import { agree } from "./software-gpu.ts";

for (const name of ["points in low memory", "a U-Net", "a U-Net in low memory"] as const)
  test(`WebGPU trains ${name} as the processor does`, { skip: missing }, () => agree(name));

test("state on the device: checkpoints, errors and micro-batches are as on the processor", { skip: missing }, () => {
  onSoftwareGpu(join(import.meta.dirname, "device-checks.js"));
});
