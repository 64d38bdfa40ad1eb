/** The blocked layout against the float64 reference: whole chains, since values stay in the layout between ops. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, constant, type Expr, evaluate, gradients, groupNorm, input, upConv2d } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { blockSize } from "../../src/runtime/block-size.ts";
import { compile } from "../../src/runtime/index.ts";
import { values } from "../graph/examples.ts";

// 16 examples and 32 channels: whole blocks on every processor that has blocks.
const batch = 16;
const image = [batch, 32, 4, 6];
const rows = [batch, 32, 1, 1];
const pads = [1, 1, 1, 1] as const;
const same = { pads };

interface Chain {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...xs: Expr[]) => Expr;
}

const filters = [32, 32, 3, 3];
/** A value that is sure to be in the blocked layout. */
const convolved = (x: Expr, w: Expr) => x.conv2d(w, same);

const chains: Readonly<Record<string, Chain>> = {
  "residual block": {
    shapes: [image, filters, [32, 32, 3, 3], rows, [32], [32]],
    build: (x, w1, w2, embedding, weight, bias) => {
      const normed = (y: Expr) => groupNorm(y, { groups: 8, eps: 1e-3, weight, bias });
      const h = convolved(normed(convolved(x, w1)).silu(), w2);
      return convolved(normed(h.add(embedding)).silu(), w2)
        .add(h)
        .mul(0.7);
    },
  },
  "adaptive scale": {
    shapes: [image, filters, rows, rows],
    build: (x, w, scale, shift) =>
      convolved(convolved(x, w).groupNormalize(32, 1e-3).mul(scale.add(1)).add(shift).silu(), w),
  },
  "bias, stem and output of few channels": {
    shapes: [[batch, 3, 4, 6], [32, 3, 3, 3], [32], [2, 32, 3, 3], [2]],
    build: (x, w, b, out, c) =>
      convolved(
        convolved(x, w)
          .add(b.reshape([1, 32, 1, 1]))
          .silu(),
        out,
      ).add(c.reshape([1, 2, 1, 1])),
  },
  "pointwise and strided": {
    shapes: [image, [64, 32, 1, 1], [32, 64, 3, 3]],
    build: (x, w, v) => x.conv2d(w).silu().conv2d(v, { stride: 2, pads }),
  },
  "concatenation, slices, resampling": {
    shapes: [image, filters],
    build: (x, w) => {
      const [a, b] = [convolved(x, w), convolved(x.silu(), w)];
      const wide = concat([a.avgPool(2), b.avgPool(2)], 1).upsample(2);
      return convolved(wide.slice(1, 0, 32).add(wide.slice(1, 32, 64).mul(2)), w);
    },
  },
  "convolution of repeated pixels": {
    shapes: [image, filters],
    build: (x, w) => upConv2d(convolved(x, w).tanh(), w),
  },
  "a slice that cuts a block": {
    shapes: [image, filters],
    build: (x, w) => convolved(x, w).slice(1, 3, 9).silu(),
  },
  "sums and differences with rows": {
    shapes: [image, filters, rows, rows],
    build: (x, w, a, b) => {
      const y = convolved(x, w);
      const z = y
        .mul(a)
        .sub(y.add(b))
        .sub(b.sub(y.mul(b)));
      return z.add(x).sub(y.neg()).div(a.mul(a).add(1));
    },
  },
  reductions: {
    shapes: [image, filters, rows],
    build: (x, w, a) => {
      const y = convolved(x, w);
      return y
        .mul(a)
        .add(a)
        .sum([2, 3])
        .add(y.sum([0, 2, 3]))
        .add(y.rowDot(y.mul(a), 2))
        .add(y.mul(a).rowDot(x, 2));
    },
  },
  elementwise: {
    shapes: [image, filters],
    build: (x, w) => {
      const y = convolved(x, w);
      return y.tanh().mul(x).maximum(y.sigmoid().sub(0.5)).add(y.mul(0.3).exp()).add(y.mul(y).add(1).sqrt()).sub(2);
    },
  },
  attention: {
    shapes: [image, [96, 32, 1, 1], filters],
    build: (x, w, v) => {
      const [q, k, s] = [0, 1, 2].map((i) =>
        x
          .conv2d(w)
          .slice(1, 32 * i, 32 * (i + 1))
          .reshape([batch, 32, 24]),
      );
      const attended = s.matmul(q.matmul(k, { transA: true }).softmax(), { transB: true });
      return convolved(attended.reshape(image).add(x), v);
    },
  },
};

