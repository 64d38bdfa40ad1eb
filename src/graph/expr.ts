/**
 * Expressions: immutable nodes of a computation graph with static shapes. Primitives sit at ONNX's grain: what ONNX
 * Runtime runs as one fast kernel is a primitive if its gradient can be said with the others. Four tables are total over
 * {@link OpName}: `infer` (shapes), `vjp` (gradients), `reference` (float64 meaning) and `lower` (ONNX, in `onnx/`).
 */
import { GraphError } from "../errors/index.ts";
import { inferNode } from "./infer.ts";
import { normalizeAxes, type Shape, sameShape, sizeOf } from "./shape.ts";

/** What an element is. Values of float16 live inside graphs: what goes in or comes out is float32. */
export type DType = FloatType | "int64" | "bool";
export type FloatType = "float32" | "float16";

export const isFloat = (dtype: DType): dtype is FloatType => dtype === "float32" || dtype === "float16";

type None = Record<never, never>;

/** Geometry shared by a convolution and its two gradients. */
export interface ConvAttrs {
  /** Distance between neighbouring windows, equal on both axes. */
  readonly stride: number;
  /** Zeros around the image: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
  /** Channels are split into this many independent convolutions. */
  readonly groups: number;
}

/** Whose mean and variance count: channels in equal runs, together with all positions. */
export interface GroupAttrs {
  readonly groups: number;
  readonly eps: number;
}

/** Every primitive and its attributes. Adding a line here makes the compiler ask for its four rules. */
export interface OpAttrs {
  input: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  constant: { readonly data: Float32Array | Float64Array; readonly shape: Shape; readonly dtype: FloatType };
  // Elementwise; binary ones broadcast.
  add: None;
  sub: None;
  mul: None;
  div: None;
  pow: None;
  maximum: None;
  minimum: None;
  less: None;
  equal: None;
  where: None;
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None;
  abs: None;
  sign: None;
  sin: None;
  cos: None;
  tanh: None;
  sigmoid: None;
  silu: None;
  /** The first input times the derivative of silu at the second, of the same shape. */
  siluGrad: None;
  cast: { readonly dtype: DType };
  /** The same values, through which no gradient flows. */
  detach: None;
  /** The values of the first input, but not before the others are there. */
  after: None;
  // Reductions keep the reduced axes, as size 1.
  reduceSum: { readonly axes: readonly number[] };
  reduceMax: { readonly axes: readonly number[] };
  sumSquares: { readonly axes: readonly number[] };
  // Movement.
  reshape: { readonly shape: Shape };
  transpose: { readonly perm: readonly number[] };
  expand: { readonly shape: Shape };
  slice: { readonly starts: readonly number[]; readonly ends: readonly number[]; readonly steps: readonly number[] };
  pad: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value: number };
  concat: { readonly axis: number };
  oneHot: { readonly depth: number };
  // Linear algebra and networks.
  matmul: { readonly transA: boolean; readonly transB: boolean };
  conv2d: ConvAttrs;
  conv2dInputGrad: ConvAttrs & { readonly size: readonly [number, number] };
  conv2dFilterGrad: ConvAttrs & { readonly kernel: readonly [number, number] };
  avgPool: { readonly kernel: number };
  upsample: { readonly factor: number };
  /** Four images as one of twice the resolution: at rows 2i + a and columns 2j + b it shows image 2a + b. */
  interleave: None;
  /** Every second row and column, from `row` and `column` on. */
  phase: { readonly row: 0 | 1; readonly column: 0 | 1 };
  softmax: None;
  /** x · scale + shift, with one scale and shift for each run of trailing elements: their trailing axes have size 1. */
  rowAffine: None;
  /** Sum of products over the axes from `axis` on, which are kept as size 1. */
  rowDot: { readonly axis: number };
  /** (x − mean) / √(variance + eps) over each of `groups` runs of channels of an image [B, C, …]. */
  groupNormalize: GroupAttrs;
  /** 1 / √(variance + eps) of a channel's group: [B, C, 1, …]. */
  groupInverseStd: GroupAttrs;
}
export type OpName = keyof OpAttrs;

