/** Primitives on images in the blocked layout, for as long as values stay in it; see {@link Layouts}. */
import { type Expr, type OpAttrs, type OpName, type Shape, sameShape, sizeOf } from "../graph/index.ts";
import { blockedConv, blockedInputGrad } from "./blocked.ts";
import { blockedFilterGrad } from "./blocked-filter-gradient.ts";
import { blockedSilu, blockedSiluGrad } from "./blocked-silu.ts";
import { groupStatistics } from "./group-statistics.ts";
import { filledRows, product, rowDots, rowSums, total } from "./image-sums.ts";
import { type Held, type Layouts, rowVector, type Sum, type Term } from "./layouts.ts";

/** The value's forms, or `undefined` where the op belongs into the plain layout. */
export type LowerBlocked<K extends OpName> = (
  layouts: Layouts,
  y: Expr,
  attrs: OpAttrs[K],
  inputs: readonly Expr[],
) => Held | undefined;

const isScalar = (x: Expr) => sizeOf(x.shape) === 1;

/** One number for each channel, of each example or of all. */
const isRows = ({ shape }: Expr, [b, c]: Shape) =>
  shape.length === 4 && (shape[0] === b || shape[0] === 1) && shape[1] === c && shape[2] * shape[3] === 1;

/** Whether all of the images have a blocked layout, and one is in it. */
const suits = (layouts: Layouts, images: readonly Expr[]) =>
  images.every((x) => layouts.fits(x)) && images.some((x) => layouts.isBlocked(x));

const unary =
  (opType: string): LowerBlocked<OpName> =>
  (layouts, _, __, [x]) =>
    suits(layouts, [x]) ? { blocked: layouts.emit.node(opType, [layouts.blocked(x)]) } : undefined;

/** For two images, or one and a number. */
const binary =
  (opType: string): LowerBlocked<OpName> =>
  (layouts, y, _, inputs) => {
    const images = inputs.filter((x) => sameShape(x.shape, y.shape));
    if (!inputs.every((x) => images.includes(x) || isScalar(x)) || !suits(layouts, images)) return undefined;
    const operands = inputs.map((x) => (images.includes(x) ? layouts.blocked(x) : layouts.plain(x)));
    return { blocked: layouts.emit.node(opType, operands) };
  };

/** A sum, each part times a vector [B·C]. */
function scaled(layouts: Layouts, { terms, shift }: Sum, by: string): Sum {
  const part = ({ base, scale }: Term) => ({ base, scale: product(layouts, scale, by)! });
  return { terms: terms.map(part), ...(shift !== undefined && { shift: product(layouts, shift, by)! }) };
}

/** As few parts as there are: the computed image if there is one. */
const parts = (layouts: Layouts, x: Expr): Sum =>
  layouts.isPending(x) ? layouts.sum(x) : { terms: [{ base: layouts.blocked(x) }] };

/** a + sign · b. */
function addition(layouts: Layouts, y: Expr, [a, b]: readonly Expr[], sign: 1 | -1): Held | undefined {
  const [isA, isB] = [a, b].map((x) => sameShape(x.shape, y.shape));
  const signed = (sum: Sum) => (sign === 1 ? sum : scaled(layouts, sum, filledRows(layouts, y.shape, -1)));
  if (isA && isB) {
    if (!suits(layouts, [a, b])) return undefined;
    if (!layouts.isPending(a) && !layouts.isPending(b))
      return binary(sign === 1 ? "Add" : "Sub")(layouts, y, {}, [a, b]);
    const [first, second] = [parts(layouts, a), signed(parts(layouts, b))];
    const shift = total(layouts, first.shift, second.shift);
    return { sum: { terms: [...first.terms, ...second.terms], ...(shift !== undefined && { shift }) } };
  }
  const [image, rows] = isA ? [a, b] : [b, a];
  if (!isRows(rows, y.shape) || !suits(layouts, [image]))
    return binary(sign === 1 ? "Add" : "Sub")(layouts, y, {}, [a, b]);
  const vector = rowVector(layouts, rows, y.shape);
  const sum = isA ? layouts.sum(image) : signed(layouts.sum(image));
  const shift = isA && sign === -1 ? layouts.emit.node("Neg", [vector]) : vector;
  return { sum: { terms: sum.terms, shift: total(layouts, sum.shift, shift)! } };
}

