/** A convolution and its two gradients as ONNX nodes, in the plain NCHW layout. */
import { type ConvAttrs, type Expr, sizeOf } from "../graph/index.ts";
import type { Emit } from "./emit.ts";

const convAttributes = ({ stride, pads, groups }: ConvAttrs, kernel: readonly number[]) => ({
  kernel_shape: kernel,
  strides: [stride, stride],
  pads,
  group: groups,
});

export function lowerConv(
  emit: Emit,
  xs: readonly string[],
  attrs: ConvAttrs,
  _: Expr,
  [, filter]: readonly Expr[],
): string {
  return emit.node("Conv", xs, convAttributes(attrs, filter.shape.slice(2)));
}

/**
 * The gradient with respect to the image. With stride 1 it is a convolution of dy with the filters turned by 180° and
 * their input and output channels exchanged, which is faster than ConvTranspose.
 */
export function lowerInputGrad(
  emit: Emit,
  [dy, filter]: readonly string[],
  { size, ...attrs }: ConvAttrs & { readonly size: readonly [number, number] },
  _: Expr,
  [{ shape: from }, { shape: w }]: readonly Expr[],
): string {
  const { stride, pads, groups } = attrs;
  const kernel = w.slice(2);
  const turnedPads = [
    kernel[0] - 1 - pads[0],
    kernel[1] - 1 - pads[1],
    kernel[0] - 1 - pads[2],
    kernel[1] - 1 - pads[3],
  ];
  if (stride === 1 && groups === 1 && turnedPads.every((n) => n >= 0)) {
    const swapped = emit.node("Transpose", [filter], { perm: [1, 0, 2, 3] });
    const turned = sizeOf(kernel) === 1 ? swapped : flip(emit, swapped);
    return emit.node("Conv", [dy, turned], {
      kernel_shape: kernel,
      strides: [1, 1],
      pads: turnedPads,
      group: 1,
    });
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

/**
 * The gradient with respect to the filters, as one matrix product over all batch positions: the image's shifted copies
 * (one for each filter tap) as rows [taps · C, B · Ho · Wo], times dy as [K, B · Ho · Wo]ᵀ; per group.
 */
export function lowerFilterGrad(
  emit: Emit,
  [x, dy]: readonly string[],
  { stride, pads, groups, kernel }: ConvAttrs & { readonly kernel: readonly [number, number] },
  y: Expr,
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

  const channelsFirst = emit.node("Transpose", [x], { perm: [1, 0, 2, 3] });
  const padded = pads.some((n) => n !== 0)
    ? emit.node("Pad", [channelsFirst, emit.ints([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])])
    : channelsFirst;
  const rows = Array.from({ length: taps }, (_, tap) => {
    const [i, j] = [Math.floor(tap / kernel[1]), tap % kernel[1]];
    const starts = emit.ints([i, j]);
    const ends = emit.ints([i + (ho - 1) * stride + 1, j + (wo - 1) * stride + 1]);
    const whole = taps === 1 && stride === 1;
    const shifted = whole
      ? padded
      : emit.node("Slice", [padded, starts, ends, emit.ints([2, 3]), emit.ints([stride, stride])]);
    return emit.node("Reshape", [
      shifted,
      emit.ints(groups === 1 ? [perGroup, positions] : [groups, perGroup, positions]),
    ]);
  });
  const columns = taps === 1 ? rows[0] : emit.node("Concat", rows, { axis: groups === 1 ? 0 : 1 });

  const product =
    groups === 1
      ? emit.node("Gemm", [dyRows, columns], { transB: 1 })
      : emit.node("FusedMatMul", [dyRows, columns], { transB: 1 }, "com.microsoft");
  const tapsApart = emit.node("Reshape", [product, emit.ints([k, taps, perGroup])]);
  const channelsApart = taps === 1 ? tapsApart : emit.node("Transpose", [tapsApart], { perm: [0, 2, 1] });
  return emit.node("Reshape", [channelsApart, emit.ints(y.shape)]);
}
