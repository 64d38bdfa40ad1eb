import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ByteWriter, type ColumnSource, parquetWrite } from "hyparquet-writer";
import sharp from "sharp";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { imageTable } from "../../../src/data/files/parquet.ts";
import { tableThread } from "../../../src/data/files/parquet-thread.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (path: string, options: LoadOptions = {}) => loaded(loadDataset(path, { cache: folderOf(), ...options }));
const firsts = (set: Awaited<ReturnType<typeof load>>) =>
  Array.from({ length: set.size }, (_, i) => toBytes(example(set, i))[0]);
const labels = (set: Awaited<ReturnType<typeof load>>) => Array.from({ length: set.size }, (_, i) => set.label?.(i));

const gray = async (value: number) =>
  Uint8Array.from(
    await sharp(new Uint8Array(16).fill(value), { raw: { width: 4, height: 4, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer(),
  );

type Options = Omit<Parameters<typeof parquetWrite>[0], "writer" | "columnData">;

function write(columnData: ColumnSource[], options: Options = {}): Uint8Array {
  const writer = new ByteWriter();
  parquetWrite({ writer, columnData, ...options });
  return new Uint8Array(writer.getBuffer());
}

/** Images as Hugging Face stores them: records of bytes and path, labels with names in the file's metadata. */
async function huggingFace(values: readonly number[], classes = ["cat", "dog"], options: Options = {}) {
  const images = await Promise.all(values.map(gray));
  const features = { image: { _type: "Image" }, label: { names: classes, _type: "ClassLabel" } };
  return write(
    [
      { name: "image", data: images.map((bytes, i) => ({ bytes, path: i % 2 === 0 ? `${i}.png` : null })) },
      { name: "label", data: values.map((value) => BigInt(value % classes.length)) },
    ],
    {
      schema: [
        { name: "root", num_children: 2 },
        { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
        { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
        { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
        { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
      ],
      kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
      ...options,
    },
  );
}

test("records of bytes, with labels and their names, over several groups of rows", async () => {
  const values = Array.from({ length: 25 }, (_, i) => i + 1);
  const path = join(
    folderOf({ "x.parquet": await huggingFace(values, ["cat", "dog"], { rowGroupSize: 4 }) }),
    "x.parquet",
  );
  const set = await load(path);
  assert.deepEqual([set.name, set.size, set.shape, set.classes], ["x", 25, [1, 4, 4], ["cat", "dog"]]);
  assert.deepEqual(firsts(set), values);
  assert.deepEqual(
    labels(set),
    values.map((value) => value % 2),
  );
  assert.deepEqual((await load(path, { size: 8, channels: 3 })).shape, [3, 8, 8]);
  assert.equal((await load(path, { labels: "none" })).label, undefined);
});

test("every compression, a plain column of bytes, labels in words", async () => {
  const images = await Promise.all([1, 2, 3].map(gray));
  const columns: ColumnSource[] = [
    { name: "label", data: ["b", "a", "b"], type: "STRING" },
    { name: "jpg", data: images, type: "BYTE_ARRAY" },
  ];
  for (const options of [
    { codec: "UNCOMPRESSED" },
    { codec: "SNAPPY" },
    { codec: "GZIP", compressors: { GZIP: (bytes: Uint8Array) => gzipSync(bytes) } },
  ] as const) {
    const set = await load(join(folderOf({ "x.parquet": write(columns, options) }), "x.parquet"));
    assert.deepEqual(
      [firsts(set), set.classes, labels(set)],
      [
        [1, 2, 3],
        ["a", "b"],
        [1, 0, 1],
      ],
    );
  }
});

test("shards in a folder are one set, in order, with splits by their names", async () => {
  const folder = folderOf({
    "data/train-00001-of-00002.parquet": await huggingFace([3, 4]),
    "data/train-00000-of-00002.parquet": await huggingFace([1, 2]),
    "data/test-00000-of-00001.parquet": await huggingFace([9]),
    "README.md": "",
  });
  const [train, held] = [await load(folder), await load(folder, { split: "test" })];
  assert.deepEqual(
    [firsts(train), labels(train)],
    [
      [1, 2, 3, 4],
      [1, 0, 1, 0],
    ],
  );
  assert.deepEqual(firsts(held), [9]);
  const flat = folderOf({ "b.parquet": await huggingFace([2]), "a.parquet": await huggingFace([1]) });
  assert.deepEqual(firsts(await load(flat)), [1, 2]);
  await assert.rejects(load(flat, { split: "test" }), refused(/has no split "test"; it has a\.parquet, b\.parquet/));
  await assert.rejects(load(join(flat, "a.parquet"), { split: "test" }), refused(/has no split "test"/));
});

test("coarse and fine labels; labels that are missing", async () => {
  const images = await Promise.all([1, 2].map(gray));
  const file = write([
    { name: "img", data: images, type: "BYTE_ARRAY" },
    { name: "fine_label", data: [7, 3], type: "INT32" },
    { name: "coarse_label", data: [0, 1], type: "INT32" },
  ]);
  const path = join(folderOf({ "x.parquet": file }), "x.parquet");
  const [fine, coarse] = [await load(path), await load(path, { labels: "coarse" })];
  assert.deepEqual([labels(fine), fine.classes?.length, labels(coarse)], [[7, 3], 8, [0, 1]]);
  const bare = join(folderOf({ "x.parquet": write([{ name: "img", data: images, type: "BYTE_ARRAY" }]) }), "x.parquet");
  assert.equal((await load(bare)).label, undefined);
  await assert.rejects(load(bare, { labels: "fine" }), refused(/has no column fine_label; it has "img"/));
  await assert.rejects(load(bare, { labels: "folder" }), refused(/labels: must be one of coarse, fine, none/));
  const holes = write([
    { name: "img", data: images, type: "BYTE_ARRAY" },
    { name: "label", data: [7, null], type: "INT32" },
  ]);
  await assert.rejects(
    load(join(folderOf({ "h.parquet": holes }), "h.parquet")),
    refused(/labels from label: h\.parquet row 1 has none/),
  );
});

test("broken images are named by their row; tables without images are refused", async () => {
  const file = write([{ name: "img", data: [await gray(1), Uint8Array.of(1, 2, 3), null], type: "BYTE_ARRAY" }]);
  const set = await load(join(folderOf({ "x.parquet": file }), "x.parquet"));
  assert.equal(set.size, 1);
  assert.deepEqual(
    set.report.skipped.map(({ file: name }) => name),
    ["x.parquet row 1", "x.parquet row 2"],
  );
  const numbers = write([
    { name: "a", data: [1, 2], type: "INT32" },
    { name: "text", data: ["x", "y"], type: "STRING" },
  ]);
  await assert.rejects(
    load(join(folderOf({ "n.parquet": numbers }), "n.parquet")),
    refused(/has no column of images: "a", "text"/),
  );
  for (const bytes of [new Uint8Array(), Uint8Array.from("PAR1PAR1", (c) => c.charCodeAt(0)), file.subarray(0, 100)])
    await assert.rejects(
      load(join(folderOf({ "x.parquet": bytes }), "x.parquet")),
      refused(/is no Parquet file, or damaged/),
    );
});

test("damaged tables are read or refused, nothing else; those that would be read for ever are given up", async () => {
  const root = folderOf();
  const path = join(root, "x.parquet");
  const thread = tableThread({ patience: 1 });
  const kept = { ...thread, close: async () => undefined };
  after(() => thread.close());
  for (const codec of ["UNCOMPRESSED", "SNAPPY"] as const)
    await survives(
      await huggingFace([1, 2, 3], ["cat", "dog"], { codec }),
      (bytes) => {
        writeFileSync(path, bytes);
        return loaded(imageTable(path, { cache: root }, kept));
      },
      { runs: 75 },
    );
});
