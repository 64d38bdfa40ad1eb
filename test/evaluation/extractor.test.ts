import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import {
  type Examples,
  type Extracted,
  type FeatureSpec,
  featureSpec,
  networkExtractor,
  pixelExtractor,
  pointExtractor,
} from "../../src/evaluation/index.ts";
import { type Expr, input } from "../../src/graph/index.ts";
import { toOnnx } from "../../src/onnx/index.ts";
import { loadModel } from "../../src/runtime/index.ts";

/** Runs a network of one float input over images. */
async function extract(
  shape: readonly number[],
  network: (x: Expr) => Readonly<Record<string, Expr>>,
  hints: Partial<FeatureSpec>,
  images: Examples,
): Promise<Extracted> {
  const x = input("x", shape);
  const model = await loadModel(toOnnx(network(x)));
  const { outputs = { features: "y" }, range = [0, 1], ...rest } = hints;
  const spec = { ...featureSpec("net", model.inputs, model.outputs, { range, outputs }), ...rest };
  const extractor = networkExtractor(model, spec, { name: "net", hash: "1" });
  try {
    return await extractor.extract(images);
  } finally {
    await extractor.close();
  }
}

const bytes = (shape: readonly number[], count: number, of: (i: number) => number): Examples => ({
  shape,
  count,
  data: Uint8Array.from({ length: count * shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)),
});

const flat = (x: Expr) => x.reshape([x.shape[0], -1]);
const close = (actual: ArrayLike<number>, expected: readonly number[]) =>
  assert.ok(
    actual.length === expected.length && expected.every((value, i) => Math.abs(actual[i] - value) < 1e-5),
    `${Array.from(actual)} (${expected} expected)`,
  );

describe("images reach the network as it wants them", () => {
  const two = bytes([1, 1, 2], 2, (i) => [0, 255, 51, 204][i]);
  test("in its range", async () => {
    close(
      (await extract([2, 1, 1, 2], (x) => ({ y: flat(x) }), { range: [-1, 1] }, two)).features.data,
      [-1, 1, -0.6, 0.6],
    );
  });
  test("less a mean, over a deviation", async () => {
    const hints = { mean: [0.5], std: [0.25] };
    close((await extract([2, 1, 1, 2], (x) => ({ y: flat(x) }), hints, two)).features.data, [-2, 2, -1.2, 1.2]);
  });
  test("grey as three channels", async () => {
    const { features } = await extract([2, 3, 1, 2], (x) => ({ y: flat(x) }), {}, two);
    assert.equal(features.dims, 6);
    close(features.data.subarray(0, 6), [0, 1, 0, 1, 0, 1]);
  });
  test("channels last", async () => {
    const colour = bytes([3, 2, 1], 1, (i) => i * 51);
    const { features } = await extract([1, 2, 1, 3], (x) => ({ y: flat(x) }), {}, colour);
    close(features.data, [0, 0.4, 0.8, 0.2, 0.6, 1]);
  });
  test("at its size", async () => {
    const { features } = await extract([2, 1, 1, 4], (x) => ({ y: flat(x) }), { resize: "bilinear" }, two);
    close(features.data, [0, 0.25, 0.75, 1, 0.2, 0.35, 0.65, 0.8]);
  });
  test("any number of them, where it takes two at a time", async () => {
    const five = bytes([1, 1, 2], 5, (i) => i * 25);
    const { features } = await extract([2, 1, 1, 2], (x) => ({ y: flat(x).sum([1]).mul(5.1) }), {}, five);
    assert.deepEqual([features.count, features.dims], [5, 1]);
    close(features.data, [0.5, 2.5, 4.5, 6.5, 8.5]);
  });
});

describe("outputs", () => {
  test("spatial: the first seven maps, channels first or last", async () => {
    const image = bytes([3, 3, 3], 1, (i) => i);
    const maps = (x: Expr) => x.upsample(1).reshape([1, 9, 3, 1]);
    const first = await extract(
      [1, 3, 3, 3],
      (x) => ({ y: flat(x), maps: maps(x) }),
      { range: [0, 255], outputs: { features: "y", spatial: "maps" } },
      image,
    );
    assert.equal(first.spatial?.dims, 21);
    close(first.spatial.data.subarray(0, 4), [0, 1, 2, 3]);
    const last = await extract(
      [1, 3, 3, 3],
      (x) => ({ y: flat(x), maps: x.reshape([1, 1, 1, 27]) }),
      { range: [0, 255], outputs: { features: "y", spatial: "maps" } },
      image,
    );
    close(last.spatial!.data, [0, 1, 2, 3, 4, 5, 6]);
  });
  test("probabilities become logits", async () => {
    const image = bytes([1, 1, 2], 1, () => 51);
    const hints = { outputs: { features: "y", logits: "p" }, probabilities: true };
    const { logits } = await extract([1, 1, 1, 2], (x) => ({ y: flat(x), p: flat(x).mul(2.5) }), hints, image);
    close(logits!.data, [Math.log(0.5), Math.log(0.5)]);
  });
});

test("colour images do not fit a network for grey ones", () =>
  assert.rejects(
    extract(
      [1, 1, 2, 2],
      (x) => ({ y: flat(x) }),
      {},
      bytes([3, 2, 2], 1, () => 0),
    ),
    (error: Error) => error instanceof ConfigError && /takes 1 channels; the images have 3/.test(error.message),
  ));

test("points do not fit a network for images", () =>
  assert.rejects(
    extract([1, 1, 2, 2], (x) => ({ y: flat(x) }), {}, { shape: [2], count: 1, data: new Float32Array(2) }),
    (error: Error) => error instanceof ConfigError && /takes images; got points/.test(error.message),
  ));

test("without a network, pixels are in [−1, 1] and points are themselves", async () => {
  const pixels = await pixelExtractor.extract(bytes([1, 1, 2], 1, (i) => 255 * i));
  close(pixels.features.data, [-1, 1]);
  const points = await pointExtractor.extract({ shape: [2], count: 1, data: Float32Array.of(3, -4) });
  close(points.features.data, [3, -4]);
});