/** What a user may write where a node is expected. */
export type Operand = Expr | number;

let created = 0;

/** A node: an op, its attributes, the nodes it reads, and the shape and dtype that follow from them. */
export class Expr<K extends OpName = OpName> {
  readonly op: K;
  readonly attrs: OpAttrs[K];
  readonly inputs: readonly Expr[];
  readonly shape: Shape;
  readonly dtype: DType;
  /** Creation order; inputs always have smaller numbers. */
  readonly id: number;

  constructor(op: K, attrs: OpAttrs[K], inputs: readonly Expr[]) {
    const { shape, dtype } = inferNode(op, attrs, inputs);
    this.op = op;
    this.attrs = attrs;
    this.inputs = inputs;
    this.shape = shape;
    this.dtype = dtype;
    this.id = created++;
  }

  add(y: Operand): Expr {
    return new Expr("add", {}, [this, lift(y, this)]);
  }
  sub(y: Operand): Expr {
    return new Expr("sub", {}, [this, lift(y, this)]);
  }
  mul(y: Operand): Expr {
    return new Expr("mul", {}, [this, lift(y, this)]);
  }
  div(y: Operand): Expr {
    return new Expr("div", {}, [this, lift(y, this)]);
  }
  pow(y: Operand): Expr {
    return new Expr("pow", {}, [this, lift(y, this)]);
  }
  maximum(y: Operand): Expr {
    return new Expr("maximum", {}, [this, lift(y, this)]);
  }
  minimum(y: Operand): Expr {
    return new Expr("minimum", {}, [this, lift(y, this)]);
  }
  /** this < y, elementwise, as bool. */
  less(y: Operand): Expr {
    return new Expr("less", {}, [this, lift(y, this)]);
  }
  equal(y: Operand): Expr {
    return new Expr("equal", {}, [this, lift(y, this)]);
  }
  /** Elementwise choice: `yes` where this bool holds, `no` elsewhere. */
  where(yes: Operand, no: Operand): Expr {
    const [a, b] = [yes, no].map((choice) => (typeof choice === "number" ? undefined : choice));
    return new Expr("where", {}, [this, lift(yes, b), lift(no, a)]);
  }
  neg(): Expr {
    return new Expr("neg", {}, [this]);
  }
  exp(): Expr {
    return new Expr("exp", {}, [this]);
  }
  log(): Expr {
    return new Expr("log", {}, [this]);
  }
  sqrt(): Expr {
    return new Expr("sqrt", {}, [this]);
  }
  reciprocal(): Expr {
    return new Expr("reciprocal", {}, [this]);
  }
  abs(): Expr {
    return new Expr("abs", {}, [this]);
  }
  sign(): Expr {
    return new Expr("sign", {}, [this]);
  }
  sin(): Expr {
    return new Expr("sin", {}, [this]);
  }
  cos(): Expr {
    return new Expr("cos", {}, [this]);
  }
  tanh(): Expr {
    return new Expr("tanh", {}, [this]);
  }
  sigmoid(): Expr {
    return new Expr("sigmoid", {}, [this]);
  }
  /** x · sigmoid(x). */
  silu(): Expr {
    return new Expr("silu", {}, [this]);
  }
  cast(dtype: DType): Expr {
    return dtype === this.dtype ? this : new Expr("cast", { dtype }, [this]);
  }

  /** The same values, through which no gradient flows. */
  detach(): Expr {
    return new Expr("detach", {}, [this]);
  }

  /**
   * The same values, but not before those of `others` are there. What is computed from them is computed anew even where
   * the same was computed from this, which saves keeping it.
   */
  after(...others: readonly Expr[]): Expr {
    return new Expr("after", {}, [this, ...others]);
  }

