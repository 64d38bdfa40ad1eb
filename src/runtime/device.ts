/** Where a program runs. */
import { env } from "#ort";
import { SessionError, unknownName } from "../errors/index.ts";

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
const remedies: Readonly<Record<Device, string>> = {
  cpu: "Reinstall onnxruntime-node.",
  webgpu: "It needs a GPU driver with Vulkan, Metal or Direct3D 12; --device cpu always works.",
  cuda: "Run `node node_modules/onnxruntime-node/script/install` with CUDA 12 and cuDNN 9 installed; --device cpu always works.",
};

/**
 * Whether results can stay on a device, as tensors for the next run. ONNX Runtime's Node binding has tensors of WebGPU's
 * memory and of the processor's, and no others: what CUDA computes comes back.
 */
export const holdsTensors: Readonly<Record<Device, boolean>> = { cpu: false, webgpu: true, cuda: false };

/** Whether a device has products of stacks of transposed matrices; ONNX Runtime's WebGPU provider leaves them to the processor. */
export const transposing: Readonly<Record<Device, boolean>> = { cpu: true, webgpu: false, cuda: true };

/** Whether ONNX Runtime writes results into memory that it is given. In browsers it leaves such memory as it was. */
export const writesInto: boolean = env.versions.web === undefined;

/** What ONNX Runtime's refusal of a device means, in one line; undefined if it refused something else. */
export function unavailable(device: Device, cause: unknown): SessionError | undefined {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (device === "cpu" || !/provider|backend|adapter|device/i.test(message)) return undefined;
  // Its own source, and the condition in it that failed, come first.
  const reason = message.replace(/^\S+\.cc:\d+ .* was false\. /s, "").replace(/\.?\s*$/, ".");
  return new SessionError(`--device ${device}: not available here: ${reason} ${remedies[device]}`, { cause });
}
