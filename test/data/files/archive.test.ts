import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { strToU8, zipSync } from "fflate";
import sharp from "sharp";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { survives } from "./mutation.ts";
import { folderOf } from "./temporary.ts";

const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
type Files = Readonly<Record<string, Uint8Array | string>>;

const gray = (value: number, width = 4, height = 4) =>
  sharp(new Uint8Array(width * height).fill(value), { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();

/** The same files packed, and in a folder. */
function both(files: Files): readonly [string, string] {
  const root = folderOf();
  const packed = Object.fromEntries(
    Object.entries(files).map(([name, data]) => [
      name,
      typeof data === "string" ? strToU8(data) : Uint8Array.from(data),
    ]),
  );
  writeFileSync(join(root, "x.zip"), zipSync(packed));
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(root, "x", name)), { recursive: true });
    writeFileSync(join(root, "x", name), data);
  }
  return [join(root, "x.zip"), join(root, "x")];
}

const load = (path: string, options: LoadOptions = {}) => loaded(loadDataset(path, { cache: folderOf(), ...options }));
const summary = (set: Awaited<ReturnType<typeof load>>) => ({
  size: set.size,
  shape: set.shape,
  classes: set.classes,
  labels: set.label && Array.from({ length: set.size }, (_, i) => set.label?.(i)),
  first: Array.from({ length: set.size }, (_, i) => toBytes(example(set, i))[0]),
});

/** Packed and unpacked alike. */
async function alike(files: Files, options: LoadOptions = {}) {
  const [packed, folder] = await Promise.all(both(files).map(async (path) => summary(await load(path, options))));
  assert.deepEqual(packed, folder);
  return packed;
}

test("an archive is read as the folder it was made from", async () => {
  const files = {
    "dog/x_1.png": await gray(1),
    "cat/y_1.png": await gray(2),
    "cat/deep/z_1.png": await gray(3),
    "bird/x_2.png": await gray(4),
    "notes.txt": "",
    "__MACOSX/dog/x_1.png": "",
    ".hidden.png": "",
  };
  assert.deepEqual(await alike(files), {
    size: 4,
    shape: [1, 4, 4],
    classes: ["bird", "cat", "dog"],
    labels: [0, 1, 1, 2],
    first: [4, 3, 2, 1],
  });
  assert.deepEqual((await alike(files, { labels: "prefix" })).classes, ["x", "y", "z"]);
  assert.equal((await alike(files, { labels: "none" })).classes, undefined);
  assert.deepEqual((await alike(files, { size: 8, channels: 3 })).shape, [3, 8, 8]);
});

test("splits, and a folder around everything", async () => {
  const files = { "train/a/1.png": await gray(1), "train/b/1.png": await gray(2), "val/a/1.png": await gray(3) };
  assert.deepEqual((await alike(files)).labels, [0, 1]);
  assert.deepEqual((await alike(files, { split: "test" })).first, [3]);
  const [wrapped] = both(Object.fromEntries(Object.entries(files).map(([name, data]) => [`set/${name}`, data])));
  assert.deepEqual((await load(wrapped)).classes, ["a", "b"]);
  assert.equal((await load(wrapped, { split: "test" })).size, 1);
  const [flat] = both({ "a.png": await gray(1) });
  await assert.rejects(load(flat, { split: "test" }), refused(/has no split "test"/));
});