  /** Sum over `axes` (all of them if not given), kept as size 1. */
  sum(axes?: readonly number[]): Expr {
    const normalized = normalizeAxes("sum", axes ?? this.shape.map((_, i) => i), this.shape.length);
    return normalized.length === 0 ? this : new Expr("reduceSum", { axes: normalized }, [this]);
  }
  /** Largest element over `axes`, kept as size 1. */
  max(axes: readonly number[]): Expr {
    return new Expr("reduceMax", { axes: normalizeAxes("max", axes, this.shape.length) }, [this]);
  }
  /** Mean over `axes` (all of them if not given), kept as size 1. */
  mean(axes?: readonly number[]): Expr {
    const total = this.sum(axes);
    return total.mul(sizeOf(total.shape) / sizeOf(this.shape));
  }
  /** Sum of squares over `axes` (all of them if not given), kept as size 1. */
  sumSquares(axes?: readonly number[]): Expr {
    const normalized = normalizeAxes("sumSquares", axes ?? this.shape.map((_, i) => i), this.shape.length);
    return normalized.length === 0 ? this.mul(this) : new Expr("sumSquares", { axes: normalized }, [this]);
  }

  /** The same elements in row-major order under another shape; one size may be −1 and follows from the rest. */
  reshape(shape: Shape): Expr {
    const known = shape.reduce((n, size) => (size === -1 ? n : n * size), 1);
    const full = shape.map((size) => (size === -1 ? sizeOf(this.shape) / known : size));
    return sameShape(full, this.shape) ? this : new Expr("reshape", { shape: full }, [this]);
  }
  /** Axis i of the result is axis `perm[i]` of this. */
  transpose(perm: readonly number[]): Expr {
    return perm.every((axis, i) => axis === i) ? this : new Expr("transpose", { perm }, [this]);
  }
  /** Repeats axes of size 1, and new leading ones, up to `shape`. */
  expand(shape: Shape): Expr {
    return sameShape(shape, this.shape) ? this : new Expr("expand", { shape }, [this]);
  }
  /** Elements `start`, `start + step`, … before `end` along one axis. */
  slice(axis: number, start: number, end: number, step = 1): Expr {
    const [at] = normalizeAxes("slice", [axis], this.shape.length);
    if (start === 0 && end === this.shape[at] && step === 1) return this;
    const along = (value: number, rest: (size: number) => number) =>
      this.shape.map((size, i) => (i === at ? value : rest(size)));
    const attrs = { starts: along(start, () => 0), ends: along(end, (size) => size), steps: along(step, () => 1) };
    return new Expr("slice", attrs, [this]);
  }
  /** `before[i]` and `after[i]` extra elements equal to `value` around axis i. */
  pad(before: readonly number[], after: readonly number[], value = 0): Expr {
    return [...before, ...after].every((n) => n === 0) ? this : new Expr("pad", { before, after, value }, [this]);
  }
  /** 1 at the place an int64 label names along a new last axis of size `depth`, 0 elsewhere. */
  oneHot(depth: number): Expr {
    return new Expr("oneHot", { depth }, [this]);
  }

