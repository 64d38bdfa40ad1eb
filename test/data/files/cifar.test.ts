import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (path: string, options?: LoadOptions) => loaded(loadDataset(path, options));

/** Records as CIFAR has them: labels, then 1024 bytes each of red, green and blue. */
const records = (...labels: number[][]) =>
  Uint8Array.from(labels.flatMap((own, i) => [...own, ...Array.from({ length: 3072 }, (_, k) => (k + 50 * i) % 256)]));
const names10 = "airplane automobile bird cat deer dog frog horse ship truck".split(" ").join("\n");
const cifar10 = {
  "data_batch_1.bin": records([3], [9]),
  "data_batch_2.bin": records([0]),
  "test_batch.bin": records([5]),
  "batches.meta.txt": `${names10}\n\n`,
  "readme.html": "",
};

test("CIFAR-10's batches are one set of planes with named classes", async () => {
  const set = await load(folderOf(cifar10));
  assert.deepEqual([set.name, set.size, ...set.shape], ["cifar-10 train", 3, 3, 32, 32]);
  assert.deepEqual(
    [0, 1, 2].map((i) => set.classes?.[set.label?.(i) ?? 0]),
    ["cat", "truck", "airplane"],
  );
  assert.deepEqual(toBytes(example(set, 1)), records([9], [9]).slice(3074, 3074 + 3072));
  assert.deepEqual(set.report.notes, [
    "Without data_batch_3.bin, data_batch_4.bin, data_batch_5.bin, which is missing.",
  ]);
  const held = await load(folderOf(cifar10), { split: "test", size: 40 });
  assert.deepEqual([held.name, held.size, held.label?.(0), ...held.shape], ["cifar-10 test", 1, 5, 3, 40, 40]);
  await assert.rejects(
    load(folderOf(cifar10), { labels: "coarse" }),
    refused(/labels must be one of fine, none; got "coarse"/),
  );
  await assert.rejects(load(folderOf({ "test_batch.bin": records([5]) })), refused(/has no split "train"/));
});

test("CIFAR-100 has labels of two kinds", async () => {
  const folder = folderOf({
    "train.bin": records([19, 99], [0, 1]),
    "coarse_label_names.txt": Array.from({ length: 20 }, (_, i) => `c${i}`).join("\r\n"),
  });
  const [fine, coarse] = [await load(folder), await load(folder, { labels: "coarse" })];
  assert.deepEqual(
    [fine.classes?.length, fine.label?.(0), coarse.label?.(0), coarse.classes?.[19]],
    [100, 99, 19, "c19"],
  );
  assert.equal((await load(folder, { labels: "none" })).label, undefined);
});

test("a single file is told by its name or its length", async () => {
  const one = (name: string, bytes: Uint8Array) => load(join(folderOf({ [name]: bytes }), name));
  assert.equal((await one("data_batch_4.bin", records([1], [2]))).classes?.length, 10);
  assert.equal((await one("mine.bin", records([1, 2]))).classes?.length, 100);
  for (const bytes of [new Uint8Array(), records([1]).subarray(0, 3000), Uint8Array.from([...records([1]), 0, 0])])
    await assert.rejects(one("x.bin", bytes), refused(/is no CIFAR file, or cut short/));
  await assert.rejects(one("test_batch.bin", records([10])), refused(/label of example 0: got 10/));
});

test("damaged batches are read or refused, nothing else", async () => {
  await survives(
    records([1], [2]),
    (bytes) => load(join(folderOf({ "data_batch_1.bin": bytes }), "data_batch_1.bin")),
    {
      runs: 100,
    },
  );
});
