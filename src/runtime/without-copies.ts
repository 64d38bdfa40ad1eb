/**
 * Results without copies. ONNX Runtime computes into the memory that it is given; its Node binding then makes a new array
 * of every output all the same, and copies the result into it, which takes long where that is the whole state of a training. So
 * models have an output ahead of the others that the binding refuses to make an array of: an empty sequence. It
 * stops there with an error, when everything has been computed and nothing copied.
 */
import { InferenceSession, Tensor } from "#ort";
import { input } from "../graph/index.ts";
import { toOnnx } from "../onnx/index.ts";
import type { Device } from "./device.ts";

/** The name of the output that is refused. */
export const emptySequence = "no arrays";

/** Whether a run ended because of the empty sequence, and so has computed everything. */
export const refusesSequence = (cause: unknown): boolean =>
  cause instanceof Error && cause.message.startsWith("Non tensor type");

let probed: Promise<boolean> | undefined;

/** Whether a run with an empty sequence among its outputs stops when all others are where they belong; tried once per process. */
export function stopsBeforeCopies(device: Device = "cpu"): Promise<boolean> {
  if (device !== "cpu") return Promise.resolve(false);
  probed ??= probe();
  return probed;
}

async function probe(): Promise<boolean> {
  const tensor = (data: Float32Array) => new Tensor("float32", data, [1]);
  const y = new Float32Array(1);
  const session = await InferenceSession.create(toOnnx({ y: input("x", [1]).add(3) }, { emptySequence }), {
    logSeverityLevel: 4,
  }).catch(() => undefined);
  try {
    await session?.run({ x: tensor(Float32Array.of(2)) }, { [emptySequence]: null, y: tensor(y) });
    return false;
  } catch (cause) {
    return refusesSequence(cause) && y[0] === 5;
  } finally {
    await session?.release();
  }
}
