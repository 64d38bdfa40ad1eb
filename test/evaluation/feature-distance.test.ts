import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { classifierNetwork } from "../../src/evaluation/classifier-network.ts";
import { classifierParameters, featureDistance } from "../../src/evaluation/index.ts";
import { gradients, input } from "../../src/graph/index.ts";
import { bake, initialize } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { compile } from "../../src/runtime/index.ts";

const [batch, classes] = [2, 3];
/** An odd side, two channels, and sides of which four pixels are a tile. */
const shapes = [
  [1, 8, 8],
  [2, 9, 7],
  [1, 32, 32],
];
const threads = { threads: 1 };

/** Initial parameters, moved, so that no bias is zero and no scale one. */
function someParams(shape: readonly number[]): Float32Array {
  const params = initialize(classifierParameters(shape, classes), 0);
  return params.map((v, i) => v + 0.1 * Math.sin(i));
}

/** Distances of two batches, and the gradient of their sum in both. */
async function openDistance(shape: readonly number[], pixels?: number) {
  const [x, y] = ["x", "y"].map((name) => input(name, [batch, ...shape]));
  const options = { params: someParams(shape), classes, ...(pixels !== undefined && { pixels }) };
  const distance = featureDistance(options)(x, y);
  assert.deepEqual(distance.shape, [batch]);
  const [dx, dy] = gradients(distance.sum(), [x, y]);
  return compile({ distance, dx, dy }, threads);
}

const some = (seed: number, shape: readonly number[]) =>
  Float32Array.from(normals(seed, "images", 0, batch * shape.reduce((n, s) => n * s, 1)), (v) => v / 2);

describe("the distance of features", () => {
  for (const shape of shapes)
    test(`of [${shape}] has the gradient that differences have, in both images`, async () => {
      const program = await openDistance(shape);
      const [x, y] = [some(1, shape), some(2, shape)];
      const { dx, dy } = await program.run({ x, y });
      for (const [which, gradient] of [
        ["x", dx],
        ["y", dy],
      ] as const) {
        const direction = some(3, shape);
        const given = { x, y };
        const total = async (h: number) => {
          const moved = given[which].map((v, i) => v + h * direction[i]);
          const { distance } = await program.run({ ...given, [which]: moved });
          return distance.reduce((sum, d) => sum + d, 0);
        };
        const h = 1e-2;
        const differences = ((await total(h)) - (await total(-h))) / (2 * h);
        const along = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
        assert.ok(Math.abs(along - differences) < 0.01 * Math.abs(along) + 1e-3, `${which}: ${along} ${differences}`);
      }
      await program.close();
    });

  test("is zero with a zero gradient for equal images, and symmetric", async () => {
    const program = await openDistance([1, 8, 8]);
    const [x, y] = [some(1, [1, 8, 8]), some(2, [1, 8, 8])];
    const { distance, dx, dy } = await program.run({ x, y: x });
    assert.ok([...distance, ...dx, ...dy].every((v) => v === 0));
    const [there, back] = [await program.run({ x, y }), await program.run({ x: y, y: x })];
    for (const row of [0, 1]) {
      assert.ok(there.distance[row] > 0.1);
      assert.ok(Math.abs(there.distance[row] - back.distance[row]) < 1e-5);
    }
    await program.close();
  });

  test("is the sum over layers of squared distances of directions, and the pixels'", async () => {
    const shape = [2, 9, 7];
    const [x, y] = [some(4, shape), some(5, shape)];
    const images = input("images", [batch, ...shape]);
    const { layers, parameters } = classifierNetwork(images, classes);
    const named = Object.fromEntries(bake(layers, parameters, someParams(shape)).map((f, l) => [`layer${l}`, f]));
    const network = await compile(named, threads);
    const [ofX, ofY] = [await network.run({ images: x }), await network.run({ images: y })];
    await network.close();
    for (const pixels of [0, 1, 5]) {
      const program = await openDistance(shape, pixels);
      const { distance } = await program.run({ x, y });
      await program.close();
      for (let row = 0; row < batch; row++) {
        let expected = 0;
        for (const [
          l,
          {
            shape: [, channels, h, w],
          },
        ] of layers.entries())
          for (let place = 0; place < h * w; place++) {
            const direction = (all: Float32Array) => {
              const f = Array.from({ length: channels }, (_, c) => all[(row * channels + c) * h * w + place]);
              const length = Math.hypot(...f, 0.1);
              return f.map((v) => v / length);
            };
            const [a, b] = [direction(ofX[`layer${l}`]), direction(ofY[`layer${l}`])];
            expected += a.reduce((sum, v, c) => sum + (v - b[c]) ** 2, 0) / (h * w);
          }
        const size = x.length / batch;
        for (let i = row * size; i < (row + 1) * size; i++) expected += (pixels * (x[i] - y[i]) ** 2) / size;
        assert.ok(Math.abs(distance[row] - expected) < 1e-4 * expected, `${distance[row]} ${expected}`);
      }
    }
  });
});
