/**
 * What every primitive means, in float64 and in plain loops: the oracle that ONNX Runtime is compared with, and the
 * evaluator of constant folding. Slow and obvious on purpose.
 */
import { GraphError } from "../errors/index.ts";
import { type ConvAttrs, type Expr, type OpAttrs, type OpName, topological } from "./expr.ts";
import { roundHalf } from "./half.ts";
import { convSize } from "./infer.ts";
import { type Shape, sizeOf, strides } from "./shape.ts";

type Reference<K extends OpName> = (
  xs: readonly Float64Array[],
  attrs: OpAttrs[K],
  y: Expr,
  inputs: readonly Expr[],
) => Float64Array;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const unary =
  (f: (x: number) => number): Reference<OpName> =>
  ([x]) =>
    x.map(f);

const binary =
  (f: (a: number, b: number) => number): Reference<OpName> =>
  ([a, b], _, y, inputs) => {
    const [from, to] = inputs.map((x) => broadcastIndex(x.shape, y.shape));
    return Float64Array.from({ length: sizeOf(y.shape) }, (_unused, i) => f(a[from(i)], b[to(i)]));
  };

/** Index into an operand of `shape` for each element of the result it broadcasts to. */
function broadcastIndex(shape: Shape, to: Shape): (i: number) => number {
  const steps = strides(shape);
  const lead = to.length - shape.length;
  const sizes = strides(to);
  return (i) => {
    let at = 0;
    for (let axis = lead; axis < to.length; axis++)
      if (shape[axis - lead] !== 1) at += (Math.floor(i / sizes[axis]) % to[axis]) * steps[axis - lead];
    return at;
  };
}

/** For each element of an array of `shape`, its coordinates. */
function coordinates(i: number, shape: Shape): number[] {
  const steps = strides(shape);
  return shape.map((size, axis) => Math.floor(i / steps[axis]) % size);
}

/** Folds elements along `axes`, which stay as size 1. */
const reduce =
  (start: number, f: (total: number, x: number) => number): Reference<OpName> =>
  ([x], _, y, [{ shape }]) => {
    const out = new Float64Array(sizeOf(y.shape)).fill(start);
    const target = broadcastIndex(y.shape, shape);
    x.forEach((value, i) => {
      out[target(i)] = f(out[target(i)], value);
    });
    return out;
  };

/** Gathers: element i of the result is element `from(coordinates)` of the input, or `fill` where that is undefined. */
function gather(x: Float64Array, shape: Shape, y: Shape, from: (at: number[]) => number[] | undefined, fill = 0) {
  const steps = strides(shape);
  return Float64Array.from({ length: sizeOf(y) }, (_, i) => {
    const source = from(coordinates(i, y));
    return source === undefined ? fill : x[source.reduce((sum, at, axis) => sum + at * steps[axis], 0)];
  });
}

/** Visits every (image, filter, output) index triple that a convolution multiplies and adds. */
function eachTap(
  image: Shape,
  filter: Shape,
  { stride, pads, groups }: ConvAttrs,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [batch, c, h, w] = image;
  const [k, perGroup, kh, kw] = filter;
  const [ho, wo] = convSize([h, w], [kh, kw], { stride, pads, groups });
  for (let b = 0; b < batch; b++)
    for (let o = 0; o < k; o++) {
      const first = Math.floor(o / (k / groups)) * perGroup;
      for (let ci = 0; ci < perGroup; ci++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++)
            for (let y = 0; y < ho; y++) {
              const iy = y * stride + i - pads[0];
              if (iy < 0 || iy >= h) continue;
              for (let x = 0; x < wo; x++) {
                const ix = x * stride + j - pads[1];
                if (ix < 0 || ix >= w) continue;
                visit(
                  ((b * c + first + ci) * h + iy) * w + ix,
                  ((o * perGroup + ci) * kh + i) * kw + j,
                  ((b * k + o) * ho + y) * wo + x,
                );
              }
            }
    }
}

/** Mean and 1/std of each of so many runs of equal length. */
function statistics(x: Float64Array, runs: number, eps: number): { mean: number; inverse: number }[] {
  const n = x.length / runs;
  return Array.from({ length: runs }, (_, i) => {
    const run = x.subarray(i * n, (i + 1) * n);
    const mean = run.reduce((a, b) => a + b, 0) / n;
    const variance = run.reduce((a, b) => a + (b - mean) ** 2, 0) / n;
    return { mean, inverse: 1 / Math.sqrt(variance + eps) };
  });
}

