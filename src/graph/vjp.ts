/** The gradient of every primitive, in terms of the same primitives, so that gradients have gradients too. */

import { concat, type Expr, interleave, isFloat, lift, Expr as Node, type OpAttrs, type OpName } from "./expr.ts";
import { rowAxes } from "./infer.ts";
import { sizeOf } from "./shape.ts";

type Vjp<K extends OpName> = (
  dy: Expr,
  y: Expr,
  inputs: readonly Expr[],
  attrs: OpAttrs[K],
) => readonly (Expr | undefined)[];

/** Σ a · b over the trailing axes that have size 1 in `like`. */
function rowDot(a: Expr, b: Expr, like: Expr): Expr {
  const axis = rowAxes(a.shape, like.shape);
  return axis === a.shape.length ? a.mul(b) : a.rowDot(b, axis).reshape(like.shape);
}

/** For each channel of [B, C, 1, …], the sum over its group. */
function groupSum(rows: Expr, groups: number): Expr {
  const [b, c] = rows.shape;
  if (c === groups) return rows;
  const sums = rows.reshape([b, groups, c / groups]).sum([2]);
  return sums.expand([b, groups, c / groups]).reshape(rows.shape);
}

/** The places of the four images of an `interleave`. */
const phases = ([0, 1] as const).flatMap((row) => ([0, 1] as const).map((column) => ({ row, column })));

/** Σ a over the trailing axes that have size 1 in `like`. */
function rowSum(a: Expr, like: Expr): Expr {
  const axes = a.shape.map((_, i) => i).filter((i) => i >= rowAxes(a.shape, like.shape));
  return a.sum(axes).reshape(like.shape);
}

/**
 * Given dL/dy, each rule returns dL/dx for each input x (`undefined` where no gradient flows). Rules ignore
 * broadcasting: `gradients` sums it out.
 */
