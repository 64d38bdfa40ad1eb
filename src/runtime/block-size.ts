/** The size of channel blocks in the processor's blocked layout, found by asking ONNX Runtime to lay something out. */
import { InferenceSession, Tensor } from "#ort";
import { blockProbe } from "../onnx/index.ts";
import type { Device } from "./device.ts";

let probed: Promise<number> | undefined;

/** Channels in a block: 8 or 16 on processors that have the layout, 0 elsewhere and on other devices. */
export function blockSize(device: Device = "cpu"): Promise<number> {
  if (device !== "cpu") return Promise.resolve(0);
  probed ??= probe();
  return probed;
}

async function probe(): Promise<number> {
  const { model, channels } = blockProbe();
  try {
    const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
    // Two pixels of each channel: pixel p of channel c has the value 2c + p. The second entry's channel ends the block.
    const x = Float32Array.from({ length: 2 * channels }, (_, i) => i);
    const { y } = await session.run({ x: new Tensor("float32", x, [1, channels, 1, 2]) });
    const laid = y.data as Float32Array;
    await session.release();
    const block = laid.indexOf(1);
    const expected = (i: number) => {
      const [group, pixel, channel] = [Math.floor(i / (2 * block)), Math.floor(i / block) % 2, i % block];
      return 2 * (group * block + channel) + pixel;
    };
    return block > 1 && laid.every((value, i) => value === expected(i)) ? block : 0;
  } catch {
    return 0;
  }
}
