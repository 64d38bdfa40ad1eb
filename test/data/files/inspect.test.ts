import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { inspect, type LoadedDataset, loadDataset, loaded, recommend } from "../../../src/data/files/index.ts";
import { type Dataset, datasetFromArray, imagesFromBytes } from "../../../src/data/index.ts";
import { folderOf } from "./temporary.ts";

const report = { notes: [], skipped: [] };

async function inspected(dataset: Dataset | LoadedDataset) {
  const looking = inspect({ report, ...dataset });
  for (;;) {
    const step = await looking.next();
    if (step.done) return step.value;
  }
}

/** A plain image with one pixel that tells it from others. */
const image = (n: number, width: number, height: number, channels: 1 | 3 | 4 = 3) => {
  const values = new Uint8Array(width * height * channels).fill(40 * n);
  values[n] ^= 0x55;
  const raw = sharp(values, { raw: { width, height, channels } });
  return (channels === 1 ? raw.toColourspace("b-w") : raw).png().toBuffer();
};

test("a folder as people have them: sizes, modes, broken and repeated files, labels", async () => {
  const repeated = await image(1, 40, 40);
  const folder = folderOf({
    "cat/a.png": repeated,
    "cat/b.png": await image(2, 40, 50, 1),
    "cat/copy.png": repeated,
    "dog/d.png": await image(3, 64, 64, 4),
    "dog/broken.png": repeated.subarray(0, 60),
  });
  const found = await inspected(await loaded(loadDataset(folder, { cache: folderOf() })));
  assert.deepEqual([found.size, found.duplicates.length, found.searched], [4, 1, 4]);
  assert.deepEqual(found.labels, { cat: 3, dog: 1 });
  assert.deepEqual(
    found.skipped.map(({ file }) => file),
    ["dog/broken.png"],
  );
  assert.deepEqual(found.files?.formats, { png: 4 });
  assert.deepEqual(found.files?.sizes, { "40x40": 2, "50x40": 1, "64x64": 1 });
  assert.deepEqual(found.files?.modes, { "rgb 8": 2, "gray 8": 1, "rgb 8 alpha": 1 });
  for (const pattern of [/1 file cannot be read/, /1 example equals another \(25\.0 %\)/, /1 of 4 images are grey/])
    assert.ok(
      found.warnings.some((text) => pattern.test(text)),
      `${pattern} in ${found.warnings.join("\n")}`,
    );
  for (const pattern of [/may be partly transparent/, /4 examples are few/])
    assert.ok(
      found.warnings.some((text) => pattern.test(text)),
      String(pattern),
    );
});

test("from the cache it says the same", async () => {
  const folder = folderOf({ "a.png": await image(1, 9, 9), "b.png": await image(2, 9, 9), "c.png": "x" });
  const cache = folderOf();
  const [first, second] = [await loaded(loadDataset(folder, { cache })), await loaded(loadDataset(folder, { cache }))];
  assert.deepEqual(await inspected(first), await inspected(second));
});

test("the recommended size fits most images and their proportions", () => {
  assert.deepEqual(recommend({ "32x32": 10 }), { size: [32, 32], lost: 0, enlarged: 0 });
  // One in twenty is smaller: it is enlarged.
  const { size, enlarged } = recommend({ "300x300": 19, "100x100": 1 });
  assert.deepEqual([...size, enlarged], [256, 256, 0.05]);
  // All are wide alike: they stay wide.
  assert.deepEqual(recommend({ "480x640": 5, "240x320": 5 }).size, [128, 168]);
  assert.deepEqual(recommend({ "640x480": 9 }).size, [344, 256]);
  // Wide and tall: squares, for a third of the pixels.
  const mixed = recommend({ "100x150": 5, "150x100": 5 });
  assert.deepEqual(mixed.size, [64, 64]);
  assert.ok(Math.abs(mixed.lost - 1 / 3) < 1e-9);
  assert.deepEqual(recommend({ "1x5000": 3, "2x3": 1 }).size, [8, 8]);
});

test("numbers that training would trip over are warned of", async () => {
  const of = async (values: number[], shape = [1, 8, 8]) => {
    const data = Float32Array.from({ length: 64 * 4 }, (_, i) => values[i % values.length]);
    return (await inspected(datasetFromArray({ name: "n", values: data, shape }))).warnings.join("\n");
  };
  assert.match(await of([0, 255]), /numbers run from 0 to 255; networks expect images in \[−1, 1\]/);
  assert.match(await of([0, 1]), /images in \[0, 1\]\?/);
  assert.match(await of([0, 1, Number.NaN]), /85 numbers are not finite/);
  assert.match(await of([0.5]), /all numbers are nearly equal/);
  assert.match(await of([-0.1, 0.1]), /σ_data is 0\.1, far from the 0\.5/);
  assert.match(await of([-0.5, 0.5], [1, 4, 4]), /no multiples of 8.*--size 8/);
  assert.match(await of([-0.5, 0.5], [1, 4, 16]), /--size 8x16/);
});

test("labels that are missing, uneven or all alike are warned of", async () => {
  const pixels = Uint8Array.from({ length: 64 * 30 }, (_, i) => i % 251);
  const of = async (labels: number[], classes: string[]) =>
    (await inspected(imagesFromBytes({ name: "n", pixels, shape: [1, 8, 8], labels, classes }))).warnings.join("\n");
  const labels = Array.from({ length: 30 }, (_, i) => (i < 2 ? 1 : 0));
  assert.match(await of(labels, ["a", "b", "c"]), /1 classes have no examples: c[\s\S]*uneven: 28 of a, 2 of b/);
  assert.match(
    await of(
      labels.map(() => 0),
      ["a"],
    ),
    /all labels are equal/,
  );
});