export const vjp: { readonly [K in OpName]: Vjp<K> } = {
  input: () => [],
  constant: () => [],
  add: (dy) => [dy, dy],
  sub: (dy) => [dy, dy.neg()],
  mul: (dy, _, [a, b]) => [dy.mul(b), dy.mul(a)],
  div: (dy, y, [, b]) => [dy.div(b), dy.mul(y).div(b).neg()],
  // The exponent's gradient is 0 where the base is 0, its limit for positive exponents.
  pow: (dy, y, [a, b]) => [
    dy.mul(b).mul(a.pow(b.sub(1))),
    dy.mul(y).mul(a.equal(0).where(0, a.equal(0).where(1, a).log())),
  ],
  // Ties go to the first operand.
  maximum: (dy, _, [a, b]) => [a.less(b).where(0, dy), a.less(b).where(dy, 0)],
  minimum: (dy, _, [a, b]) => [b.less(a).where(0, dy), b.less(a).where(dy, 0)],
  less: () => [],
  equal: () => [],
  where: (dy, _, [condition]) => [undefined, condition.where(dy, 0), condition.where(0, dy)],
  neg: (dy) => [dy.neg()],
  exp: (dy, y) => [dy.mul(y)],
  log: (dy, _, [x]) => [dy.div(x)],
  sqrt: (dy, y) => [dy.mul(0.5).div(y)],
  reciprocal: (dy, y) => [dy.mul(y).mul(y).neg()],
  abs: (dy, _, [x]) => [dy.mul(x.sign())],
  sign: () => [],
  sin: (dy, _, [x]) => [dy.mul(x.cos())],
  cos: (dy, _, [x]) => [dy.mul(x.sin()).neg()],
  tanh: (dy, y) => [dy.mul(lift(1).sub(y.mul(y)))],
  sigmoid: (dy, y) => [dy.mul(y.mul(lift(1).sub(y)))],
  silu: (dy, _, [x]) => [new Node("siluGrad", {}, [dy, x])],
  // With s = sigmoid(x): silu's derivative is s (1 + x (1 − s)), and the second one s (1 − s) (2 + x (1 − 2s)).
  siluGrad: (dz, _, [dy, x]) => {
    const s = x.sigmoid();
    const rest = lift(1).sub(s);
    return [new Node("siluGrad", {}, [dz, x]), dz.mul(dy).mul(s.mul(rest).mul(x.mul(rest.sub(s)).add(2)))];
  },
  cast: (dy, _, [x]) => [isFloat(x.dtype) && isFloat(dy.dtype) ? dy.cast(x.dtype) : undefined],
  detach: () => [],
  after: (dy) => [dy],
  reduceSum: (dy, _, [x]) => [dy.expand(x.shape)],
  // Equal largest elements share the gradient.
  reduceMax: (dy, y, [x], { axes }) => {
    const largest = x.equal(y).cast("float32");
    return [dy.div(largest.sum(axes)).mul(largest)];
  },
  sumSquares: (dy, _, [x]) => [dy.mul(2).mul(x)],
  reshape: (dy, _, [x]) => [dy.reshape(x.shape)],
  transpose: (dy, _, __, { perm }) => [dy.transpose(perm.map((_, i) => perm.indexOf(i)))],
  expand: (dy) => [dy],
  slice: (dy, _, [x], { starts, steps }) => [spread(dy, x, starts, steps)],
  pad: (dy, _, [x], { before }) => [
    new Node("slice", { starts: before, ends: before.map((n, i) => n + x.shape[i]), steps: before.map(() => 1) }, [dy]),
  ],
  concat: (dy, _, inputs, { axis }) => {
    let start = 0;
    return inputs.map(({ shape }) => {
      const from = start;
      start += shape[axis];
      return dy.slice(axis, from, start);
    });
  },
  oneHot: () => [],
  matmul: (dy, _, [a, b], { transA, transB }) => [
    transA ? b.matmul(dy, { transA: transB, transB: true }) : dy.matmul(b, { transB: !transB }),
    transB ? dy.matmul(a, { transA: true, transB: transA }) : a.matmul(dy, { transA: !transA }),
  ],
  conv2d: (dy, _, [x, w], attrs) => [
    new Node("conv2dInputGrad", { ...attrs, size: [x.shape[2], x.shape[3]] }, [dy, w]),
    new Node("conv2dFilterGrad", { ...attrs, kernel: [w.shape[2], w.shape[3]] }, [x, dy]),
  ],
  conv2dInputGrad: (dy, _, [x, w], { stride, pads, groups }) => [
    dy.conv2d(w, { stride, pads, groups }),
    new Node("conv2dFilterGrad", { stride, pads, groups, kernel: [w.shape[2], w.shape[3]] }, [dy, x]),
  ],
  conv2dFilterGrad: (dw, _, [x, dy], { stride, pads, groups }) => [
    new Node("conv2dInputGrad", { stride, pads, groups, size: [x.shape[2], x.shape[3]] }, [dy, dw]),
    x.conv2d(dw, { stride, pads, groups }),
  ],
  avgPool: (dy, _, __, { kernel }) => [dy.mul(1 / kernel ** 2).upsample(kernel)],
  upsample: (dy, _, __, { factor }) => [dy.avgPool(factor).mul(factor ** 2)],
  interleave: (dy) => phases.map((at) => new Node("phase", at, [dy])),
  phase: (dy, _, __, { row, column }) => {
    const none = lift(0).expand(dy.shape);
    return [interleave(phases.map((at) => (at.row === row && at.column === column ? dy : none)))];
  },
  softmax: (dy, y) => [y.mul(dy.sub(dy.mul(y).sum([-1])))],
  rowAffine: (dy, _, [x, scale]) => [dy.mul(scale), rowDot(dy, x, scale), rowSum(dy, scale)],
  rowDot: (dy, _, [a, b]) => [b.mul(dy), a.mul(dy)],
  // With n elements in a group: dx = (dy − mean(dy) − y · mean(dy · y)) / std.
  groupNormalize: (dy, y, [x], { groups, eps }) => {
    const inverse = new Node("groupInverseStd", { groups, eps }, [x]);
    const part = inverse.mul(-groups * (x.shape[0] / sizeOf(x.shape)));
    const mean = (rows: Expr) => groupSum(rows, groups).mul(part);
    return [dy.mul(inverse).add(y.rowAffine(mean(rowDot(dy, y, inverse)), mean(rowSum(dy, inverse))))];
  },
  // d(1/std)/dx = −y / (n std²), y the normalised elements.
  groupInverseStd: (dy, y, [x], { groups, eps }) => {
    const scale = groupSum(dy, groups)
      .mul(y.mul(y))
      .mul(-groups * (x.shape[0] / sizeOf(x.shape)));
    return [x.groupNormalize(groups, eps).mul(scale)];
  },
};

/** The gradient of a slice: `dy` put back at its places among zeros of the shape of `x`. */
function spread(dy: Expr, x: Expr, starts: readonly number[], steps: readonly number[]): Expr {
  let spaced = dy;
  for (const [axis, step] of steps.entries()) {
    if (step === 1) continue;
    // [n] → [n, 1] → [n, step] → [n · step]: each element followed by step − 1 zeros, the last ones cut off.
    const { shape } = spaced;
    const [head, rest] = [shape.slice(0, axis + 1), shape.slice(axis + 1)];
    const zeros = lift(0).expand([...head, step - 1, ...rest]);
    const n = shape[axis];
    const longer = concat([spaced.reshape([...head, 1, ...rest]), zeros], axis + 1).reshape([
      ...head.slice(0, -1),
      n * step,
      ...rest,
    ]);
    spaced = longer.slice(axis, 0, (n - 1) * step + 1);
  }
  return spaced.pad(
    starts,
    starts.map((start, i) => x.shape[i] - start - spaced.shape[i]),
  );
}

/** Applies the op's rule. */
export function pullback<K extends OpName>(y: Expr<K>, dy: Expr): readonly (Expr | undefined)[] {
  return vjp[y.op](dy, y as Expr, y.inputs, y.attrs);
}