/** a · b, or a / b, where b is one number for each channel; `undefined` for other operands. */
function scaling(layouts: Layouts, y: Expr, [a, b]: readonly Expr[], divides: boolean): Held | undefined {
  if (!sameShape(a.shape, y.shape) || !isRows(b, y.shape) || !suits(layouts, [a])) return undefined;
  const rows = rowVector(layouts, b, y.shape);
  const by = divides ? layouts.emit.node("Reciprocal", [rows]) : rows;
  return { sum: scaled(layouts, layouts.sum(a), by) };
}

/** The image of this shape whose pixel (i, j) is, in each block of channels, the one at `place(i, j)` of the blocked value's `pixels`. */
function pixelsOf(
  layouts: Layouts,
  blocked: string,
  pixels: number,
  shape: Shape,
  place: (i: number, j: number) => number,
): string {
  const { emit } = layouts;
  const [b, c, h, w] = shape;
  const places = emit.ints(Array.from({ length: h * w }, (_, p) => place(Math.floor(p / w), p % w)));
  const all = layouts.view(blocked, [(b * c) / emit.block, pixels, emit.block]);
  return layouts.view(emit.node("Gather", [all, places], { axis: 1 }), shape);
}

const onBlocks = ({ emit }: Layouts, sizes: readonly number[]) => sizes.every((size) => size % emit.block === 0);