/** The meaning of every primitive. */
export const reference: { readonly [K in OpName]: Reference<K> } = {
  input: (_, { name }) => {
    throw new GraphError(`evaluate: no value given for input "${name}".`);
  },
  constant: (_, { data }) => Float64Array.from(data),
  add: binary((a, b) => a + b),
  sub: binary((a, b) => a - b),
  mul: binary((a, b) => a * b),
  div: binary((a, b) => a / b),
  pow: binary((a, b) => a ** b),
  maximum: binary(Math.max),
  minimum: binary(Math.min),
  less: binary((a, b) => Number(a < b)),
  equal: binary((a, b) => Number(a === b)),
  where: ([condition, yes, no], _, y, inputs) => {
    const [c, a, b] = inputs.map((x) => broadcastIndex(x.shape, y.shape));
    return Float64Array.from({ length: sizeOf(y.shape) }, (_unused, i) => (condition[c(i)] ? yes[a(i)] : no[b(i)]));
  },
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  reciprocal: unary((x) => 1 / x),
  abs: unary(Math.abs),
  sign: unary(Math.sign),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  tanh: unary(Math.tanh),
  sigmoid: unary(sigmoid),
  silu: unary((x) => x * sigmoid(x)),
  siluGrad: binary((dy, x) => dy * sigmoid(x) * (1 + x * sigmoid(-x))),
  cast: ([x], { dtype }) =>
    dtype === "int64" ? x.map(Math.trunc) : dtype === "bool" ? x.map((v) => Number(v !== 0)) : x,
  detach: ([x]) => x,
  after: ([x]) => x,
  reduceSum: reduce(0, (total, x) => total + x),
  reduceMax: reduce(-Infinity, Math.max),
  sumSquares: reduce(0, (total, x) => total + x * x),
  reshape: ([x]) => x,
  transpose: ([x], { perm }, y, [{ shape }]) =>
    gather(x, shape, y.shape, (at) => shape.map((_, axis) => at[perm.indexOf(axis)])),
  expand: ([x], _, y, [{ shape }]) => {
    const from = broadcastIndex(shape, y.shape);
    return Float64Array.from({ length: sizeOf(y.shape) }, (_unused, i) => x[from(i)]);
  },
  slice: ([x], { starts, steps }, y, [{ shape }]) =>
    gather(x, shape, y.shape, (at) => at.map((i, axis) => starts[axis] + i * steps[axis])),
  pad: ([x], { before, value }, y, [{ shape }]) => {
    const from = (at: number[]) => at.map((i, axis) => i - before[axis]);
    return gather(
      x,
      shape,
      y.shape,
      (at) => (from(at).every((i, axis) => i >= 0 && i < shape[axis]) ? from(at) : undefined),
      value,
    );
  },
  concat: (xs, { axis }, y, inputs) => {
    const out = new Float64Array(sizeOf(y.shape));
    const inner = sizeOf(y.shape.slice(axis));
    let start = 0;
    for (const [k, { shape }] of inputs.entries()) {
      const run = sizeOf(shape.slice(axis));
      for (let i = 0; i * run < xs[k].length; i++) out.set(xs[k].subarray(i * run, (i + 1) * run), i * inner + start);
      start += run;
    }
    return out;
  },
  oneHot: ([x], { depth }) => {
    const out = new Float64Array(x.length * depth);
    x.forEach((label, i) => {
      if (label >= 0 && label < depth) out[i * depth + label] = 1;
    });
    return out;
  },
  matmul: ([a, b], { transA, transB }, y, [{ shape: sa }, { shape: sb }]) => {
    const [m, n] = y.shape.slice(-2);
    const k = transA ? sa.at(-2)! : sa.at(-1)!;
    const batch = y.shape.slice(0, -2);
    const [fromA, fromB] = [broadcastIndex(sa.slice(0, -2), batch), broadcastIndex(sb.slice(0, -2), batch)];
    const out = new Float64Array(sizeOf(y.shape));
    for (let p = 0; p < sizeOf(batch); p++) {
      const [atA, atB] = [fromA(p) * m * k, fromB(p) * k * n];
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let q = 0; q < k; q++)
            sum += a[atA + (transA ? q * m + i : i * k + q)] * b[atB + (transB ? j * k + q : q * n + j)];
          out[(p * m + i) * n + j] = sum;
        }
    }
    return out;
  },
  conv2d: ([x, w], attrs, y, [image, filter]) => {
    const out = new Float64Array(sizeOf(y.shape));
    eachTap(image.shape, filter.shape, attrs, (ix, iw, iy) => {
      out[iy] += x[ix] * w[iw];
    });
    return out;
  },
  conv2dInputGrad: ([dy, w], attrs, dx, [, filter]) => {
    const out = new Float64Array(sizeOf(dx.shape));
    eachTap(dx.shape, filter.shape, attrs, (ix, iw, iy) => {
      out[ix] += dy[iy] * w[iw];
    });
    return out;
  },
  conv2dFilterGrad: ([x, dy], attrs, dw, [image]) => {
    const out = new Float64Array(sizeOf(dw.shape));
    eachTap(image.shape, dw.shape, attrs, (ix, iw, iy) => {
      out[iw] += x[ix] * dy[iy];
    });
    return out;
  },
  avgPool: ([x], { kernel }, y, [{ shape }]) => {
    const out = new Float64Array(sizeOf(y.shape));
    const [, , h, w] = shape;
    x.forEach((value, i) => {
      const [plane, row, column] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
      out[(plane * (h / kernel) + Math.floor(row / kernel)) * (w / kernel) + Math.floor(column / kernel)] +=
        value / kernel ** 2;
    });
    return out;
  },
  upsample: ([x], { factor }, y, [{ shape }]) =>
    gather(x, shape, y.shape, ([b, c, i, j]) => [b, c, Math.floor(i / factor), Math.floor(j / factor)]),
  interleave: (xs, _, y, [{ shape }]) => {
    const steps = strides(shape);
    return Float64Array.from({ length: sizeOf(y.shape) }, (_unused, at) => {
      const [b, c, i, j] = coordinates(at, y.shape);
      const image = xs[2 * (i % 2) + (j % 2)];
      return image[b * steps[0] + c * steps[1] + Math.floor(i / 2) * steps[2] + Math.floor(j / 2)];
    });
  },
  phase: ([x], { row, column }, y, [{ shape }]) =>
    gather(x, shape, y.shape, ([b, c, i, j]) => [b, c, 2 * i + row, 2 * j + column]),
  softmax: ([x], _, y) => {
    const n = y.shape.at(-1)!;
    const out = new Float64Array(x.length);
    for (let start = 0; start < x.length; start += n) {
      const row = x.subarray(start, start + n);
      const largest = row.reduce((a, b) => Math.max(a, b));
      const exps = row.map((v) => Math.exp(v - largest));
      const total = exps.reduce((a, b) => a + b);
      out.set(
        exps.map((v) => v / total),
        start,
      );
    }
    return out;
  },
  rowAffine: ([x, scale, shift]) => {
    const n = x.length / scale.length;
    return x.map((v, i) => v * scale[Math.floor(i / n)] + shift[Math.floor(i / n)]);
  },
  rowDot: ([a, b], _, y) => {
    const out = new Float64Array(sizeOf(y.shape));
    const n = a.length / out.length;
    a.forEach((value, i) => {
      out[Math.floor(i / n)] += value * b[i];
    });
    return out;
  },
  groupNormalize: ([x], { groups, eps }, _, [{ shape }]) => {
    const runs = statistics(x, shape[0] * groups, eps);
    const n = x.length / runs.length;
    return x.map((v, i) => (v - runs[Math.floor(i / n)].mean) * runs[Math.floor(i / n)].inverse);
  },
  groupInverseStd: ([x], { groups, eps }, y, [{ shape }]) => {
    const runs = statistics(x, shape[0] * groups, eps);
    return Float64Array.from({ length: sizeOf(y.shape) }, (_, i) => runs[Math.floor((i * groups) / shape[1])].inverse);
  },
};

/** The values of `outputs`, in float64 but rounded where a node is float16, given a value for each input by name. */
export function evaluate(
  outputs: readonly Expr[],
  feeds: Readonly<Record<string, ArrayLike<number>>> = {},
): Float64Array[] {
  const values = new Map<Expr, Float64Array>();
  for (const node of topological(outputs)) values.set(node, valueAt(node, values, feeds));
  return outputs.map((y) => values.get(y)!);
}

function valueAt<K extends OpName>(
  node: Expr<K>,
  values: ReadonlyMap<Expr, Float64Array>,
  feeds: Readonly<Record<string, ArrayLike<number>>>,
): Float64Array {
  if (node.op === "input") {
    const { name } = node.attrs as OpAttrs["input"];
    const given = feeds[name];
    if (given && given.length !== sizeOf(node.shape))
      throw new GraphError(`evaluate: input "${name}" has ${given.length} elements (${sizeOf(node.shape)} expected).`);
    if (given) return Float64Array.from(given);
  }
  const value = reference[node.op](
    node.inputs.map((x) => values.get(x)!),
    node.attrs,
    node as Expr,
    node.inputs,
  );
  return node.dtype === "float16" ? value.map(roundHalf) : value;
}
