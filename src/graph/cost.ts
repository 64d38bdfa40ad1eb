/** What computing a graph once takes: arithmetic and memory, counted from shapes. */
import type { Expr, OpAttrs, OpName } from "./expr.ts";
import { schedule } from "./schedule.ts";
import { sizeOf } from "./shape.ts";

export interface Cost {
  /** Nodes that compute something: all but inputs and constants. */
  readonly nodes: number;
  /** Multiply–adds of convolutions and matrix products, padding included. */
  readonly macs: number;
  /** Two for each multiply–add, and the elementwise work; one for each element whatever the function. */
  readonly flops: number;
  /** Bytes of all inputs, parameters among them. */
  readonly inputBytes: number;
  readonly constantBytes: number;
  /** Bytes of all values computed. A reshaped value is no new one. */
  readonly intermediateBytes: number;
  /**
   * The most bytes of computed values alive at once when nodes run as {@link schedule} has them and each is freed after its
   * last use; outputs stay. An engine may do a little better by working in place, or worse by another order.
   */
  readonly peakBytes: number;
}

type Work<K extends OpName> = (
  y: Expr,
  inputs: readonly Expr[],
  attrs: OpAttrs[K],
) => { macs?: number; flops?: number };

const size = (x: Expr) => sizeOf(x.shape);
const none: Work<OpName> = () => ({});
const each: Work<OpName> = (y) => ({ flops: size(y) });
/** `n` for every element that goes in. */
const perInput =
  (n: number): Work<OpName> =>
  (_, [x]) => ({ flops: n * size(x) });
/** Every element of the convolution's result (or of its gradient) meets one filter. */
const taps = (y: Expr, filter: readonly number[]) => ({ macs: size(y) * sizeOf(filter.slice(1)) });

const work: { readonly [K in OpName]: Work<K> } = {
  input: none,
  constant: none,
  add: each,
  sub: each,
  mul: each,
  div: each,
  pow: each,
  maximum: each,
  minimum: each,
  less: each,
  equal: each,
  where: each,
  neg: each,
  exp: each,
  log: each,
  sqrt: each,
  reciprocal: each,
  abs: each,
  sign: each,
  sin: each,
  cos: each,
  tanh: each,
  sigmoid: each,
  silu: each,
  siluGrad: each,
  cast: none,
  detach: none,
  after: none,
  reduceSum: perInput(1),
  reduceMax: perInput(1),
  sumSquares: perInput(2),
  reshape: none,
  transpose: none,
  expand: none,
  slice: none,
  pad: none,
  concat: none,
  oneHot: none,
  matmul: (y, [a], { transA }) => ({ macs: size(y) * a.shape.at(transA ? -2 : -1)! }),
  conv2d: (y, [, filter]) => taps(y, filter.shape),
  conv2dInputGrad: (_, [dy, filter]) => taps(dy, filter.shape),
  conv2dFilterGrad: (dw, [, dy]) => taps(dy, dw.shape),
  avgPool: perInput(1),
  upsample: none,
  interleave: none,
  phase: none,
  // Largest, difference, exponential, sum, quotient.
  softmax: perInput(5),
  // Sum, difference, square, sum, product.
  rowAffine: (y) => ({ flops: 2 * size(y) }),
  rowDot: perInput(2),
  groupNormalize: perInput(5),
  groupInverseStd: perInput(4),
};

/** Bytes of a value. */
export const bytesOf = (x: Expr) => size(x) * { float32: 4, float16: 2, int64: 8, bool: 1 }[x.dtype];

/** The cost of the graph as it stands; what is compiled is `simplify(outputs)`. */
export function cost(outputs: readonly Expr[]): Cost {
  const order = schedule(outputs);
  const total = { nodes: 0, macs: 0, flops: 0, inputBytes: 0, constantBytes: 0, intermediateBytes: 0 };
  for (const node of order) {
    if (node.op === "input") total.inputBytes += bytesOf(node);
    else if (node.op === "constant") total.constantBytes += bytesOf(node);
    else {
      const { macs = 0, flops = 2 * macs } = workOf(node);
      total.nodes++;
      total.macs += macs;
      total.flops += flops;
      if (!isView(node)) total.intermediateBytes += bytesOf(node);
    }
  }
  return { ...total, peakBytes: peak(order, outputs) };
}

function workOf<K extends OpName>(node: Expr<K>) {
  return work[node.op](node as Expr, node.inputs, node.attrs);
}

/** Whether a node's value is its first input's memory. */
export type IsView = (node: Expr) => boolean;
const isView: IsView = ({ op }) => op === "reshape" || op === "after";

/** The node whose memory a value is. */
export function owner(node: Expr, view: IsView = isView): Expr {
  let at = node;
  while (view(at)) at = at.inputs[0];
  return at;
}

/** {@link Cost.peakBytes} for an engine that makes no memory for the values that are views. */
export const peakBytes = (outputs: readonly Expr[], view: IsView): number => peak(schedule(outputs), outputs, view);

function peak(order: readonly Expr[], outputs: readonly Expr[], view: IsView = isView): number {
  const lastUse = new Map<Expr, number>();
  for (const [i, node] of order.entries()) for (const x of node.inputs) lastUse.set(owner(x, view), i);
  for (const y of outputs) lastUse.set(owner(y, view), order.length);
  let [alive, most] = [0, 0];
  for (const [i, node] of order.entries()) {
    if (node.op === "input" || node.op === "constant") continue;
    if (!view(node)) alive += bytesOf(node);
    most = Math.max(most, alive);
    for (const x of new Set(node.inputs.map((y) => owner(y, view))))
      if (lastUse.get(x) === i && x.op !== "input" && x.op !== "constant") alive -= bytesOf(x);
  }
  return most;
}
