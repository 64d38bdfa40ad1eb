/** Shape and dtype of every primitive; the place where operands that do not fit together are refused. */
import { GraphError } from "../errors/index.ts";
import { type ConvAttrs, type DType, type Expr, type FloatType, isFloat, type OpAttrs, type OpName } from "./expr.ts";
import { broadcast, type Shape, sameShape, showShape as show, sizeOf } from "./shape.ts";

interface Inferred {
  readonly shape: Shape;
  readonly dtype: DType;
}
type Infer<K extends OpName> = (inputs: readonly Expr[], attrs: OpAttrs[K]) => Inferred;

const float = (shape: Shape, dtype: FloatType = "float32"): Inferred => ({ shape, dtype });

/** Refuses a count of inputs or a dtype that the op does not take. */
function expectInputs(op: string, inputs: readonly Expr[], dtypes: readonly DType[]): void {
  if (inputs.length !== dtypes.length)
    throw new GraphError(`${op}: takes ${dtypes.length} inputs; got ${inputs.length}.`);
  inputs.forEach((x, i) => {
    if (x.dtype !== dtypes[i])
      throw new GraphError(`${op}: input ${i} must be ${dtypes[i]}; got ${x.dtype} ${show(x.shape)}.`);
  });
}

/** The precision that so many inputs share; refuses others. */
function expectFloats(op: string, inputs: readonly Expr[], count: number): FloatType {
  const [dtype] = inputs.map((x) => x.dtype).filter(isFloat);
  expectInputs(op, inputs, new Array(count).fill(dtype ?? "float32"));
  return dtype ?? "float32";
}

const unary =
  (op: OpName): Infer<OpName> =>
  (inputs) =>
    float(inputs[0].shape, expectFloats(op, inputs, 1));

const binary =
  (op: OpName, result?: "bool"): Infer<OpName> =>
  (inputs) => {
    const dtype = expectFloats(op, inputs, 2);
    return { shape: broadcast(op, inputs[0].shape, inputs[1].shape), dtype: result ?? dtype };
  };

const reduction =
  (op: OpName) =>
  (inputs: readonly Expr[], { axes }: { readonly axes: readonly number[] }): Inferred => {
    const dtype = expectFloats(op, inputs, 1);
    return float(
      inputs[0].shape.map((size, i) => (axes.includes(i) ? 1 : size)),
      dtype,
    );
  };

/** Sizes of an image [B, C, H, W]. */
function image(op: string, x: Expr): [number, number, number, number] {
  if (x.shape.length !== 4) throw new GraphError(`${op}: takes an image [B, C, H, W]; got ${show(x.shape)}.`);
  return x.shape as [number, number, number, number];
}

/** Spatial size after a convolution. */
export function convSize(
  [h, w]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  { stride, pads: [top, left, bottom, right] }: ConvAttrs,
): [number, number] {
  return [Math.floor((h + top + bottom - kh) / stride) + 1, Math.floor((w + left + right - kw) / stride) + 1];
}

function checkConv(op: string, channels: number, filter: Shape, groups: number): void {
  const [k, perGroup] = filter;
  if (filter.length !== 4 || channels !== perGroup * groups || k % groups !== 0)
    throw new GraphError(`${op}: ${channels} channels in ${groups} groups do not fit filters ${show(filter)}.`);
}

function statistics(op: OpName): Infer<"groupNormalize" | "groupInverseStd"> {
  return (inputs, { groups }) => {
    expectInputs(op, inputs, ["float32"]);
    const { shape } = inputs[0];
    if (shape.length < 2 || shape[1] % groups !== 0)
      throw new GraphError(`${op}: the channels of ${show(shape)} do not divide into ${groups} groups.`);
    return float(op === "groupNormalize" ? shape : shape.map((size, i) => (i >= 2 ? 1 : size)));
  };
}

/** How many leading axes of `x` a row's scale follows. */
export function rowAxes(x: Shape, scale: Shape): number {
  let rows = x.length;
  while (rows > 0 && scale[rows - 1] === 1) rows--;
  return rows;
}

