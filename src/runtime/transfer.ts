/** Ways to a device's memory and back, by programs that copy: ONNX Runtime in Node has no others. */
import type { Tensor } from "#ort";
import { input, sizeOf } from "../graph/index.ts";
import { type CompileOptions, compileTensors, hostTensor } from "./program.ts";
import type { Transfer } from "./slot.ts";

/** Compiles what is used, when it is. */
export function openTransfer({ threads, device }: CompileOptions): Transfer & { close(): Promise<void> } {
  const options = { ...(threads !== undefined && { threads }), ...(device && { device }) };
  const copiers = new Map<string, ReturnType<typeof compileTensors>>();
  const blank = new Map<string, Tensor>();
  const copy = async (value: Tensor, to: "device" | "host"): Promise<Tensor> => {
    const key = `${to} ${value.dims.join()}`;
    let copier = copiers.get(key);
    if (!copier) {
      copier = compileTensors(
        { copy: input("value", value.dims) },
        { ...options, held: to === "device" ? ["copy"] : [] },
      );
      copiers.set(key, copier);
    }
    return (await (await copier).run({ value })).copy;
  };
  return {
    up: (value) => copy(value, "device"),
    down: async (value) => (await copy(value, "host")).data as Float32Array,
    async zeros(shape) {
      const key = shape.join();
      const known = blank.get(key);
      if (known) return known;
      const made = await copy(hostTensor(new Float32Array(sizeOf(shape)), shape), "device");
      blank.set(key, made);
      return made;
    },
    async close() {
      for (const tensor of blank.values()) tensor.dispose();
      for (const copier of copiers.values()) await (await copier).close();
    },
  };
}
