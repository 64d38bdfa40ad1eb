/** Where a program runs. */
import { unknownName } from "../errors/index.ts";

/** Devices by name; each is an ONNX Runtime execution provider. */
export const devices = ["cpu", "webgpu", "cuda"] as const;
export type Device = (typeof devices)[number];

/** Reads a device's name as a user writes it. */
export function parseDevice(where: string, name: string): Device {
  const device = devices.find((known) => known === name);
  if (device === undefined) throw unknownName(where, name, devices);
  return device;
}

/** What to do when ONNX Runtime has no such provider. */
export const deviceRemedies: Readonly<Record<Device, string>> = {
  cpu: "Reinstall onnxruntime-node.",
  webgpu: "It needs a GPU driver with Vulkan, Metal or Direct3D 12; --device cpu always works.",
  cuda: "Run `node node_modules/onnxruntime-node/script/install` with CUDA 12 and cuDNN 9 installed; --device cpu always works.",
};
