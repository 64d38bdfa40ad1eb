/** Augmentation from given draws. */
import { augmentPipe } from "../../../src/data/index.ts";
import type { Adapters, Tensor } from "../vectors.ts";

interface Call {
  readonly call: "integer" | "uniform" | "normal";
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** The draws of image i, in call order: of every array its own entries, which lie `images` apart. */
function ofImage(calls: readonly Call[], i: number, images: number) {
  const own = calls.flatMap(({ call, values }) =>
    Array.from({ length: values.length / images }, (_, k) => ({ call, value: values[k * images + i] })),
  );
  const next = (wanted: Call["call"]) => () => {
    const drawn = own.shift();
    if (drawn?.call !== wanted) throw new Error(`asked for ${wanted}, but the next draw is ${drawn?.call}`);
    return drawn.value;
  };
  return { integer: next("integer"), uniform: next("uniform"), normal: next("normal"), left: () => own.length };
}

/** An array as it is, or by its formula, sin(a i + b) over the flat index i. */
function tensor(given: Tensor | { readonly shape: readonly number[]; readonly a: number; readonly b: number }): Tensor {
  if ("data" in given) return given;
  const { shape, a, b } = given;
  const length = shape.reduce((n, size) => n * size, 1);
  return { shape, data: Float64Array.from({ length }, (_, i) => Math.sin(a * i + b)) };
}

export const augmentation: Adapters = {
  "augment.edm-pipe": ({ probability, multipliers, x, draws }) => {
    const { shape, data } = tensor(x);
    const [count, ...one] = shape;
    const pipe = augmentPipe({ probability, multipliers }, one);
    const images = data.slice();
    const labels = new Float64Array(count * pipe.labelSize);
    for (let i = 0; i < count; i++) {
      const own = ofImage(draws, i, count);
      const part = (flat: Float64Array) => flat.subarray((i * flat.length) / count, ((i + 1) * flat.length) / count);
      pipe.apply(part(images), own, part(labels));
      if (own.left() > 0) throw new Error(`${own.left()} draws are left over`);
    }
    return { images: { shape, data: images }, labels: { shape: [count, pipe.labelSize], data: labels } };
  },
};