  /** Product over the last two axes, either operand transposed on demand; leading axes broadcast. */
  matmul(y: Expr, { transA = false, transB = false }: { transA?: boolean; transB?: boolean } = {}): Expr {
    return new Expr("matmul", { transA, transB }, [this, y]);
  }
  /** Cross-correlation of an image [B, C, H, W] with filters [K, C / groups, h, w]. */
  conv2d(filter: Expr, { stride = 1, pads = [0, 0, 0, 0], groups = 1 }: Partial<ConvAttrs> = {}): Expr {
    return new Expr("conv2d", { stride, pads, groups }, [this, filter]);
  }
  /**
   * Transposed convolution: the gradient of {@link conv2d} with respect to its image, of spatial `size`.
   * This is [B, K, …] and the filters are [K, C / groups, h, w].
   */
  convTranspose2d(
    filter: Expr,
    size: readonly [number, number],
    { stride = 1, pads = [0, 0, 0, 0], groups = 1 }: Partial<ConvAttrs> = {},
  ): Expr {
    return new Expr("conv2dInputGrad", { stride, pads, groups, size }, [this, filter]);
  }
  /** Mean of each `kernel` × `kernel` tile. */
  avgPool(kernel: number): Expr {
    return kernel === 1 ? this : new Expr("avgPool", { kernel }, [this]);
  }
  /** Repeats each pixel `factor` × `factor` times. */
  upsample(factor: number): Expr {
    return factor === 1 ? this : new Expr("upsample", { factor }, [this]);
  }
  /** Softmax over the last axis. */
  softmax(): Expr {
    return new Expr("softmax", {}, [this]);
  }
  /** this · scale + shift in one pass; `scale` and `shift` are this shape with trailing axes of size 1. */
  rowAffine(scale: Expr, shift: Expr): Expr {
    return new Expr("rowAffine", {}, [this, scale, shift]);
  }
  /** Σ this · y over the axes from `axis` on, kept as size 1. */
  rowDot(y: Expr, axis: number): Expr {
    const [from] = normalizeAxes("rowDot", [axis], this.shape.length);
    return new Expr("rowDot", { axis: from }, [this, y]);
  }
  /** (x − mean) / √(variance + eps) over each of `groups` runs of channels of this [B, C, …]. */
  groupNormalize(groups: number, eps: number): Expr {
    return new Expr("groupNormalize", { groups, eps }, [this]);
  }
}

/** A named value handed over at run time. Names are unique within a compiled program. */
export const input = (name: string, shape: Shape, dtype: DType = "float32"): Expr<"input"> =>
  new Expr("input", { name, shape, dtype }, []);

/** A value known when the graph is built. */
export function constant(data: ArrayLike<number>, shape: Shape, dtype: FloatType = "float32"): Expr<"constant"> {
  if (data.length !== sizeOf(shape))
    throw new GraphError(
      `constant: ${data.length} numbers do not fill ${shape.join("×")} (${sizeOf(shape)} expected).`,
    );
  const kept = data instanceof Float32Array || data instanceof Float64Array ? data : Float64Array.from(data);
  return new Expr("constant", { data: kept, shape, dtype }, []);
}

/** A number as a constant without axes, of the precision of `like`; nodes pass through. */
export const lift = (value: Operand, like?: Expr): Expr =>
  typeof value === "number" ? constant([value], [], like && isFloat(like.dtype) ? like.dtype : "float32") : value;

/** Joins along one axis; all other sizes are equal. */
export function concat(parts: readonly Expr[], axis: number): Expr {
  if (parts.length === 1) return parts[0];
  const [at] = normalizeAxes("concat", [axis], parts[0]?.shape.length ?? 0);
  return new Expr("concat", { axis: at }, parts);
}

/** Four images [B, C, H, W] as one [B, C, 2H, 2W]: at rows 2i + a and columns 2j + b it shows image 2a + b. */
export const interleave = (images: readonly Expr[]): Expr => new Expr("interleave", {}, images);

/** Every node the outputs depend on, inputs before users; each node's inputs in the order that `inputsOf` gives. */
export function topological(
  outputs: readonly Expr[],
  inputsOf: (node: Expr) => readonly Expr[] = ({ inputs }) => inputs,
): Expr[] {
  const order: Expr[] = [];
  const seen = new Set<Expr>();
  const visit = (node: Expr) => ({ node, inputs: inputsOf(node), next: 0 });
  const stack = outputs.map(visit).reverse();
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (top.next === 0 && seen.has(top.node)) {
      stack.pop();
      continue;
    }
    seen.add(top.node);
    if (top.next < top.inputs.length) {
      const child = top.inputs[top.next++];
      if (!seen.has(child)) stack.push(visit(child));
    } else {
      order.push(top.node);
      stack.pop();
    }
  }
  return order;
}
