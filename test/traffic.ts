/** What ONNX Runtime is given and gives back: bytes that cross, and tensors that live on a device. */
import { InferenceSession, Tensor } from "#ort";

/** Counts, from {@link watchTraffic} on. */
export interface Traffic {
  /** Bytes of tensors in the processor's memory that were given to runs, and that came out of them. */
  up: number;
  down: number;
  /** Tensors on a device that nobody has disposed of. */
  alive: number;
}

/** Counts everything that all sessions opened afterwards do. */
export function watchTraffic(): Traffic {
  const traffic: Traffic = { up: 0, down: 0, alive: 0 };
  const bytes = (tensors: InferenceSession.OnnxValueMapType) =>
    Object.values(tensors).reduce(
      (sum, tensor) => sum + (tensor.location === "cpu" ? (tensor.data as Float32Array).byteLength : 0),
      0,
    );
  const { dispose } = Tensor.prototype;
  Tensor.prototype.dispose = function (this: Tensor) {
    if (this.location === "gpu-buffer") traffic.alive--;
    dispose.call(this);
  };
  const create = InferenceSession.create as (...args: readonly unknown[]) => Promise<InferenceSession>;
  const watched = async (...args: readonly unknown[]) => {
    const session = await create.apply(InferenceSession, args as []);
    const run = session.run as (...args: readonly unknown[]) => ReturnType<InferenceSession["run"]>;
    return Object.assign(session, {
      run: async (feeds: InferenceSession.OnnxValueMapType, ...rest: readonly unknown[]) => {
        traffic.up += bytes(feeds);
        const results = await run.call(session, feeds, ...rest);
        traffic.down += bytes(results);
        traffic.alive += Object.values(results).filter(({ location }) => location === "gpu-buffer").length;
        return results;
      },
    });
  };
  Object.assign(InferenceSession, { create: watched });
  return traffic;
}
