import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  type LoadOptions,
  loadDataset,
  loaded,
  npyBytes,
  npzBytes,
  type ToNpy,
} from "../../../src/data/files/index.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { python, withoutNumpy } from "./python.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (path: string, options: LoadOptions = {}) => loaded(loadDataset(path, options));
const loadFile = (name: string, bytes: Uint8Array | string, options?: LoadOptions) =>
  load(join(folderOf({ [name]: bytes }), name), options);
const bytes = (set: Awaited<ReturnType<typeof load>>, index: number) => Array.from(toBytes(example(set, index)));

const u8 = (...dims: number[]): ToNpy => ({
  dims,
  values: Uint8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i * 7) % 256),
});
const f32 = (...dims: number[]): ToNpy => ({ dims, values: Float32Array.from(u8(...dims).values, (v) => v / 128 - 1) });

test("byte arrays are images, channels last, first, flat or none", async () => {
  const rgb = u8(4, 2, 5, 3);
  const last = await loadFile("samples.npz", npzBytes({ arr_0: rgb }));
  assert.deepEqual([last.size, ...last.shape, last.classes], [4, 3, 2, 5, undefined]);
  const at = (c: number, y: number, x: number) => rgb.values[30 + (y * 5 + x) * 3 + c];
  assert.deepEqual(
    bytes(last, 1),
    [0, 1, 2].flatMap((c) => [0, 1].flatMap((y) => [0, 1, 2, 3, 4].map((x) => at(c, y, x)))),
  );
  const first = await loadFile("x.npy", npyBytes(u8(4, 3, 6, 5)));
  assert.deepEqual([first.size, ...first.shape], [4, 3, 6, 5]);
  assert.deepEqual(bytes(first, 3), Array.from(u8(4, 3, 6, 5).values.subarray(270)));
  assert.deepEqual((await loadFile("x.npy", npyBytes(u8(4, 6, 5)))).shape, [1, 6, 5]);
  assert.deepEqual((await loadFile("x.npy", npyBytes(u8(4, 6, 5, 1)))).shape, [1, 6, 5]);
  assert.deepEqual((await loadFile("x.npy", npyBytes(u8(2, 3072)))).shape, [3, 32, 32]);
  assert.deepEqual((await loadFile("x.npy", npyBytes(u8(2, 784)))).shape, [1, 28, 28]);
  assert.deepEqual((await loadFile("x.npy", npyBytes(u8(2, 28, 28)), { size: 32, channels: 3 })).shape, [3, 32, 32]);
});

test("floats are taken as they are, as vectors or images", async () => {
  const points = await loadFile("points.npy", npyBytes(f32(7, 2)));
  assert.deepEqual([points.size, ...points.shape], [7, 2]);
  assert.deepEqual(Array.from(example(points, 3)), Array.from(f32(7, 2).values.subarray(6, 8)));
  const images = await loadFile("x.npy", npyBytes(f32(2, 4, 4, 3)));
  assert.deepEqual([...images.shape], [3, 4, 4]);
  assert.equal(example(images, 1)[16], f32(2, 4, 4, 3).values[48 + 1]);
  assert.deepEqual(images.report.notes, []);
  const latents = await loadFile("x.npy", npyBytes(f32(2, 4, 8, 8)));
  assert.deepEqual([...latents.shape], [4, 8, 8]);
  const counts = await loadFile("x.npy", npyBytes({ dims: [1, 2, 2], values: Int32Array.of(0, 9, 100, 255) }));
  assert.deepEqual(Array.from(example(counts, 0)), [0, 9, 100, 255]);
  assert.match(counts.report.notes[0], /Values run from 0 to 255 and are taken as they are/);
});

