import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { bytesArray, readPickle } from "../../../src/data/files/pickle.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { python, withoutNumpy, withoutPython } from "./python.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (path: string, options?: LoadOptions) => loaded(loadDataset(path, options));

/** Pieces of a pickle of protocol 2, as Python 2 wrote CIFAR's. */
const ascii = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const string = (text: string) => [0x55, text.length, ...ascii(text)];
const u32 = (n: number) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
const global = (module: string, name: string) => [0x63, ...ascii(`${module}\n${name}\n`)];
const pixelsOf = (n: number) => Uint8Array.from({ length: 3072 }, (_, k) => (k + 50 * n) % 256);
const array = (count: number) => [
  ...global("numpy.core.multiarray", "_reconstruct"),
  ...global("numpy", "ndarray"),
  ...[0x4b, 0, 0x85, ...string("b"), 0x87, 0x52],
  ...[0x28, 0x4b, 1, 0x4b, count, 0x4d, 0, 12, 0x86],
  ...[...global("numpy", "dtype"), ...string("u1"), 0x4b, 0, 0x4b, 1, 0x87, 0x52],
  ...[
    0x28,
    0x4b,
    3,
    ...string("|"),
    0x4e,
    0x4e,
    0x4e,
    0x4a,
    255,
    255,
    255,
    255,
    0x4a,
    255,
    255,
    255,
    255,
    0x4b,
    0,
    0x74,
    0x62,
  ],
  ...[
    0x89,
    0x54,
    ...u32(3072 * count),
    ...Array.from({ length: count }, (_, n) => [...pixelsOf(n)]).flat(),
    0x74,
    0x62,
  ],
];
const list = (...items: number[][]) => [0x5d, 0x28, ...items.flat(), 0x65];
const labelled = (...labels: number[]) => list(...labels.map((label) => [0x4b, label]));
const dict = (entries: Readonly<Record<string, number[]>>) =>
  Uint8Array.from([
    ...[0x80, 2, 0x7d, 0x71, 1, 0x28],
    ...Object.entries(entries).flatMap(([key, value]) => [...string(key), ...value]),
    ...[0x75, 0x2e],
  ]);
const batch = (...labels: number[]) =>
  dict({ data: array(labels.length), labels: labelled(...labels), batch_label: string("x") });
const names = "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

test("CIFAR-10's pickles of Python 2 are one set with named classes", async () => {
  const folder = folderOf({
    data_batch_1: batch(3, 9),
    data_batch_2: batch(0),
    test_batch: batch(5),
    "batches.meta": dict({ label_names: list(...names.map(string)) }),
    "readme.html": "",
  });
  const set = await load(folder);
  assert.deepEqual([set.name, set.size, ...set.shape], ["cifar-10 train", 3, 3, 32, 32]);
  assert.deepEqual(
    [0, 1, 2].map((i) => set.classes?.[set.label?.(i) ?? 0]),
    ["cat", "truck", "airplane"],
  );
  assert.deepEqual(toBytes(example(set, 1)), pixelsOf(1));
  assert.deepEqual(set.report.notes, ["Without data_batch_3, data_batch_4, data_batch_5, which is missing."]);
  assert.equal((await load(folder, { split: "test" })).label?.(0), 5);
  assert.equal((await load(folder, { labels: "none" })).label, undefined);
  await assert.rejects(load(folder, { labels: "coarse" }), refused(/labels must be one of fine, none/));
});

test("Python's own pickles, of every protocol and both versions", { skip: withoutNumpy }, async () => {
  const folder = folderOf();
  python(
    `
import os, pickle, numpy
rng = numpy.random.default_rng(0)
for protocol in range(6):
    os.makedirs(f"ten{protocol}"); os.makedirs(f"hundred{protocol}")
    data = rng.integers(0, 256, (4, 3072), dtype=numpy.uint8)
    data.tofile(f"ten{protocol}/pixels")
    def save(name, value): pickle.dump(value, open(name, "wb"), protocol=protocol)
    save(f"ten{protocol}/data_batch_1", {"batch_label": "training batch 1 of 5", "labels": [1, 9, 0, 4], "data": data, "filenames": ["a.png"] * 4})
    save(f"ten{protocol}/batches.meta", {"num_cases_per_batch": 4, "label_names": [f"n{i}" for i in range(10)], "num_vis": 3072})
    save(f"hundred{protocol}/train", {b"fine_labels": [99, 0, 5, 7], b"coarse_labels": [19, 0, 1, 2], b"data": data})
    save(f"hundred{protocol}/meta", {b"fine_label_names": [f"f{i}" for i in range(100)], b"coarse_label_names": [b"c%d" % i for i in range(20)]})
`,
    folder,
  );
  for (let protocol = 0; protocol < 6; protocol++) {
    const [ten, hundred] = [join(folder, `ten${protocol}`), join(folder, `hundred${protocol}`)];
    const set = await load(ten);
    const pixels = new Uint8Array(readFileSync(join(ten, "pixels")));
    for (let i = 0; i < 4; i++) assert.deepEqual(toBytes(example(set, i)), pixels.subarray(3072 * i, 3072 * (i + 1)));
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => set.classes?.[set.label?.(i) ?? 0]),
      ["n1", "n9", "n0", "n4"],
    );
    const [fine, coarse] = [await load(hundred), await load(hundred, { labels: "coarse" })];
    assert.deepEqual([fine.name, fine.classes?.length, fine.label?.(0)], ["cifar-100 train", 100, 99]);
    assert.deepEqual([coarse.classes?.[19], coarse.label?.(0)], ["c19", 19]);
  }
});

