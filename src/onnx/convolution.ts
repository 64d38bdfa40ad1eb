/** A convolution and its two gradients as ONNX nodes, in the plain layout. */
import { type ConvAttrs, type Expr, sizeOf } from "../graph/index.ts";
import type { Emit } from "./emit.ts";
import { stackedProduct } from "./product.ts";

export type InputGradAttrs = ConvAttrs & { readonly size: readonly [number, number] };
export type FilterGradAttrs = ConvAttrs & { readonly kernel: readonly [number, number] };

export const convAttributes = ({ stride, pads, groups }: ConvAttrs, kernel: readonly number[]) => ({
  kernel_shape: kernel,
  strides: [stride, stride],
  pads,
  group: groups,
});

/** The convolution of `x`, with a bias [K] where one is given. */
export const lowerConv = (
  emit: Emit,
  xs: readonly string[],
  attrs: ConvAttrs,
  _: Expr,
  [, filters]: readonly Expr[],
): string => emit.node("Conv", xs, convAttributes(attrs, filters.shape.slice(2)));

/** The zeros around dy that make the input gradient of a stride-1 convolution a convolution itself. */
export const turnedPads = (pads: ConvAttrs["pads"], [h, w]: readonly number[]): ConvAttrs["pads"] => [
  h - 1 - pads[0],
  w - 1 - pads[1],
  h - 1 - pads[2],
  w - 1 - pads[3],
];

/**
 * The gradient with respect to the image. With stride 1 it is a convolution of dy with the filters turned by 180° and
 * their input and output channels exchanged, which is faster than ConvTranspose.
 */
export function lowerInputGrad(
  emit: Emit,
  xs: readonly string[],
  { size, ...attrs }: InputGradAttrs,
  _: Expr,
  [{ shape: from }, { shape: w }]: readonly Expr[],
): string {
  const { stride, pads, groups } = attrs;
  const [dy, filter] = xs;
  const kernel = w.slice(2);
  const turned = turnedPads(pads, kernel);
  if (stride === 1 && groups === 1 && turned.every((n) => n >= 0)) {
    const swapped = emit.node("Transpose", [filter], { perm: [1, 0, 2, 3] });
    const flipped = sizeOf(kernel) === 1 ? swapped : flip(emit, swapped);
    return emit.node("Conv", [dy, flipped], convAttributes({ stride: 1, pads: turned, groups: 1 }, kernel));
  }
  const missing = [0, 1].map(
    (axis) => size[axis] - ((from[2 + axis] - 1) * stride + kernel[axis] - pads[axis] - pads[axis + 2]),
  );
  return emit.node("ConvTranspose", [dy, filter], { ...convAttributes(attrs, kernel), output_padding: missing });
}

/** Reverses the last two of four axes. */
function flip(emit: Emit, x: string): string {
  const last = emit.ints([-1, -1]);
  return emit.node("Slice", [x, last, emit.ints([-(2 ** 31), -(2 ** 31)]), emit.ints([2, 3]), last]);
}

/** The gradient with respect to the filters, by whichever way suits the shapes. */
export function lowerFilterGrad(
  emit: Emit,
  xs: readonly string[],
  attrs: FilterGradAttrs,
  dw: Expr,
  inputs: readonly Expr[],
): string {
  const { stride, pads, groups, kernel } = attrs;
  const pointwise = sizeOf(kernel) === 1 && stride === 1 && groups === 1 && pads.every((n) => n === 0);
  // A product for each image pays where it reads images as they lie.
  if (pointwise && emit.transposing) return pointwiseFilterGrad(emit, xs, dw, inputs);
  return columnsFilterGrad(emit, xs, attrs, dw, inputs);
}

/** For 1×1 filters: one product dy · xᵀ for each image, summed over the batch. */
function pointwiseFilterGrad(emit: Emit, [x, dy]: readonly string[], dw: Expr, inputs: readonly Expr[]): string {
  const [{ shape: image }, { shape: out }] = inputs;
  const rows = (value: string, [b, c, h, w]: readonly number[]) =>
    emit.node("Reshape", [value, emit.ints([b, c, h * w])]);
  const products = stackedProduct(emit, [rows(dy, out), rows(x, image)], [3, 3], [false, true]);
  const total = emit.node("ReduceSum", [products, emit.ints([0])], { keepdims: 0 });
  return emit.node("Reshape", [total, emit.ints(dw.shape)]);
}

/**
 * One matrix product over all batch positions: the image's shifted copies (one for each filter tap) as rows
 * [taps · C, B · Ho · Wo], times dy as [K, B · Ho · Wo]ᵀ; per group.
 */
function columnsFilterGrad(
  emit: Emit,
  [x, dy]: readonly string[],
  { stride, pads, groups, kernel }: FilterGradAttrs,
  dw: Expr,
  [{ shape: image }, { shape: out }]: readonly Expr[],
): string {
  const [batch, c] = image;
  const [, k, ho, wo] = out;
  const positions = batch * ho * wo;
  const perGroup = c / groups;
  const taps = kernel[0] * kernel[1];

  const dyRows = emit.node("Reshape", [
    emit.node("Transpose", [dy], { perm: [1, 0, 2, 3] }),
    emit.ints(groups === 1 ? [k, positions] : [groups, k / groups, positions]),
  ]);

  const turned = emit.once(`channels first ${x}`, () => [emit.node("Transpose", [x], { perm: [1, 0, 2, 3] })])[0];
  const margins = emit.ints([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]);
  const padded = pads.every((n) => n === 0) ? turned : emit.node("Pad", [turned, margins]);
  const rows = Array.from({ length: taps }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kernel[1]), tap % kernel[1]];
    const starts = emit.ints([i, j]);
    const ends = emit.ints([i + (ho - 1) * stride + 1, j + (wo - 1) * stride + 1]);
    const shifted = emit.node("Slice", [padded, starts, ends, emit.ints([2, 3]), emit.ints([stride, stride])]);
    return emit.node("Reshape", [
      shifted,
      emit.ints(groups === 1 ? [perGroup, positions] : [groups, perGroup, positions]),
    ]);
  });
  const columns = taps === 1 ? rows[0] : emit.node("Concat", rows, { axis: groups === 1 ? 0 : 1 });

  const product =
    groups === 1
      ? emit.node("Gemm", [dyRows, columns], { transB: 1 })
      : stackedProduct(emit, [dyRows, columns], [3, 3], [false, true]);
  const tapsApart = emit.node("Reshape", [product, emit.ints([k, taps, perGroup])]);
  const channelsApart = taps === 1 ? tapsApart : emit.node("Transpose", [tapsApart], { perm: [0, 2, 1] });
  return emit.node("Reshape", [channelsApart, emit.ints(dw.shape)]);
}