export const lowerBlocked: { readonly [K in OpName]?: LowerBlocked<K> } = {
  add: (layouts, y, _, inputs) => addition(layouts, y, inputs, 1),
  sub: (layouts, y, _, inputs) => addition(layouts, y, inputs, -1),
  mul: (layouts, y, attrs, [a, b]) =>
    scaling(layouts, y, [a, b], false) ??
    scaling(layouts, y, [b, a], false) ??
    binary("Mul")(layouts, y, attrs, [a, b]),
  div: (layouts, y, attrs, inputs) => scaling(layouts, y, inputs, true) ?? binary("Div")(layouts, y, attrs, inputs),
  pow: binary("Pow"),
  maximum: binary("Max"),
  minimum: binary("Min"),
  neg: (layouts, y, _, [x]) =>
    suits(layouts, [x]) ? { sum: scaled(layouts, layouts.sum(x), filledRows(layouts, y.shape, -1)) } : undefined,
  exp: unary("Exp"),
  log: unary("Log"),
  sqrt: unary("Sqrt"),
  reciprocal: unary("Reciprocal"),
  abs: unary("Abs"),
  sign: unary("Sign"),
  sin: unary("Sin"),
  cos: unary("Cos"),
  tanh: unary("Tanh"),
  sigmoid: unary("Sigmoid"),
  silu: (layouts, _, __, [x]) => (suits(layouts, [x]) ? { blocked: blockedSilu(layouts, x) } : undefined),
  siluGrad: (layouts, _, __, [dy, x]) =>
    suits(layouts, [dy, x]) ? { blocked: blockedSiluGrad(layouts, dy, x) } : undefined,
  after: (layouts, { shape }, _, [x, ...others]) => {
    const nameOf = (y: Expr): string => Object.values(layouts.either(y))[0];
    const [form] = Object.keys(layouts.either(x));
    const waited = others.map((other) => ({ name: nameOf(other), rank: other.shape.length }));
    return { [form]: layouts.emit.delayed(nameOf(x), shape, waited) };
  },
  rowAffine: (layouts, y, _, [x, scale, shift]) => {
    if (!isRows(scale, y.shape) || !suits(layouts, [x])) return undefined;
    const sum = scaled(layouts, layouts.sum(x), rowVector(layouts, scale, y.shape));
    return { sum: { terms: sum.terms, shift: total(layouts, sum.shift, rowVector(layouts, shift, y.shape))! } };
  },
  rowDot: (layouts, y, { axis }, [a, b]) =>
    axis === 2 && suits(layouts, [a, b]) ? { plain: layouts.view(rowDots(layouts, a, b), y.shape) } : undefined,
  reduceSum: (layouts, y, { axes }, [x]) => {
    const overBatch = axes.join() === "0,2,3";
    if ((!overBatch && axes.join() !== "2,3") || !suits(layouts, [x])) return undefined;
    const rows = layouts.view(rowSums(layouts, x), [x.shape[0], x.shape[1], 1, 1]);
    const { emit } = layouts;
    return {
      plain: overBatch ? emit.node("ReduceSum", [rows, emit.ints([0])], { keepdims: 1 }) : layouts.view(rows, y.shape),
    };
  },
  groupNormalize: (layouts, _, attrs, [x]) => {
    if (!suits(layouts, [x])) return undefined;
    const { image, inverse, added } = groupStatistics(layouts, x, attrs);
    return { sum: { terms: [{ base: image, scale: inverse }], shift: layouts.emit.node("Mul", [inverse, added]) } };
  },
  groupInverseStd: (layouts, y, attrs, [x]) =>
    suits(layouts, [x]) ? { plain: layouts.view(groupStatistics(layouts, x, attrs).inverse, y.shape) } : undefined,
  // Whole blocks of channels lie in a row in either layout.
  concat: (layouts, _, { axis }, inputs) =>
    axis === 1 && suits(layouts, inputs)
      ? {
          blocked: layouts.emit.node(
            "Concat",
            inputs.map((x) => layouts.blocked(x)),
            { axis },
          ),
        }
      : undefined,
  slice: (layouts, y, { starts, ends, steps }, [x]) => {
    const channels = y.shape.every((size, i) => i === 1 || size === x.shape[i]) && steps[1] === 1;
    if (!channels || !onBlocks(layouts, [starts[1], ends[1]]) || !suits(layouts, [x])) return undefined;
    const { emit } = layouts;
    const [b, c, h, w] = x.shape;
    const blocks = Array.from({ length: y.shape[1] / emit.block }, (_, i) => starts[1] / emit.block + i);
    const runs = layouts.view(layouts.blocked(x), [b, c / emit.block, h * w * emit.block]);
    return { blocked: layouts.view(emit.node("Gather", [runs, emit.ints(blocks)], { axis: 1 }), y.shape) };
  },
  pad: (layouts, _, { before, after, value }, [x]) => {
    const channels = before.every((n, i) => i === 1 || (n === 0 && after[i] === 0)) && value === 0;
    if (!channels || !onBlocks(layouts, [before[1], after[1]]) || !suits(layouts, [x])) return undefined;
    return { blocked: layouts.emit.node("Pad", [layouts.blocked(x), layouts.emit.ints([...before, ...after])]) };
  },
  avgPool: (layouts, y, { kernel }, [x]) => {
    if (!suits(layouts, [x]) || !layouts.fits(y)) return undefined;
    const attributes = { kernel_shape: [kernel, kernel], strides: [kernel, kernel] };
    return { blocked: layouts.node("AveragePool", [layouts.blocked(x)], attributes) };
  },
  upsample: (layouts, _, { factor }, [x]) =>
    suits(layouts, [x])
      ? { blocked: layouts.node("Upsample", [layouts.blocked(x)], { scales: [1, 1, factor, factor], mode: "nearest" }) }
      : undefined,
  // Pixels are runs of n numbers, and Gather brings them into order on all threads.
  interleave: (layouts, y, _, inputs) => {
    if (!suits(layouts, inputs)) return undefined;
    const [b, c, h, w] = inputs[0].shape;
    const { emit } = layouts;
    const images = inputs.map((x) => layouts.view(layouts.blocked(x), [(b * c) / emit.block, h * w * emit.block]));
    const joined = emit.node("Concat", images, { axis: 1 });
    const place = (i: number, j: number) => ((2 * (i % 2) + (j % 2)) * h + (i >> 1)) * w + (j >> 1);
    return { blocked: pixelsOf(layouts, joined, 4 * h * w, y.shape, place) };
  },
  phase: (layouts, y, { row, column }, [x]) => {
    if (!suits(layouts, [x]) || !layouts.fits(y)) return undefined;
    const [, , h, w] = x.shape;
    const place = (i: number, j: number) => (2 * i + row) * w + 2 * j + column;
    return { blocked: pixelsOf(layouts, layouts.blocked(x), h * w, y.shape, place) };
  },
  conv2d: (layouts, y, attrs, inputs) => blockedConv(layouts, y, attrs, inputs),
  conv2dInputGrad: (layouts, y, attrs, inputs) => blockedInputGrad(layouts, y, attrs, inputs),
  conv2dFilterGrad: (layouts, _, attrs, inputs) => blockedFilterGrad(layouts, attrs, inputs),
};
