import { join } from "node:path";
import { test } from "node:test";
import { missing, onSoftwareGpu } from "../software-gpu.ts";
import { checks } from "./state-checks.ts";

for (const [name, check] of Object.entries(checks)) test(`state: ${name}`, () => check("cpu"));

test("all of it holds on WebGPU, where state stays on the device", { skip: missing }, () => {
  onSoftwareGpu(join(import.meta.dirname, "state-on-webgpu.js"));
});
