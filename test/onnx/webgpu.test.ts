import { join } from "node:path";
import { test } from "node:test";
import { missing, onSoftwareGpu } from "../software-gpu.ts";

test("all of a U-Net's update runs on WebGPU, in either precision", { skip: missing }, () => {
  onSoftwareGpu(join(import.meta.dirname, "placed-on-webgpu.js"));
});
