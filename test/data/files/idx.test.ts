import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { loadDataset, loaded, parseIdx, readIdx } from "../../../src/data/files/index.ts";
import { example } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { mutantCount } from "./mutation.ts";
import { folderOf } from "./temporary.ts";

/** An IDX file as its definition says. */
function idx(type: number, dims: readonly number[], data: readonly number[]): Uint8Array {
  const writers: Record<number, [number, (view: DataView, at: number, value: number) => void]> = {
    8: [1, (view, at, value) => view.setUint8(at, value)],
    9: [1, (view, at, value) => view.setInt8(at, value)],
    11: [2, (view, at, value) => view.setInt16(at, value)],
    12: [4, (view, at, value) => view.setInt32(at, value)],
    13: [4, (view, at, value) => view.setFloat32(at, value)],
    14: [8, (view, at, value) => view.setFloat64(at, value)],
  };
  const [size, write] = writers[type];
  const start = 4 + 4 * dims.length;
  const bytes = new Uint8Array(start + size * data.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, type, dims.length]);
  for (const [i, dim] of dims.entries()) view.setUint32(4 + 4 * i, dim);
  for (const [i, value] of data.entries()) write(view, start + i * size, value);
  return bytes;
}

const ramp = (n: number) => Array.from({ length: n }, (_, i) => i % 251);
const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);

for (const [type, values] of [
  [8, [0, 1, 127, 255]],
  [9, [-128, -1, 0, 127]],
  [11, [-32768, -2, 258, 32767]],
  [12, [-(2 ** 31), 16909060, 0, 2 ** 31 - 1]],
  [13, [0.5, -1e10, Number.POSITIVE_INFINITY, 2 ** -140]],
  [14, [Math.PI, -1e300, 0, Number.NEGATIVE_INFINITY]],
] as const)
  test(`type ${type} is read, plain and gzipped, at any offset`, async () => {
    const bytes = idx(type, [2, 2], values);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    for (const given of [bytes, shifted.subarray(3), gzipSync(bytes)]) {
      const read = await parseIdx(given, "x");
      assert.deepEqual(read.dims, [2, 2]);
      assert.deepEqual(
        Array.from(read.values),
        values.map((v) => (type === 13 ? Math.fround(v) : v)),
      );
    }
  });

test("damaged files are refused with their name and what is wrong", async () => {
  const good = idx(8, [3, 2], ramp(6));
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /^x: is not an IDX file: it has 0 bytes/],
    [Uint8Array.of(0, 0, 8), /it has 3 bytes/],
    [Uint8Array.of(1, 0, 8, 1, 0, 0, 0, 1, 7), /begins with the bytes 1, 0/],
    [Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 1, 7), /type code is 7/],
    [Uint8Array.of(0, 0, 8, 0), /0 dimensions/],
    [Uint8Array.of(0, 0, 8, 200, 0, 0), /200 dimensions/],
    [Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 1), /end inside the header/],
    [idx(8, [0, 5], []), /holds nothing: dimensions 0×5/],
    [good.subarray(0, -1), /cut short: 17 bytes \(18 for dimensions 3×2\)/],
    [Uint8Array.of(...good, 1), /too long: 19 bytes/],
    [idx(12, [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [1]), /cut short/],
    [gzipSync(good).subarray(0, -6), /cannot be decompressed/],
    [gzipSync(idx(8, [0xffffffff, 0xffffffff], ramp(9))), /cut short: \d+ gzipped bytes/],
    [gzipSync(Uint8Array.of(...good, 1)), /cannot be decompressed/],
  ];
  for (const [bytes, pattern] of cases) await assert.rejects(parseIdx(bytes, "x"), refused(pattern));
  await assert.rejects(readIdx(join(folderOf(), "absent")), refused(/absent: cannot be read/));
});

test("a small file that would unpack to a large one is not unpacked", async () => {
  const bytes = new Uint8Array(5e7);
  bytes.set(idx(8, [3], [1, 2, 3]));
  const bomb = gzipSync(bytes);
  assert.ok(bomb.length < 1e5);
  const before = process.memoryUsage().arrayBuffers;
  await assert.rejects(parseIdx(bomb, "x"), refused(/cannot be decompressed/));
  assert.ok(process.memoryUsage().arrayBuffers - before < 2e7);
});