test("labels and splits are found by their customary names", async () => {
  const labels = { dims: [4], values: Int32Array.of(2, 0, 1, 2) };
  const openai = await loadFile("s.npz", npzBytes({ arr_0: u8(4, 2, 2, 3), arr_1: labels }));
  assert.deepEqual(
    [openai.classes, [0, 1, 2, 3].map((i) => openai.label?.(i))],
    [
      ["0", "1", "2"],
      [2, 0, 1, 2],
    ],
  );
  const column = { dims: [4, 1], values: Uint8Array.of(1, 0, 1, 1) };
  const medical = npzBytes({
    train_images: u8(4, 8, 8),
    train_labels: column,
    test_images: u8(2, 8, 8),
    test_labels: { dims: [2, 1], values: Uint8Array.of(0, 1) },
  });
  const [train, held] = [await loadFile("m.npz", medical), await loadFile("m.npz", medical, { split: "test" })];
  assert.deepEqual([train.size, train.label?.(0), held.size, held.label?.(0)], [4, 1, 2, 0]);
  const keras = npzBytes({
    x_train: u8(4, 8, 8),
    y_train: labels,
    x_test: u8(2, 8, 8),
    y_test: { dims: [2], values: Uint8Array.of(0, 1) },
  });
  assert.equal((await loadFile("k.npz", keras, { split: "test" })).size, 2);
  assert.equal((await loadFile("k.npz", keras, { labels: "none" })).label, undefined);
  assert.equal((await loadFile("one.npz", npzBytes({ anything: f32(5, 3) }))).size, 5);

  await assert.rejects(
    loadFile("s.npz", npzBytes({ arr_0: u8(4, 2, 2, 3) }), { split: "test" }),
    refused(/has no split "test"; it has arr_0/),
  );
  await assert.rejects(
    loadFile("s.npz", npzBytes({ p: u8(4, 2), q: u8(4, 2) })),
    refused(/which array holds the examples\? It has p, q/),
  );
  await assert.rejects(
    loadFile("s.npz", npzBytes({ x: u8(4, 2, 2), y: u8(3) })),
    refused(/y: does not fit: dimensions 3 \(4, one label each\)/),
  );
  await assert.rejects(
    loadFile("s.npz", npzBytes({ x: u8(4, 2, 2), y: { dims: [4], values: Float32Array.of(0, 1, 0.5, 1) } })),
    refused(/label of example 2/),
  );
  await assert.rejects(loadFile("s.npz", npzBytes({})), refused(/It has none/));
  await assert.rejects(loadFile("x.npy", npyBytes(u8(4, 5))), refused(/is no data set: 4×5 unsigned bytes/));
  await assert.rejects(
    loadFile("x.npy", npyBytes({ dims: [0, 2], values: new Float32Array() })),
    refused(/holds no examples/),
  );
  await assert.rejects(
    loadFile("x.npy", npyBytes({ dims: [], values: Float32Array.of(1) })),
    refused(/is no data set/),
  );
  await assert.rejects(loadFile("x.npy", npyBytes(f32(4, 2)), { split: "train" }), refused(/has no option split/));
});

test("the batches of downsampled ImageNet are one set, labels from 0", { skip: withoutNumpy }, async () => {
  const folder = folderOf();
  python(
    `
import numpy as np
rng = np.random.default_rng(0)
for i in [1, 2, 10]:
    np.savez('train_data_batch_%d.npz' % i, data=np.full((2, 3072), i, np.uint8), labels=np.array([1, 1000]), mean=np.zeros(3072))
np.savez_compressed('val_data.npz', data=rng.integers(0, 255, (3, 3072), np.uint8), labels=np.array([5, 6, 7]))
`,
    folder,
  );
  const train = await load(folder);
  assert.deepEqual([train.size, ...train.shape, train.classes?.length], [6, 3, 32, 32, 1000]);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((i) => bytes(train, i)[0]),
    [1, 1, 2, 2, 10, 10],
  );
  assert.deepEqual(
    [0, 5].map((i) => train.label?.(i)),
    [0, 999],
  );
  const val = await load(folder, { split: "test" });
  assert.deepEqual([val.size, val.label?.(0)], [3, 4]);
});

test("plain numbers need a shape", async () => {
  const values = Float32Array.from({ length: 24 }, (_, i) => i / 24 - 0.5);
  const raw = new Uint8Array(values.buffer);
  const vectors = await loadFile("x.f32", raw, { shape: [4] });
  assert.deepEqual([vectors.size, ...vectors.shape], [6, 4]);
  assert.deepEqual(example(vectors, 2), values.slice(8, 12));
  const doubles = new Uint8Array(Float64Array.from(values).buffer);
  assert.deepEqual(example(await loadFile("x.f64", doubles, { shape: [3, 2, 2] }), 1), values.slice(12));
  const images = await loadFile(
    "x.u8",
    Uint8Array.from({ length: 24 }, (_, i) => i),
    { shape: [2, 2, 3] },
  );
  assert.deepEqual(
    [images.shape, bytes(images, 0)],
    [
      [3, 2, 2],
      [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11],
    ],
  );
  await assert.rejects(loadFile("x.f32", raw), refused(/needs the option shape/));
  await assert.rejects(
    loadFile("x.f32", raw, { shape: [5] }),
    refused(/96 bytes are not a whole number of examples of \[5\]/),
  );
  await assert.rejects(loadFile("x.f32", "", { shape: [5] }), refused(/0 bytes are not/));
  await assert.rejects(loadFile("x.f32", raw.subarray(1), { shape: [1] }), refused(/95 bytes/));
  await assert.rejects(loadFile("x.f32", raw, { shape: [0] }), refused(/shape must be positive/));
  await assert.rejects(load("mnist", { shape: [4] }), refused(/mnist: has no option shape/));
});

test("damaged archives of arrays are read or refused, nothing else", async () => {
  const packed = npzBytes({ arr_0: u8(4, 2, 2, 3), arr_1: u8(4) });
  await survives(packed, (damaged) => loadFile("x.npz", damaged), { runs: 200 });
});