/** The rule of every primitive. */
export const infer: { readonly [K in OpName]: Infer<K> } = {
  input: (_, { name, shape, dtype }) => {
    if (!shape.every((size) => Number.isInteger(size) && size > 0))
      throw new GraphError(`input ${name}: sizes must be positive integers; got ${show(shape)}.`);
    if (dtype === "float16")
      throw new GraphError(`input ${name}: is float16 (float32 expected). Cast it inside the graph.`);
    return { shape, dtype };
  },
  constant: (_, { shape, dtype }) => float(shape, dtype),
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  pow: binary("pow"),
  maximum: binary("maximum"),
  minimum: binary("minimum"),
  less: binary("less", "bool"),
  equal: binary("equal", "bool"),
  where: (inputs) => {
    const dtype = inputs[1]?.dtype === "float16" ? "float16" : "float32";
    expectInputs("where", inputs, ["bool", dtype, dtype]);
    const [condition, yes, no] = inputs.map((x) => x.shape);
    return float(broadcast("where", condition, broadcast("where", yes, no)), dtype);
  },
  neg: unary("neg"),
  exp: unary("exp"),
  log: unary("log"),
  sqrt: unary("sqrt"),
  reciprocal: unary("reciprocal"),
  abs: unary("abs"),
  sign: unary("sign"),
  sin: unary("sin"),
  cos: unary("cos"),
  tanh: unary("tanh"),
  sigmoid: unary("sigmoid"),
  silu: unary("silu"),
  siluGrad: (inputs, attrs) => {
    const [dy, x] = inputs.map(({ shape }) => shape);
    if (!sameShape(dy, x)) throw new GraphError(`siluGrad: shapes differ: ${show(dy)} and ${show(x)}.`);
    return binary("siluGrad")(inputs, attrs);
  },
  cast: ([x], { dtype }) => ({ shape: x.shape, dtype }),
  detach: unary("detach"),
  after: ([x]) => x,
  reduceSum: reduction("reduceSum"),
  reduceMax: reduction("reduceMax"),
  sumSquares: reduction("sumSquares"),
  reshape: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new GraphError(
        `reshape: ${show(x.shape)} has ${sizeOf(x.shape)} elements; ${show(shape)} has ${sizeOf(shape)}.`,
      );
    return { shape, dtype: x.dtype };
  },
  transpose: ([x], { perm }) => {
    if ([...perm].sort((a, b) => a - b).join() !== x.shape.map((_, i) => i).join())
      throw new GraphError(`transpose: ${show(perm)} is no permutation of the axes of ${show(x.shape)}.`);
    return { shape: perm.map((axis) => x.shape[axis]), dtype: x.dtype };
  },
  expand: ([x], { shape }) => {
    if (!sameShape(broadcast("expand", x.shape, shape), shape))
      throw new GraphError(`expand: ${show(x.shape)} does not expand to ${show(shape)}.`);
    return { shape, dtype: x.dtype };
  },
  slice: ([x], { starts, ends, steps }) => {
    const shape = x.shape.map((size, i) => {
      if (starts[i] < 0 || ends[i] > size || starts[i] >= ends[i] || steps[i] < 1)
        throw new GraphError(`slice: axis ${i} of ${show(x.shape)} has no range ${starts[i]}:${ends[i]}:${steps[i]}.`);
      return Math.ceil((ends[i] - starts[i]) / steps[i]);
    });
    return { shape, dtype: x.dtype };
  },
  pad: (inputs, { before, after }) => {
    const dtype = expectFloats("pad", inputs, 1);
    if (before.length !== inputs[0].shape.length || after.length !== before.length)
      throw new GraphError(`pad: ${show(before)} and ${show(after)} do not fit ${show(inputs[0].shape)}.`);
    return float(
      inputs[0].shape.map((size, i) => before[i] + size + after[i]),
      dtype,
    );
  },
  concat: (inputs, { axis }) => {
    const [first] = inputs;
    for (const x of inputs)
      if (x.shape.length !== first.shape.length || x.shape.some((size, i) => i !== axis && size !== first.shape[i]))
        throw new GraphError(`concat: ${show(x.shape)} does not join ${show(first.shape)} along axis ${axis}.`);
    const other = inputs.find((x) => x.dtype !== first.dtype);
    if (other) throw new GraphError(`concat: ${first.dtype} ${show(first.shape)} does not join ${other.dtype}.`);
    const total = inputs.reduce((sum, x) => sum + x.shape[axis], 0);
    return { shape: first.shape.map((size, i) => (i === axis ? total : size)), dtype: first.dtype };
  },
  oneHot: (inputs, { depth }) => {
    expectInputs("oneHot", inputs, ["int64"]);
    return float([...inputs[0].shape, depth]);
  },
  matmul: (inputs, { transA, transB }) => {
    const dtype = expectFloats("matmul", inputs, 2);
    const [a, b] = inputs.map((x) => x.shape);
    if (a.length < 2 || b.length < 2)
      throw new GraphError(`matmul: operands need two axes or more: ${show(a)} × ${show(b)}.`);
    const [m, k] = transA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
    const [k2, n] = transB ? [b.at(-1)!, b.at(-2)!] : [b.at(-2)!, b.at(-1)!];
    if (k !== k2) {
      const marks = [transA ? "ᵀ" : "", transB ? "ᵀ" : ""];
      throw new GraphError(`matmul: inner sizes differ: ${show(a)}${marks[0]} × ${show(b)}${marks[1]} (${k} ≠ ${k2}).`);
    }
    return float([...broadcast("matmul", a.slice(0, -2), b.slice(0, -2)), m, n], dtype);
  },
  conv2d: (inputs, attrs) => {
    const dtype = expectFloats("conv2d", inputs, 2);
    const [b, c, h, w] = image("conv2d", inputs[0]);
    const filter = inputs[1].shape;
    checkConv("conv2d", c, filter, attrs.groups);
    const size = convSize([h, w], [filter[2], filter[3]], attrs);
    if (size.some((n) => n < 1))
      throw new GraphError(
        `conv2d: filters ${show(filter)} are larger than the padded image ${show(inputs[0].shape)}.`,
      );
    return float([b, filter[0], ...size], dtype);
  },
  conv2dInputGrad: (inputs, attrs) => {
    const dtype = expectFloats("convTranspose2d", inputs, 2);
    const [b, k, h, w] = image("convTranspose2d", inputs[0]);
    const filter = inputs[1].shape;
    checkConv("convTranspose2d", filter[1] * attrs.groups, filter, attrs.groups);
    const from = convSize(attrs.size, [filter[2], filter[3]], attrs);
    if (k !== filter[0] || from[0] !== h || from[1] !== w)
      throw new GraphError(
        `convTranspose2d: ${show(inputs[0].shape)} with filters ${show(filter)} does not make ${attrs.size.join("×")}.`,
      );
    return float([b, filter[1] * attrs.groups, ...attrs.size], dtype);
  },
  conv2dFilterGrad: (inputs, attrs) => {
    const dtype = expectFloats("conv2dFilterGrad", inputs, 2);
    const [, c, h, w] = image("conv2dFilterGrad", inputs[0]);
    const [, k, ho, wo] = image("conv2dFilterGrad", inputs[1]);
    const size = convSize([h, w], attrs.kernel, attrs);
    if (size[0] !== ho || size[1] !== wo || c % attrs.groups !== 0 || k % attrs.groups !== 0)
      throw new GraphError(`conv2dFilterGrad: ${show(inputs[0].shape)} does not fit ${show(inputs[1].shape)}.`);
    return float([k, c / attrs.groups, ...attrs.kernel], dtype);
  },
  avgPool: (inputs, { kernel }) => {
    const dtype = expectFloats("avgPool", inputs, 1);
    const [b, c, h, w] = image("avgPool", inputs[0]);
    if (h % kernel !== 0 || w % kernel !== 0)
      throw new GraphError(`avgPool: ${h}×${w} does not divide into tiles of ${kernel}×${kernel}.`);
    return float([b, c, h / kernel, w / kernel], dtype);
  },
  upsample: (inputs, { factor }) => {
    const dtype = expectFloats("upsample", inputs, 1);
    const [b, c, h, w] = image("upsample", inputs[0]);
    return float([b, c, h * factor, w * factor], dtype);
  },
  interleave: (inputs) => {
    const dtype = expectFloats("interleave", inputs, 4);
    const [b, c, h, w] = image("interleave", inputs[0]);
    for (const x of inputs)
      if (!sameShape(x.shape, inputs[0].shape))
        throw new GraphError(`interleave: shapes differ: ${show(x.shape)} and ${show(inputs[0].shape)}.`);
    return float([b, c, 2 * h, 2 * w], dtype);
  },
  phase: (inputs) => {
    const dtype = expectFloats("phase", inputs, 1);
    const [b, c, h, w] = image("phase", inputs[0]);
    if (h % 2 !== 0 || w % 2 !== 0) throw new GraphError(`phase: ${h}×${w} does not halve.`);
    return float([b, c, h / 2, w / 2], dtype);
  },
  softmax: unary("softmax"),
  rowAffine: (inputs) => {
    const dtype = expectFloats("rowAffine", inputs, 3);
    const [x, scale, shift] = inputs.map((input) => input.shape);
    const rows = rowAxes(x, scale);
    if (!sameShape(scale, shift) || !sameShape(scale, [...x.slice(0, rows), ...x.slice(rows).map(() => 1)]))
      throw new GraphError(
        `rowAffine: scale ${show(scale)} and shift ${show(shift)} must be ${show(x)} with trailing axes of size 1.`,
      );
    return float(x, dtype);
  },
  rowDot: (inputs, { axis }) => {
    const dtype = expectFloats("rowDot", inputs, 2);
    const [a, b] = inputs.map((x) => x.shape);
    if (!sameShape(a, b)) throw new GraphError(`rowDot: shapes differ: ${show(a)} and ${show(b)}.`);
    return float(
      a.map((size, i) => (i >= axis ? 1 : size)),
      dtype,
    );
  },
  groupNormalize: statistics("groupNormalize"),
  groupInverseStd: statistics("groupInverseStd"),
};

/** Applies the op's rule. */
export function inferNode<K extends OpName>(op: K, attrs: OpAttrs[K], inputs: readonly Expr[]): Inferred {
  return infer[op](inputs, attrs);
}