test("dataset.json gives labels as EDM's tools write them, and outranks folders", async () => {
  const images = { "00000/img0.png": await gray(1), "00000/img1.png": await gray(2), "00001/img2.png": await gray(3) };
  const json = (labels: unknown) => ({ ...images, "dataset.json": JSON.stringify({ labels }) });
  const pairs = [
    ["00000/img0.png", 3],
    ["00000/img1.png", 0],
    ["00001/img2.png", 3],
  ];
  assert.deepEqual(await alike(json(pairs)), {
    size: 3,
    shape: [1, 4, 4],
    classes: ["0", "1", "2", "3"],
    labels: [3, 0, 3],
    first: [1, 2, 3],
  });
  assert.deepEqual((await alike(json(Object.fromEntries(pairs)))).labels, [3, 0, 3]);
  assert.deepEqual(
    (await alike(json(pairs.map(([file, label]) => [file, label === 3 ? [0, 1] : [1, 0]])))).labels,
    [1, 0, 1],
  );
  assert.equal((await alike(json(null))).classes, undefined);
  assert.deepEqual((await alike(json(null), { labels: "folder" })).classes, ["00000", "00001"]);
  const [packed] = both(json(pairs));
  assert.deepEqual((await load(packed)).report.notes, []);

  for (const [labels, pattern] of [
    [pairs.slice(1), /labels from dataset\.json: 00000\/img0\.png has none/],
    [[["00000/img0.png", 0.5]], /got 0\.5 \(a whole number/],
    [[["00000/img0.png", [0.2, 0.8]]], /Vectors are no classes/],
    [[["00000/img0.png", -1]], /got -1/],
    [["00000/img0.png"], /label 0: got "00000\/img0\.png"/],
    [7, /"labels" is 7/],
  ] as const)
    for (const path of both(json(labels))) await assert.rejects(load(path), refused(pattern));
  for (const path of both({ ...images, "dataset.json": "{" })) await assert.rejects(load(path), refused(/is no JSON/));
  for (const path of both({ ...images, "dataset.json": "[]" }))
    await assert.rejects(load(path), refused(/has no "labels"/));
  for (const path of both(json(null)))
    await assert.rejects(load(path, { labels: "json" }), refused(/says that there are no labels/));
  for (const path of both(images))
    await assert.rejects(load(path, { labels: "json" }), refused(/there is no dataset\.json/));
});

test("a table gives labels by path, name, or name without its ending", async () => {
  const images = { "p/a.png": await gray(1), "p/b.png": await gray(2), "q/c.png": await gray(3) };
  const table = (text: string, name = "labels.csv") => ({ ...images, [name]: text });
  const cats = { classes: ["cat", "dog"], labels: [1, 0, 1] };
  for (const files of [
    table("p/a.png,dog\np/b.png,cat\nq/c.png,dog\n"),
    table("file_name,label\na.png,dog\nb.png,cat\nc.png,dog\n", "metadata.csv"),
    table("id;breed;class\na;x;dog\nb;y;cat\nc;z;dog\n"),
    table("label,file\ndog,a\ncat,b\ndog,c\n"),
  ]) {
    const { classes, labels } = await alike(files);
    assert.deepEqual({ classes, labels }, cats);
  }
  assert.deepEqual(
    (await alike(table("a,2\nb,10\nc,2\n"))).classes,
    Array.from({ length: 11 }, (_, i) => String(i)),
  );
  for (const path of both(table("a,dog\nb,cat\n")))
    await assert.rejects(load(path), refused(/labels from csv: q\/c\.png has none/));
  for (const path of both(table("a\nb\nc\n")))
    await assert.rejects(load(path), refused(/needs a column of file names/));
  for (const path of both(images))
    await assert.rejects(load(path, { labels: "csv" }), refused(/no labels\.csv or metadata\.csv/));
  for (const path of both(images))
    await assert.rejects(
      load(path, { labels: "coarse" }),
      refused(/labels: must be one of folder, prefix, json, csv, none/),
    );
});

test("broken entries are left out and named; an archive without images is refused", async () => {
  const [packed] = both({ "a.png": await gray(1), "b.png": "broken", "c.png": "" });
  const set = await load(packed);
  assert.equal(set.size, 1);
  assert.deepEqual(
    set.report.skipped.map(({ file }) => file),
    ["b.png", "c.png"],
  );
  const [none] = both({ "a.txt": "" });
  await assert.rejects(load(none), refused(/holds no images: it has 1 \.txt/));
});

test("the second time comes from the cache, until the archive changes", async () => {
  const cache = folderOf();
  const root = folderOf();
  const path = join(root, "x.zip");
  const whats = async () => {
    const seen = new Set<string>();
    const loading = loadDataset(path, { cache });
    for (let step = await loading.next(); ; step = await loading.next()) {
      if (step.done) return { seen, first: toBytes(example(step.value, 0))[0] };
      seen.add(step.value.what);
    }
  };
  writeFileSync(path, zipSync({ "a.png": Uint8Array.from(await gray(1)) }));
  assert.ok((await whats()).seen.has("reading images"));
  assert.ok(!(await whats()).seen.has("reading images"));
  writeFileSync(path, zipSync({ "a.png": Uint8Array.from(await gray(9)) }));
  assert.equal((await whats()).first, 9);
});

test("damaged archives of images are read or refused, nothing else", async () => {
  const files = {
    "a/1.png": await gray(1),
    "b/1.png": await gray(2),
    "dataset.json": strToU8('{"labels":[["a/1.png",0],["b/1.png",1]]}'),
  };
  const packed = zipSync(
    Object.fromEntries(Object.entries(files).map(([name, data]) => [name, Uint8Array.from(data)])),
  );
  const root = folderOf();
  await survives(
    packed,
    (bytes) => {
      writeFileSync(join(root, "x.zip"), bytes);
      return load(join(root, "x.zip"), { cache: root });
    },
    { runs: 150 },
  );
});
