import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type Build, cached, cacheFile, cacheFolder, readCache, writeStore } from "../../../src/data/files/cache.ts";
import { loadDataset, loaded, type Report } from "../../../src/data/files/index.ts";
import { createStore, openStore } from "../../../src/data/files/store.ts";
import { datasetFromArray, example, imagesFromBytes, points, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { mutants } from "./mutation.ts";
import { python, withoutNumpy } from "./python.ts";
import { folderOf } from "./temporary.ts";

const report: Report = { notes: ["n"], skipped: [{ file: "f", reason: "r" }] };
const pixels = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
const facts = { labels: Uint16Array.of(0, 2, 2, 1), classes: ["a", "b", "ü"], report };
const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);

/** A build of four images that counts how often it is asked. */
function counted(extra: { readonly before?: () => Promise<void> } = {}): { readonly build: Build; times: number } {
  const state = {
    times: 0,
    build: async function* (begin) {
      state.times++;
      yield { done: 0, total: 2, what: "reading" };
      await extra.before?.();
      const sink = await begin({ type: "uint8", shape: [3, 2, 1] });
      for (const at of [0, 12]) await sink.append(pixels.subarray(at, at + 12));
      return facts;
    } satisfies Build,
  };
  return state;
}

test("what was built is read, and built once", async () => {
  const file = join(folderOf(), "deep/er/x.ornstein");
  const builder = counted();
  for (let i = 0; i < 2; i++) {
    const set = await loaded(cached(file, "name", "print", builder.build));
    assert.deepEqual([set.name, set.size, ...set.shape], ["name", 4, 3, 2, 1]);
    assert.deepEqual([set.classes, set.report], [facts.classes, report]);
    assert.deepEqual(
      [0, 1, 2, 3].map((k) => set.label?.(k)),
      Array.from(facts.labels),
    );
    assert.deepEqual(toBytes(example(set, 3)), pixels.subarray(18));
    assert.throws(() => set.read(4, new Float32Array(6), 0), /no example 4/);
  }
  assert.equal(builder.times, 1);
  await loaded(cached(file, "name", "other print", builder.build));
  assert.equal(builder.times, 2);
  assert.deepEqual(readdirSync(join(file, "..")), ["x.ornstein"]);
});

test("numbers of any shape, and more than a part's worth of them, come back as they were", async () => {
  const [size, dims] = [40_000, 37];
  const values = Float32Array.from({ length: size * dims }, (_, i) => Math.sin(i));
  const set = { ...datasetFromArray({ name: "waves", values, shape: [dims] }), report };
  const file = join(folderOf(), "x.ornstein");
  for await (const { done, total } of writeStore(file, set)) assert.ok(done < total);
  const store = openStore(file);
  assert.deepEqual([store.type, store.dataset.size, ...store.dataset.shape], ["float32", size, dims]);
  for (const i of [0, 1, 28_339, 28_340, size - 1]) assert.deepEqual(example(store.dataset, i), example(set, i));

  // Not held in memory, it is the same, and each of its two parts is checked when it is first read.
  const large = openStore(file, 0);
  for (const i of [size - 1, 28_339, 0]) assert.deepEqual(example(large.dataset, i), example(set, i));
  const bytes = readFileSync(file);
  bytes[4096 + 4 * size * dims - 1] ^= 1;
  writeFileSync(file, bytes);
  assert.throws(() => openStore(file), refused(/part 2 of 2 has changed. Delete it and build it again/));
  const damaged = openStore(file, 0);
  assert.deepEqual(example(damaged.dataset, 5), example(set, 5));
  assert.throws(() => example(damaged.dataset, size - 2), refused(/part 2 of 2 has changed/));
});

test("written past the system's cache a file is the same", async () => {
  const folder = folderOf();
  const part = new Uint8Array(3 * 2 ** 20);
  const written = ["through", "past"].map(async (name) => {
    const path = join(folder, name);
    const layout = { type: "uint8", shape: [part.length] } as const;
    const writer = await createStore(path, `${path}.part`, layout, ...(name === "past" ? [1] : []));
    for (let i = 0; i < 9; i++) await writer.append(part.map((_, k) => (k * (i + 1)) % 251));
    await writer.finish({ name: "x", fingerprint: "f", report });
    return readFileSync(path);
  });
  const [through, past] = await Promise.all(written);
  assert.ok(through.equals(past));
  assert.ok(through.length > 6 * 2 ** 22);
  assert.deepEqual(readdirSync(folder).sort(), ["past", "through"]);
});

