/** Features that losses can be differentiated through: those of the classifier trained here. */
import type { Model } from "../runtime/index.ts";
import type { FeatureMap } from "../sampling/index.ts";
import type { ClassifierFacts } from "./classifier.ts";

/** A map to close when done. */
export interface OpenFeatureMap extends FeatureMap {
  close(): Promise<void>;
}

/** The map of a classifier's two models. Images are in [−1, 1], as samples are, and of the side that it learnt on. */
export function classifierMap(forward: Model, backward: Model, { spec }: ClassifierFacts): OpenFeatureMap {
  const [height, width] = spec.size!;
  const [pixels, batch] = [spec.channels * height * width, spec.batch!];
  const shape = [batch, spec.channels, height, width];
  const dims = Number(forward.outputs.find(({ name }) => name === spec.outputs.features)!.shape[1]);
  /** Rows of `size` numbers from `start` on, with zeros after the last. */
  const part = (values: Float64Array, start: number, size: number) => {
    const rows = new Float32Array(batch * size);
    rows.set(values.subarray(start * size, (start + batch) * size));
    return rows;
  };
  const inParts = async (x: Float64Array, size: number, run: (start: number) => Promise<ArrayLike<number>>) => {
    const count = x.length / pixels;
    const out = new Float64Array(count * size);
    for (let start = 0; start < count; start += batch) {
      const found = Float64Array.from(await run(start));
      out.set(found.subarray(0, Math.min(batch, count - start) * size), start * size);
    }
    return out;
  };
  return {
    dims,
    features: (x) =>
      inParts(x, dims, async (start) => {
        const { features } = spec.outputs;
        const images = { shape, data: part(x, start, pixels) };
        return (await forward.run({ [spec.input]: images }, [features]))[features].data;
      }),
    product: (x, v) =>
      inParts(x, pixels, async (start) => {
        const images = { shape, data: part(x, start, pixels) };
        const rows = { shape: [batch, dims], data: part(v, start, dims) };
        return (await backward.run({ images, v: rows }, ["product"]))["product"].data;
      }),
    async close() {
      await forward.close();
      await backward.close();
    },
  };
}