test("plain data of Python are read as they are", { skip: withoutPython }, () => {
  const folder = folderOf();
  for (const protocol of [2, 3, 4, 5]) {
    python(
      `
import pickle
value = {"a": [1, -1, 70000, -2**40, 2.5, None, True, False], "b": (1, (2,), (), (3, 4, 5, 6)), "c": "ü", "d": {1: {}}}
pickle.dump(value, open("x.pkl", "wb"), protocol=${protocol})
`,
      folder,
    );
    const value = readPickle(readFileSync(join(folder, "x.pkl")), "x");
    assert.deepEqual(
      value,
      new Map<unknown, unknown>([
        ["a", [1, -1, 70000, -(2 ** 40), 2.5, null, true, false]],
        ["b", [1, [2], [], [3, 4, 5, 6]]],
        ["c", "ü"],
        ["d", new Map([[1, new Map()]])],
      ]),
    );
    assert.equal(bytesArray(value), undefined);
  }
});

test("nothing that a pickle names is called", { skip: withoutPython }, () => {
  const folder = folderOf();
  python(
    `
import os, pickle
class Evil:
    def __reduce__(self): return (os.system, ("touch owned",))
for protocol in range(6): pickle.dump({"data": Evil()}, open(f"{protocol}.pkl", "wb"), protocol=protocol)
pickle.dump(print, open("name.pkl", "wb"))
`,
    folder,
  );
  for (let protocol = 0; protocol < 6; protocol++)
    assert.throws(
      () => readPickle(readFileSync(join(folder, `${protocol}.pkl`)), "evil"),
      refused(/evil: is no pickle of plain data: it wants to import "(posix|os|nt)\.system"/),
    );
  assert.throws(() => readPickle(readFileSync(join(folder, "name.pkl")), "n"), refused(/wants to import/));
});

test("what is no CIFAR file is refused", async () => {
  const one = (bytes: Uint8Array) => load(folderOf({ test_batch: bytes }), { split: "test" });
  await assert.rejects(one(Uint8Array.of()), refused(/it ends at byte 0/));
  await assert.rejects(one(Uint8Array.of(0x80, 9)), refused(/protocol is newer/));
  await assert.rejects(one(Uint8Array.of(0x5d, 0x2e)), refused(/it holds no dict/));
  await assert.rejects(one(dict({ labels: labelled(1) })), refused(/"data" is no array of bytes/));
  await assert.rejects(one(dict({ data: array(2), labels: labelled(1) })), refused(/"labels" has 1 labels \(2, one/));
  await assert.rejects(one(batch(10)), refused(/label of example 0: got 10/));
  await assert.rejects(load(folderOf({ test_batch: batch(1) })), refused(/has no split "train"/));
});

test("damaged pickles are read or refused, nothing else", async () => {
  const folder = folderOf({ test_batch: batch(1, 2) });
  const good = batch(1, 2);
  assert.ok(readPickle(good, "x") instanceof Map);
  // Without most of the pixels, so that the damage hits what matters.
  const small = dict({ data: array(1), labels: labelled(1), filenames: list(string("a.png")) });
  for (const original of [
    small,
    dict({ a: labelled(1, 2, 3), b: [...global("numpy", "dtype"), ...string("u1"), 0x85, 0x52] }),
  ])
    await survives(original, (bytes) => readPickle(bytes, "x"), { runs: 2000 });
  assert.equal((await load(folder, { split: "test" })).size, 2);
});
