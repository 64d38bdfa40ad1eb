/** Every primitive as ONNX opset 21 and the contributed ops that ONNX Runtime has on all its providers. */
import { type Expr, type FloatType, isFloat, type OpAttrs, type OpName, type Shape, sizeOf } from "../graph/index.ts";
import { lowerConv, lowerFilterGrad, lowerInputGrad } from "./convolution.ts";
import type { Emit } from "./emit.ts";
import { stackedProduct } from "./product.ts";
import { elementTypes } from "./proto.ts";

/** Emits a node given the names of its inputs; returns the name of its value. */
export type Lower<K extends OpName> = (
  emit: Emit,
  xs: readonly string[],
  attrs: OpAttrs[K],
  y: Expr,
  inputs: readonly Expr[],
) => string;

const plain =
  (opType: string): Lower<OpName> =>
  (emit, xs) =>
    emit.node(opType, xs);

const reduction =
  (opType: string) =>
  (emit: Emit, [x]: readonly string[], { axes }: { readonly axes: readonly number[] }) =>
    emit.node(opType, [x, emit.ints(axes)], { keepdims: 1 });

/** The precision of a value, for the constants that meet it. */
const floatOf = ({ dtype }: Expr): FloatType => (isFloat(dtype) ? dtype : "float32");

/** Mean and 1/std come out of the same kernel as the normalised values. */
function groupNorm(emit: Emit, x: string, { groups, eps }: OpAttrs["groupNormalize"], [b, c, ...rest]: Shape) {
  return emit.once(`group norm ${x} ${groups} ${eps}`, () => {
    const n = sizeOf(rest) * (c / groups);
    const runs = emit.node("Reshape", [x, emit.ints([b, groups, n])]);
    const attributes = { axis: 2, epsilon: { float: eps } };
    return emit.nodes("LayerNormalization", [runs, emit.filled(1, [n])], attributes, 3);
  });
}

/** Elements that Gather moves at once, from which on its threads are worth it. */
const longRun = 256;

/** Slice, which runs on one thread; or Gather, which takes places along one axis on all of them, where long runs are moved. */
const lowerSlice: Lower<"slice"> = (emit, [x], { starts, ends, steps }, y, [{ shape }]) => {
  const cut = shape.flatMap((size, axis) => (size === y.shape[axis] && steps[axis] === 1 ? [] : [axis]));
  if (emit.block > 0 && cut.length === 1 && sizeOf(shape.slice(cut[0] + 1)) >= longRun) {
    const [axis] = cut;
    const places = Array.from({ length: y.shape[axis] }, (_, i) => starts[axis] + i * steps[axis]);
    return emit.node("Gather", [x, emit.ints(places)], { axis });
  }
  const axes = emit.ints(starts.map((_, axis) => axis));
  return emit.node("Slice", [x, emit.ints(starts), emit.ints(ends), axes, emit.ints(steps)]);
};

/** x · sigmoid(x) in one pass. */
export const silu = (emit: Emit, x: string): string =>
  emit.once(`silu ${x}`, () => [emit.node("QuickGelu", [x], { alpha: { float: 1 } }, "com.microsoft")])[0];