test("any bytes are an IDX file or a ConfigError", async () => {
  const dims = fc.array(fc.oneof(fc.nat(4), fc.constantFrom(0xffffffff, 0x7fffffff, 65536)), { maxLength: 9 });
  const almost = fc
    .tuple(dims, fc.constantFrom(7, 8, 9, 11, 12, 13, 14), fc.uint8Array({ maxLength: 200 }))
    .map(([sizes, type, data]) => {
      const bytes = new Uint8Array(4 + 4 * sizes.length + data.length);
      bytes.set([0, 0, type, sizes.length]);
      const view = new DataView(bytes.buffer);
      for (const [i, size] of sizes.entries()) view.setUint32(4 + 4 * i, size);
      bytes.set(data, 4 + 4 * sizes.length);
      return bytes;
    });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 60 }), almost),
      fc.boolean(),
      fc.nat(30),
      async (bytes, zip, cut) => {
        const given = zip ? gzipSync(bytes) : bytes;
        try {
          const { dims: read, values } = await parseIdx(given.subarray(0, given.length - (zip ? cut : 0)), "x");
          assert.equal(
            values.length,
            read.reduce((a, b) => a * b, 1),
          );
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
        }
      },
    ),
    { numRuns: mutantCount(400) },
  );
});

test("images and the labels beside them make a data set", async () => {
  const [images, labels] = [idx(8, [3, 2, 4], ramp(24)), idx(8, [3], [2, 0, 1])];
  for (const [image, label] of [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["a-images.idx3-ubyte", "a-labels.idx1-ubyte"],
    ["images.idx", "labels.idx"],
    ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"],
    ["images-idx3-ubyte", "labels-idx1-ubyte.gz"],
  ]) {
    const zipped = (name: string, bytes: Uint8Array) => (name.endsWith(".gz") ? gzipSync(bytes) : bytes);
    const folder = folderOf({ [image]: zipped(image, images), [label]: zipped(label, labels) });
    const set = await loaded(loadDataset(join(folder, image)));
    assert.deepEqual([set.size, ...set.shape], [3, 1, 2, 4]);
    assert.deepEqual(set.classes, ["0", "1", "2"]);
    assert.deepEqual(
      [0, 1, 2].map((i) => set.label?.(i)),
      [2, 0, 1],
    );
    assert.deepEqual(
      example(set, 2),
      Float32Array.from({ length: 8 }, (_, i) => (16 + i) / 127.5 - 1),
    );
    assert.equal((await loaded(loadDataset(join(folder, image), { labels: "none" }))).classes, undefined);
  }
});

test("colour images come with channels first or last; vectors as they are", async () => {
  const last = idx(8, [2, 2, 3, 3], ramp(36));
  const folder = folderOf({
    "first.idx": idx(8, [2, 3, 1, 2], ramp(12)),
    "last.idx": last,
    "points.idx": idx(14, [3, 2], [0.1, 0.2, 0.3, 0.4, 5e5, 6]),
    "shorts.idx": idx(11, [1, 2], [-5, 7]),
  });
  const load = (name: string) => loaded(loadDataset(join(folder, name)));
  assert.deepEqual((await load("first.idx")).shape, [3, 1, 2]);
  const set = await load("last.idx");
  assert.deepEqual(set.shape, [3, 2, 3]);
  const x = example(set, 1);
  for (let k = 0; k < 6; k++)
    for (let c = 0; c < 3; c++) assert.equal(x[c * 6 + k], Math.fround((18 + 3 * k + c) / 127.5 - 1));
  const vectors = await load("points.idx");
  assert.deepEqual([vectors.size, ...vectors.shape], [3, 2]);
  assert.deepEqual(example(vectors, 2), Float32Array.of(5e5, 6));
  assert.deepEqual(example(await load("shorts.idx"), 0), Float32Array.of(-5, 7));
});

test("labels that do not fit, and data that is no data set, are refused", async () => {
  const folder = folderOf({
    "a-images": idx(8, [3, 2, 2], ramp(12)),
    "a-labels": idx(8, [2], [0, 1]),
    "b-images": idx(8, [2, 2, 2], ramp(8)),
    "b-labels": idx(13, [2], [0.5, 1]),
    "c.idx": idx(8, [4, 2], ramp(8)),
    "d.idx": idx(8, [1, 17, 2, 17], ramp(578)),
  });
  const load = (name: string) => loaded(loadDataset(join(folder, name)));
  await assert.rejects(load("a-images"), refused(/a-labels: does not fit a-images: dimensions 2 \(3/));
  await assert.rejects(load("b-images"), refused(/label of example 0: got 0.5/));
  await assert.rejects(load("c.idx"), refused(/is no data set: 4×2/));
  await assert.rejects(load("d.idx"), refused(/is no data set: 1×17×2×17/));
});
