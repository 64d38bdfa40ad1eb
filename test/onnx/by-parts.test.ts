/** Long images in parts, and graphs as turns of a loop, against the float64 reference. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Expr, evaluate, gradients, groupNorm, input, type Shape } from "../../src/graph/index.ts";
import { partCount } from "../../src/onnx/by-parts.ts";
import { type ModelOptions, toOnnx } from "../../src/onnx/index.ts";
import { blockSize } from "../../src/runtime/block-size.ts";
import { loadModel } from "../../src/runtime/index.ts";
import { values } from "../graph/examples.ts";

const loops = (model: Uint8Array) =>
  new Set(
    Buffer.from(model)
      .toString("latin1")
      .match(/Scan_\d+/g),
  ).size;

type Arrays = Readonly<Record<string, { readonly shape: Shape; readonly data: Float64Array }>>;

async function run(model: Uint8Array, arrays: Arrays): Promise<Record<string, Float32Array>> {
  const loaded = await loadModel(model, { threads: 2 });
  const given = loaded.inputs.map(({ name }) => {
    const { shape, data } = arrays[name];
    return [name, { shape, data: Float32Array.from(data) }] as const;
  });
  const found = await loaded.run(Object.fromEntries(given));
  await loaded.close();
  return Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data as Float32Array]));
}

function assertClose(found: ArrayLike<number>, expected: Float64Array, what: string) {
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(found[i] - value) <= 2e-5 * scale, `${what}: ${found[i]} at ${i} (${value} expected)`);
}

/** Norm, silu and convolution, twice, and what they give back, of a batch of images. */
function network(batch: number) {
  const shapes: Readonly<Record<string, Shape>> = {
    x: [batch, 32, 4, 6],
    w: [32, 32, 3, 3],
    told: [batch, 32, 1, 1],
    weight: [32],
    bias: [32],
  };
  const given = Object.entries(shapes).map(([name, shape]) => input(name, shape));
  const [x, w, told, weight, bias] = given;
  const conv = (y: Expr) => y.conv2d(w.mul(0.1), { pads: [1, 1, 1, 1] });
  const normal = (y: Expr) => groupNorm(y, { groups: 8, eps: 1e-3, weight, bias });
  // Scaled and shifted, scaled for each example, shifted alone, and neither.
  const h = conv(normal(conv(x)).silu());
  const y = conv(
    conv(normal(h).mul(told.add(1)).silu())
      .add(told)
      .silu(),
  ).silu();
  const outputs = [y, ...gradients(y, given, input("dy", y.shape))];
  const all = { ...shapes, dy: y.shape };
  const arrays = Object.fromEntries(
    Object.entries(all).map(([name, shape], i) => [name, { shape, data: values(shape, i, 0) }]),
  );
  return { outputs, arrays };
}

const imageBytes = 32 * 4 * 6 * 4;

for (const [batch, cached, parts] of [
  [16, 4, 4],
  [16, 3, 8],
  [16, 1, 16],
  [16, 5, 4],
  [16, 6, 1],
  [48, 10, 6],
] as const)
  test(`${batch} examples of which ${cached} fit the cache: in ${parts} parts as the reference`, async (t) => {
    const block = await blockSize();
    if (block === 0) return t.skip("this processor has no blocked layout");
    const { outputs, arrays } = network(batch);
    const named = Object.fromEntries(outputs.map((y, i) => [`y${i}`, y]));
    const model = toOnnx(named, { block, cacheBytes: cached * imageBytes });
    assert.equal(partCount([batch, 32, 4, 6], cached * imageBytes), parts);
    // silu of the three images that are scaled or shifted first, and the gradient of all four.
    assert.equal(loops(model), parts > 1 ? 7 : 0);
    const found = await run(model, arrays);
    const expected = evaluate(outputs, Object.fromEntries(Object.entries(arrays).map(([k, { data }]) => [k, data])));
    for (const [i, one] of expected.entries()) assertClose(found[`y${i}`], one, `y${i}`);
  });

test("parts are of equal size, the fewest that fit, and none if they were few", () => {
  const bytes = 4 * 100;
  for (const [batch, cached, parts] of [
    [32, 32, 1],
    [32, 10, 4],
    [32, 8, 4],
    [32, 7, 8],
    [32, 0.5, 1],
    [7, 1, 7],
    [7, 2, 7],
    [9, 3, 1],
    [9, 2, 9],
    [1, 0.1, 1],
  ])
    assert.equal(partCount([batch, 10, 10], cached * bytes), parts, `${batch} of which ${cached} fit`);
  assert.equal(partCount([64, 10, 10], Number.POSITIVE_INFINITY), 1);
});

test("images that fit the cache are not cut, nor is anything in standard layouts", () => {
  const { outputs } = network(16);
  const named = Object.fromEntries(outputs.map((y, i) => [`y${i}`, y]));
  const counts = ([{ block: 16 }, { cacheBytes: imageBytes }] satisfies ModelOptions[]).map((options) =>
    loops(toOnnx(named, options)),
  );
  assert.deepEqual(counts, [0, 0]);
});

test("a graph as one turn of a loop: every turn has its slices, and all have the rest", async () => {
  const [a, b] = [input("a", [5]), input("b", [2, 3])];
  const rate = input("rate", []);
  const outputs = { sum: a.mul(rate).add(b.sum()), same: b, turned: b.transpose([1, 0]).tanh() };
  const times = 4;
  const model = toOnnx(outputs, { loop: { times, over: ["a", "b"] } });
  const arrays = {
    a: { shape: [times, 5], data: values([times, 5], 1) },
    b: { shape: [times, 2, 3], data: values([times, 2, 3], 2) },
    rate: { shape: [], data: Float64Array.of(0.3) },
  };
  const found = await run(model, arrays);
  for (let turn = 0; turn < times; turn++) {
    const feeds = {
      a: arrays.a.data.subarray(5 * turn, 5 * (turn + 1)),
      b: arrays.b.data.subarray(6 * turn, 6 * (turn + 1)),
      rate: arrays.rate.data,
    };
    for (const [i, expected] of evaluate(Object.values(outputs), feeds).entries()) {
      const name = Object.keys(outputs)[i];
      const size = expected.length;
      assertClose(found[name].subarray(size * turn, size * (turn + 1)), expected, `${name} of turn ${turn}`);
    }
  }
});