async function agree(outputs: readonly Expr[], feeds: Record<string, Float64Array>, tolerance = 2e-5) {
  const program = await compile(Object.fromEntries(outputs.map((y, i) => [`y${i}`, y])), { threads: 1 });
  const fetched = await program.run(Object.fromEntries(program.inputs.map(({ name }) => [name, feeds[name]])));
  for (const [i, expected] of evaluate(outputs, feeds).entries()) {
    const actual = fetched[`y${i}`];
    const scale = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-3);
    const off = expected.reduce((a, b, k) => Math.max(a, Math.abs(b - actual[k])), 0);
    assert.ok(off <= tolerance * scale, `output ${i}: off by ${off} of ${scale}`);
  }
  await program.close();
}

for (const [name, { shapes, build }] of Object.entries(chains))
  test(`${name}: blocked agrees with the reference, forward and gradient`, async () => {
    const xs = shapes.map((shape, k) => input(`x${k}`, shape));
    const y = build(...xs);
    const feeds = {
      ...Object.fromEntries(shapes.map((shape, k) => [`x${k}`, values(shape, k, 0)])),
      dy: values(y.shape, 11),
    };
    await agree([y, ...gradients(y, xs, input("dy", y.shape))], feeds);
  });

test("filters that are known are laid out beforehand, for the gradient of the image too", async () => {
  const x = input("x", image);
  const known = (shape: readonly number[], k: number) => constant(values(shape, k), shape);
  const y = convolved(convolved(x, known(filters, 1)).silu(), known([3, 32, 3, 3], 2));
  const feeds = { x: values(image, 3), dy: values(y.shape, 4) };
  await agree([y, ...gradients(y, [x], input("dy", y.shape))], feeds);
});

test("normalisation keeps its digits where means are ten times the deviation, and stays finite where nothing varies", async () => {
  const shape = [batch, 32, 16, 16];
  const identity = constant(
    Float64Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 1 : 0)),
    [32, 32, 1, 1],
  );
  const x = input("x", shape);
  const y = x.conv2d(identity).groupNormalize(8, 1e-5);
  const feeds = (offset: number, scale: number) => ({
    x: values(shape, 3).map((v) => offset + scale * v),
    dy: values(shape, 5),
  });
  await agree([y, ...gradients(y, [x], input("dy", shape))], feeds(10, 1));
  // Alone, the variance is a difference of means of squares, or not, as the largest offset of the batch has it.
  for (const offset of [0, 1, 3, 10]) await agree([y], { x: feeds(offset, 1).x });
  const mixed = feeds(0, 1).x.map((v, i) => v + (i >= shape[1] * 256 * 15 ? 100 : 0));
  await agree([y], { x: mixed }, 2e-4);
  const program = await compile({ y }, { threads: 1 });
  const flat = await program.run({ x: feeds(100, 0).x });
  assert.ok(flat["y"].every((v) => Number.isFinite(v)));
  await program.close();
});

test("a gradient of a gradient", async () => {
  const [x, w] = [input("x", image), input("w", filters)];
  const y = convolved(convolved(x, w).groupNormalize(8, 1e-2).silu(), w);
  const [dx] = gradients(y.sumSquares(), [x]);
  const feeds = { x: values(image, 1), w: values(filters, 2), v: values(image, 3) };
  // Large terms cancel here: float32 in the plain layout is off by 2e-5.
  await agree(gradients(dx.mul(input("v", image)).sum(), [x, w]), feeds, 2e-4);
});

test("between convolutions nothing is converted", async (t) => {
  const block = await blockSize();
  if (block === 0) return t.skip("this processor has no blocked layout");
  const [x, w] = [input("x", image), input("w", filters)];
  const y = convolved(
    groupNorm(convolved(x, w), {
      groups: 8,
      eps: 1e-3,
      weight: w.slice(0, 0, 1).slice(2, 0, 1).slice(3, 0, 1).reshape([32]),
      bias: w.slice(0, 1, 2).slice(2, 0, 1).slice(3, 0, 1).reshape([32]),
    }).silu(),
    w,
  ).add(x);
  const text = Buffer.from(toOnnx({ y }, { block })).toString("latin1");
  const nodes = (op: string) => new Set(text.match(new RegExp(`${op}_\\d+`, "g")) ?? []).size;
  assert.equal(nodes("ReorderOutput"), 1);
  assert.equal(nodes("ReorderInput"), 2); // the image and the filters
  assert.equal(nodes("LayerNormalization"), 0);
});