export const lower: { readonly [K in OpName]: Lower<K> } = {
  input: (emit, _, { name, shape, dtype }) => emit.input(name, shape, dtype),
  constant: (emit, _, { data, shape, dtype }) => emit.floats(data, shape, dtype),
  add: plain("Add"),
  sub: plain("Sub"),
  mul: plain("Mul"),
  div: plain("Div"),
  pow: plain("Pow"),
  maximum: plain("Max"),
  minimum: plain("Min"),
  less: plain("Less"),
  equal: plain("Equal"),
  where: plain("Where"),
  neg: plain("Neg"),
  exp: plain("Exp"),
  log: plain("Log"),
  sqrt: plain("Sqrt"),
  reciprocal: plain("Reciprocal"),
  abs: plain("Abs"),
  sign: plain("Sign"),
  sin: plain("Sin"),
  cos: plain("Cos"),
  tanh: plain("Tanh"),
  sigmoid: (emit, [x]) => emit.once(`sigmoid ${x}`, () => [emit.node("Sigmoid", [x])])[0],
  silu: (emit, [x]) => silu(emit, x),
  // The derivative is s + y − y s, with s = sigmoid(x) and y = silu(x).
  siluGrad: (emit, [dy, x]) => {
    const [s, y] = [emit.once(`sigmoid ${x}`, () => [emit.node("Sigmoid", [x])])[0], silu(emit, x)];
    return emit.node("Mul", [dy, emit.node("Add", [s, emit.node("Sub", [y, emit.node("Mul", [y, s])])])]);
  },
  detach: (_, [x]) => x,
  after: (emit, [x, ...others], _, { shape }, [, ...waited]) =>
    emit.delayed(
      x,
      shape,
      waited.map((other, i) => ({ name: others[i], rank: other.shape.length, dtype: other.dtype })),
    ),
  cast: (emit, xs, { dtype }) => emit.node("Cast", xs, { to: elementTypes[dtype] }),
  reduceSum: reduction("ReduceSum"),
  reduceMax: reduction("ReduceMax"),
  sumSquares: reduction("ReduceSumSquare"),
  reshape: (emit, [x], { shape }) => emit.node("Reshape", [x, emit.ints(shape)]),
  transpose: (emit, xs, { perm }) => emit.node("Transpose", xs, { perm }),
  expand: (emit, [x], { shape }) => emit.node("Expand", [x, emit.ints(shape)]),
  slice: lowerSlice,
  pad: (emit, [x], { before, after, value }, y) =>
    emit.node("Pad", [x, emit.ints([...before, ...after]), emit.floats([value], [], floatOf(y))]),
  concat: (emit, xs, { axis }) => emit.node("Concat", xs, { axis }),
  oneHot: (emit, [x], { depth }) =>
    emit.node("OneHot", [x, emit.ints([depth]), emit.floats([0, 1], [2])], { axis: -1 }),
  matmul: (emit, xs, { transA, transB }, _, [a, b]) => {
    const [ta, tb] = [Number(transA), Number(transB)];
    if (a.shape.length === 2 && b.shape.length === 2) return emit.node("Gemm", xs, { transA: ta, transB: tb });
    return stackedProduct(emit, [xs[0], xs[1]], [a.shape.length, b.shape.length], [transA, transB]);
  },
  conv2d: lowerConv,
  conv2dInputGrad: lowerInputGrad,
  conv2dFilterGrad: lowerFilterGrad,
  avgPool: (emit, xs, { kernel }) =>
    emit.node("AveragePool", xs, { kernel_shape: [kernel, kernel], strides: [kernel, kernel] }),
  upsample: (emit, [x], { factor }) =>
    emit.node("Resize", [x, "", emit.floats([1, 1, factor, factor], [4])], {
      mode: "nearest",
      nearest_mode: "floor",
      coordinate_transformation_mode: "asymmetric",
    }),
  interleave: (emit, xs) =>
    emit.node("DepthToSpace", [emit.node("Concat", xs, { axis: 1 })], { blocksize: 2, mode: "DCR" }),
  phase: (emit, [x], { row, column }) => {
    const [end, axes, steps] = [emit.ints([2 ** 31, 2 ** 31]), emit.ints([2, 3]), emit.ints([2, 2])];
    return emit.node("Slice", [x, emit.ints([row, column]), end, axes, steps]);
  },
  softmax: (emit, xs) => emit.node("Softmax", xs, { axis: -1 }),
  // One pass over memory, where Mul and Add would take two.
  rowAffine: (emit, [x, scale, shift], _, y, [, { shape }]) => {
    const rows = sizeOf(shape);
    const flat = (value: string) => emit.node("Reshape", [value, emit.ints([rows])]);
    const wide = emit.node("Reshape", [x, emit.ints([1, rows, sizeOf(y.shape) / rows])]);
    const [mean, variance] = [0, 1].map((value) => emit.filled(value, [rows], floatOf(y)));
    const normalized = emit.node("BatchNormalization", [wide, flat(scale), flat(shift), mean, variance], {
      epsilon: { float: 0 },
    });
    return emit.node("Reshape", [normalized, emit.ints(y.shape)]);
  },
  // A product of matrices with one row and one column each reads both operands once and writes next to nothing.
  rowDot: (emit, [a, b], { axis }, y, [{ shape }]) => {
    if (!emit.transposing)
      return reduction("ReduceSum")(emit, [emit.node("Mul", [a, b])], { axes: shape.map((_, i) => i).slice(axis) });
    const rows = sizeOf(y.shape);
    const flat = (x: string) => emit.node("Reshape", [x, emit.ints([rows, 1, sizeOf(shape) / rows])]);
    return emit.node("Reshape", [stackedProduct(emit, [flat(a), flat(b)], [3, 3], [false, true]), emit.ints(y.shape)]);
  },
  groupNormalize: (emit, [x], attrs, y) =>
    emit.node("Reshape", [groupNorm(emit, x, attrs, y.shape)[0], emit.ints(y.shape)]),
  groupInverseStd: (emit, [x], attrs, y, [{ shape }]) => {
    const [b, c] = shape;
    const inverse = groupNorm(emit, x, attrs, shape)[2];
    const each = emit.node("Expand", [inverse, emit.ints([b, attrs.groups, c / attrs.groups])]);
    return emit.node("Reshape", [each, emit.ints(y.shape)]);
  },
};
