import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Dataset, imagesFromBytes } from "../../src/data/index.ts";
import { classifierFacts, classifierMap, type TrainedClassifier, trainClassifier } from "../../src/evaluation/index.ts";
import { turn, turns } from "../../src/evaluation/turns.ts";
import { normals, stream } from "../../src/random/index.ts";
import { loadModel } from "../../src/runtime/index.ts";

/** Noisy ramps: dark to light from left to right (class 0) or from top to bottom (class 1). */
function ramps(size: number, height: number, width: number, labelled: boolean): Dataset {
  const draws = stream(0, "ramps");
  const labels = Array.from({ length: size }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: size * height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    const along = labels[Math.floor(i / (height * width))] === 0 ? x / width : y / height;
    return Math.min(255, 200 * along + 55 * draws.uniform());
  });
  return imagesFromBytes({ name: "ramps", pixels, shape: [1, height, width], ...(labelled && { labels }) });
}

async function trained(dataset: Dataset, images: number): Promise<{ losses: number[]; result: TrainedClassifier }> {
  const training = trainClassifier(dataset, { images, threads: 1 });
  const losses: number[] = [];
  for (;;) {
    const next = await training.next();
    if (next.done) return { losses, result: next.value };
    losses.push(next.value.loss);
  }
}

describe("the classifier", () => {
  test("learns classes, of images of odd sides too, and becomes a model that gives features and logits", async () => {
    const { losses, result } = await trained(ramps(200, 9, 7, true), 40 * 128);
    assert.equal(result.task, "classes");
    assert.equal(result.tested, 20);
    assert.ok(result.accuracy > 0.95, `accuracy ${result.accuracy}`);
    assert.ok(losses.at(-1)! < losses[0] / 2, `losses ${losses}`);
    assert.equal(losses.length, 40);
    const model = await loadModel(result.model);
    assert.deepEqual(
      model.outputs.map(({ name, shape }) => [name, shape[1]]),
      [
        ["features", 128],
        ["logits", 2],
      ],
    );
    await model.close();
    const { model: file, gradient: _, params: __, ...facts } = result;
    assert.deepEqual(classifierFacts(file), facts);
    assert.equal(classifierFacts(file.subarray(0, file.length - 10)), undefined);
  });

  test("has features whose products with their Jacobian are those of differences", async () => {
    const { result } = await trained(ramps(40, 8, 8, true), 3 * 128);
    const map = classifierMap(await loadModel(result.model), await loadModel(result.gradient), result);
    try {
      // More than a batch of the network.
      const x = normals(0, "images", 0, 130 * 64);
      const v = normals(1, "cotangents", 0, 130 * map.dims);
      const product = await map.product(x, v);
      const direction = normals(2, "direction", 0, x.length);
      const [up, down] = await Promise.all(
        [1e-2, -1e-2].map((h) => map.features(x.map((a, i) => a + h * direction[i]))),
      );
      for (const row of [0, 129]) {
        let [along, differences] = [0, 0];
        for (let i = row * 64; i < (row + 1) * 64; i++) along += product[i] * direction[i];
        for (let i = row * map.dims; i < (row + 1) * map.dims; i++) differences += (v[i] * (up[i] - down[i])) / 2e-2;
        assert.ok(Math.abs(along - differences) < 0.01 * (1 + Math.abs(along)), `row ${row}: ${along}, ${differences}`);
      }
    } finally {
      await map.close();
    }
  });

  test("learns which way images without labels are turned, and then has no logits", async () => {
    const { result } = await trained(ramps(100, 8, 8, false), 40 * 128);
    assert.equal(result.task, "turns");
    // A ramp from the left turned once is a ramp from the top or the bottom, so half of the four are told apart at best.
    assert.ok(result.accuracy > 0.4, `accuracy ${result.accuracy}`);
    assert.deepEqual(Object.keys(result.spec.outputs), ["features"]);
  });

  test("is the same for the same data and seed", async () => {
    const [a, b] = [await trained(ramps(50, 8, 8, true), 3 * 128), await trained(ramps(50, 8, 8, true), 3 * 128)];
    assert.deepEqual(a.losses, b.losses);
    assert.ok(Buffer.from(a.result.model).equals(b.result.model));
  });
});

describe("turns", () => {
  const shape = [2, 3, 3];
  const image = Float32Array.from({ length: 18 }, (_, i) => i);
  test("a quarter", () => {
    const turned = image.slice();
    turn(turned, shape, 1);
    assert.deepEqual([...turned.subarray(0, 9)], [2, 5, 8, 1, 4, 7, 0, 3, 6]);
  });
  for (const sides of [
    [2, 3, 3],
    [3, 2, 3],
  ])
    test(`all four of ${sides.join("×")} differ, and the second twice is none`, () => {
      const ways = Array.from({ length: turns }, (_, way) => {
        const turned = image.slice();
        turn(turned, sides, way);
        return turned;
      });
      assert.equal(new Set(ways.map((way) => way.join())).size, turns);
      for (const way of ways) assert.deepEqual([...way.subarray(0, 6)].length, 6);
      const twice = ways[2].slice();
      turn(twice, sides, 2);
      assert.deepEqual(twice, image);
    });
  test("four quarters are none", () => {
    const turned = image.slice();
    for (let i = 0; i < 4; i++) turn(turned, shape, 1);
    assert.deepEqual(turned, image);
    const back = image.slice();
    turn(back, shape, 1);
    turn(back, shape, 3);
    assert.deepEqual(back, image);
  });
});
