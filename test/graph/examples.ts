/** Small expressions that exercise every primitive, shared by the tests of gradients and of the ONNX lowering. */
import { concat, Expr, gradients, input, interleave, type OpName, type Shape, sizeOf } from "../../src/graph/index.ts";

export interface Example {
  readonly shapes: readonly Shape[];
  readonly build: (...xs: Expr[]) => Expr;
  /** Shifts the values that are fed in, for ops with a restricted domain. */
  readonly offset?: number;
  /** No gradient flows through the op by design. */
  readonly flat?: boolean;
}

const image: Shape = [2, 4, 5, 6];
const pads = [1, 0, 2, 1] as const;

export const examples: { readonly [K in Exclude<OpName, "input" | "constant">]: readonly Example[] } = {
  add: [{ shapes: [[2, 3], [3]], build: (a, b) => a.add(b) }],
  sub: [
    {
      shapes: [
        [2, 1, 3],
        [4, 1],
      ],
      build: (a, b) => a.sub(b),
    },
  ],
  mul: [{ shapes: [[2, 3], []], build: (a, b) => a.mul(b) }],
  div: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: (a, b) => a.div(b),
      offset: 2,
    },
  ],
  pow: [{ shapes: [[2, 3], [3]], build: (a, b) => a.pow(b), offset: 2 }],
  maximum: [{ shapes: [[2, 3], [3]], build: (a, b) => a.maximum(b) }],
  minimum: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: (a, b) => a.minimum(b),
    },
  ],
  less: [{ shapes: [[2, 3], [3]], build: (a, b) => a.less(b).cast("float32"), flat: true }],
  equal: [
    {
      shapes: [
        [2, 3],
        [2, 3],
      ],
      build: (a) => a.equal(a).cast("float32"),
      flat: true,
    },
  ],
  where: [{ shapes: [[2, 3], [3], []], build: (c, a, b) => c.less(0.1).where(a, b) }],
  neg: [{ shapes: [[2, 3]], build: (x) => x.neg() }],
  exp: [{ shapes: [[2, 3]], build: (x) => x.exp() }],
  log: [{ shapes: [[2, 3]], build: (x) => x.log(), offset: 2 }],
  sqrt: [{ shapes: [[2, 3]], build: (x) => x.sqrt(), offset: 2 }],
  reciprocal: [{ shapes: [[2, 3]], build: (x) => x.reciprocal(), offset: 2 }],
  abs: [{ shapes: [[2, 3]], build: (x) => x.abs() }],
  sign: [{ shapes: [[2, 3]], build: (x) => x.sign(), flat: true }],
  sin: [{ shapes: [[2, 3]], build: (x) => x.sin() }],
  cos: [{ shapes: [[2, 3]], build: (x) => x.cos() }],
  tanh: [{ shapes: [[2, 3]], build: (x) => x.tanh() }],
  sigmoid: [{ shapes: [[2, 3]], build: (x) => x.sigmoid() }],
  silu: [{ shapes: [[2, 3]], build: (x) => x.silu() }],
  siluGrad: [
    {
      shapes: [
        [2, 3],
        [2, 3],
      ],
      build: (dy, x) => new Expr("siluGrad", {}, [dy, x]),
    },
  ],
  detach: [{ shapes: [[2, 3]], build: (x) => x.detach(), flat: true }],
  after: [{ shapes: [[2, 3], [4]], build: (x, trigger) => x.after(trigger) }],
  cast: [{ shapes: [[2, 3]], build: (x) => x.cast("int64").cast("float32"), flat: true, offset: 3 }],
  reduceSum: [
    { shapes: [[2, 3, 4]], build: (x) => x.sum([0, 2]) },
    { shapes: [[2, 3]], build: (x) => x.sum() },
  ],
  reduceMax: [{ shapes: [[2, 3, 4]], build: (x) => x.max([1]) }],
  sumSquares: [{ shapes: [[2, 3, 4]], build: (x) => x.sumSquares([1, -1]) }],
  reshape: [{ shapes: [[2, 3, 4]], build: (x) => x.reshape([4, -1]) }],
  transpose: [{ shapes: [[2, 3, 4]], build: (x) => x.transpose([2, 0, 1]) }],
  expand: [{ shapes: [[3, 1]], build: (x) => x.expand([2, 3, 4]) }],
  slice: [
    { shapes: [[2, 7, 3]], build: (x) => x.slice(1, 2, 5) },
    { shapes: [[2, 7, 3]], build: (x) => x.slice(1, 1, 7, 3) },
  ],
  pad: [{ shapes: [[2, 3]], build: (x) => x.pad([1, 0], [0, 2], 0.5) }],
  concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: (a, b) => concat([a, b, a], 1),
    },
  ],
  oneHot: [{ shapes: [[4]], build: (x) => x.cast("int64").oneHot(5), offset: 2.5, flat: true }],
  matmul: [false, true].flatMap((transA) =>
    [false, true].flatMap((transB) => [
      {
        shapes: [transA ? [4, 3] : [3, 4], transB ? [5, 4] : [4, 5]],
        build: (a, b) => a.matmul(b, { transA, transB }),
      },
      {
        shapes: [
          [2, 1, ...(transA ? [4, 3] : [3, 4])],
          [3, ...(transB ? [5, 4] : [4, 5])],
        ],
        build: (a, b) => a.matmul(b, { transA, transB }),
      },
    ]),
  ),
  conv2d: [
    { shapes: [image, [6, 4, 3, 3]], build: (x, w) => x.conv2d(w, { pads: [1, 1, 1, 1] }) },
    { shapes: [image, [6, 4, 1, 1]], build: (x, w) => x.conv2d(w) },
    { shapes: [image, [6, 2, 3, 2]], build: (x, w) => x.conv2d(w, { stride: 2, pads, groups: 2 }) },
    { shapes: [image, [4, 1, 2, 2]], build: (x, w) => x.conv2d(w, { stride: 2, groups: 4 }) },
  ],
  conv2dInputGrad: [
    {
      shapes: [
        [2, 6, 5, 6],
        [6, 4, 3, 3],
      ],
      build: (y, w) => y.convTranspose2d(w, [5, 6], { pads: [1, 1, 1, 1] }),
    },
    {
      shapes: [
        [2, 4, 3, 3],
        [4, 1, 4, 4],
      ],
      build: (y, w) => y.convTranspose2d(w, [6, 6], { stride: 2, pads: [1, 1, 1, 1], groups: 4 }),
    },
    {
      shapes: [
        [2, 6, 3, 3],
        [6, 2, 3, 2],
      ],
      build: (y, w) => y.convTranspose2d(w, [5, 6], { stride: 2, pads, groups: 2 }),
    },
  ],
  conv2dFilterGrad: [
    { shapes: [image, [2, 6, 5, 6]], build: filterGrad({ stride: 1, pads: [1, 1, 1, 1], groups: 1 }, [6, 4, 3, 3]) },
    { shapes: [image, [2, 6, 5, 6]], build: filterGrad({ stride: 1, pads: [0, 0, 0, 0], groups: 1 }, [6, 4, 1, 1]) },
    { shapes: [image, [2, 6, 3, 3]], build: filterGrad({ stride: 2, pads, groups: 2 }, [6, 2, 3, 2]) },
  ],
  avgPool: [{ shapes: [[2, 3, 4, 6]], build: (x) => x.avgPool(2) }],
  upsample: [{ shapes: [[2, 3, 2, 3]], build: (x) => x.upsample(2) }],
  interleave: [{ shapes: Array.from({ length: 4 }, () => [2, 3, 2, 3]), build: (...xs) => interleave(xs) }],
  phase: [{ shapes: [[2, 3, 4, 6]], build: (x) => new Expr("phase", { row: 1, column: 0 }, [x]) }],
  softmax: [{ shapes: [[2, 3, 4]], build: (x) => x.softmax() }],
  rowAffine: [
    {
      shapes: [
        [2, 3, 4],
        [2, 3, 1],
        [2, 3, 1],
      ],
      build: (x, a, b) => x.rowAffine(a, b),
    },
    {
      shapes: [
        [2, 3],
        [2, 1],
        [2, 1],
      ],
      build: (x, a, b) => x.rowAffine(a, b),
    },
  ],
  rowDot: [
    {
      shapes: [
        [2, 3, 2, 2],
        [2, 3, 2, 2],
      ],
      build: (x, y) => x.rowDot(y, 2),
    },
  ],
  groupNormalize: [
    { shapes: [[2, 6, 3]], build: (x) => x.groupNormalize(2, 1e-2) },
    { shapes: [[2, 3, 2, 2]], build: (x) => x.groupNormalize(3, 1e-2) },
  ],
  groupInverseStd: [
    { shapes: [[2, 6, 3]], build: (x) => new Expr("groupInverseStd", { groups: 2, eps: 1e-2 }, [x]) },
    { shapes: [[2, 3, 2, 2]], build: (x) => new Expr("groupInverseStd", { groups: 3, eps: 1e-2 }, [x]) },
  ],
};

/** The filter gradient as the graph builds it: out of the gradient of a convolution. */
function filterGrad(
  attrs: { stride: number; pads: readonly [number, number, number, number]; groups: number },
  shape: Shape,
) {
  return (x: Expr, dy: Expr): Expr => {
    const filter = input("unused filter", shape);
    const [, dw] = gradients(x.conv2d(filter, attrs), [x, filter], dy);
    return dw;
  };
}

/** Values without ties or symmetries, in about [−1, 1]. */
export function values(shape: Shape, k: number, offset = 0): Float64Array {
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => offset + Math.sin(0.7 * i + 1.3 * k + 0.2));
}