test("images are kept as bytes where that loses nothing", async () => {
  const folder = folderOf();
  const bytes = imagesFromBytes({
    name: "b",
    pixels: Uint8Array.from({ length: 256 }, (_, i) => i),
    shape: [1, 16, 16],
  });
  const floats = datasetFromArray({ name: "f", values: Float32Array.of(0.1, 0.2, 0.3, 0.4), shape: [1, 2, 2] });
  const file = join(folder, "x.ornstein");
  for (const [set, type] of [
    [bytes, "uint8"],
    [floats, "float32"],
    [points("moons", { size: 9 }), "float32"],
  ] as const) {
    for await (const _ of writeStore(file, { ...set, report }));
    const store = openStore(file);
    assert.equal(store.type, type);
    for (let i = 0; i < set.size; i++) assert.deepEqual(example(store.dataset, i), example(set, i));
    assert.deepEqual(readdirSync(folder), ["x.ornstein"]);
    const again = await loaded(loadDataset(file));
    assert.deepEqual([again.name, again.size], [set.name, set.size]);
  }
  await assert.rejects(loaded(loadDataset(file, { size: 4 })), refused(/holds no images/));
});

test("other programs can map the numbers", { skip: withoutNumpy }, async () => {
  const folder = folderOf();
  for await (const _ of writeStore(join(folder, "x.ornstein"), { ...points("rings", { size: 7 }), report }));
  const read = JSON.parse(
    python(
      "import json, numpy; print(json.dumps(numpy.memmap('x.ornstein', '<f4', 'r', 4096, (7, 2)).astype(float).tolist()))",
      folder,
    ),
  );
  const { dataset } = openStore(join(folder, "x.ornstein"));
  assert.deepEqual(
    read,
    Array.from({ length: 7 }, (_, i) => Array.from(example(dataset, i))),
  );
});

test("any damage is a miss, and a ConfigError for whoever names the file", async () => {
  const file = join(folderOf(), "x.ornstein");
  await loaded(cached(file, "name", "print", counted().build));
  const good = readFileSync(file);
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(mutants(good), async (bad) => {
      if (good.equals(bad)) return;
      changed++;
      writeFileSync(file, bad);
      assert.equal(readCache(file, "print"), undefined);
      assert.throws(() => openStore(file), ConfigError);
    }),
    { numRuns: 2500 },
  );
  assert.ok(changed > 2000, `${changed} damaged files`);
  for (const bad of [good.subarray(0, good.length - 1), good.subarray(1), Buffer.concat([good, Buffer.alloc(1)])]) {
    writeFileSync(file, bad);
    assert.equal(readCache(file, "print"), undefined);
  }
});

test("every single byte counts", async () => {
  const file = join(folderOf(), "x.ornstein");
  await loaded(cached(file, "name", "print", counted().build));
  const good = readFileSync(file);
  for (let at = 0; at < good.length; at += at > 16 && at < 4000 ? 97 : 1) {
    const bad = Uint8Array.from(good);
    bad[at] ^= 1;
    writeFileSync(file, bad);
    assert.equal(readCache(file, "print"), undefined, `byte ${at}`);
  }
});

test("many builders in one process leave one whole file", async () => {
  const file = join(folderOf(), "x.ornstein");
  const sets = await Promise.all(
    Array.from({ length: 8 }, () => loaded(cached(file, "name", "print", counted().build))),
  );
  for (const set of sets) assert.equal(set.size, 4);
  assert.equal(readCache(file, "print")?.size, 4);
  assert.deepEqual(readdirSync(join(file, "..")), ["x.ornstein"]);
});

test("a build that fails or is stopped leaves nothing; what killed ones left is removed", async () => {
  const folder = folderOf({ "x.ornstein.1.abc.part": "half a file" });
  const file = join(folder, "x.ornstein");
  const failing: Build = async function* (begin) {
    yield { done: 0, total: 1, what: "reading" };
    await (await begin({ type: "uint8", shape: [3, 2, 1] })).append(pixels);
    throw new ConfigError("no");
  };
  await assert.rejects(loaded(cached(file, "name", "print", failing)), refused(/^no$/));
  assert.deepEqual(readdirSync(folder), []);
  for await (const _ of cached(file, "name", "print", counted().build)) break;
  assert.deepEqual(readdirSync(folder), []);
});

test("where nothing can be written the data is in memory", async () => {
  const folder = folderOf({ blocked: "a file" });
  const builder = counted();
  const set = await loaded(cached(join(folder, "blocked/x.ornstein"), "name", "print", builder.build));
  assert.deepEqual([set.size, set.label?.(1), set.report.notes], [4, 2, ["n"]]);
  assert.deepEqual(toBytes(example(set, 3)), pixels.subarray(18));
  assert.deepEqual(readdirSync(folder), ["blocked"]);
  await assert.rejects(createStore(join(folder, "no/x"), join(folder, "no/y"), { type: "uint8", shape: [1] }));
});

test("the place follows ORNSTEIN_CACHE, then XDG_CACHE_HOME; names tell data sets apart", () => {
  assert.equal(cacheFolder({ ORNSTEIN_CACHE: "/a", XDG_CACHE_HOME: "/b" }), "/a");
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "/b" }), join("/b", "ornstein"));
  assert.match(cacheFolder({}), /\.cache.ornstein$/);
  assert.notEqual(cacheFile("/c", "x", { size: 1 }), cacheFile("/c", "x", { size: 2 }));
  assert.match(cacheFile("/c", "my pictures/2", {}), /my_pictures_2-[0-9a-f]{16}\.ornstein$/);
});
