import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type CachedImages, cacheFile, cacheFolder, readCache, writeCache } from "../../../src/data/files/cache.ts";
import { folderOf } from "./temporary.ts";

const images: CachedImages = {
  shape: [3, 2, 1],
  pixels: Uint8Array.from({ length: 24 }, (_, i) => 10 * i),
  labels: Uint16Array.of(0, 300, 2, 1),
  classes: ["a", "b", "ü"],
  report: { notes: ["n"], skipped: [{ file: "f", reason: "r" }] },
};

test("what was written is read, with and without labels", async () => {
  const file = join(folderOf(), "deep/er/x.images");
  for (const written of [images, { shape: images.shape, pixels: images.pixels, report: images.report }]) {
    await writeCache(file, "print", written);
    assert.deepEqual(await readCache(file, "print"), written);
  }
  assert.deepEqual(readdirSync(join(file, "..")), ["x.images"]);
});

test("another fingerprint, or no file, is a miss", async () => {
  const file = join(folderOf(), "x.images");
  assert.equal(await readCache(file, "print"), undefined);
  await writeCache(file, "print", images);
  assert.equal(await readCache(file, "prin"), undefined);
  assert.equal(await readCache(join(file, ".."), "print"), undefined);
});

test("any damage is a miss", async () => {
  const file = join(folderOf(), "x.images");
  await writeCache(file, "print", images);
  const good = readFileSync(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const bad = Uint8Array.from(good);
      bad[at] ^= change;
      writeFileSync(file, bad);
      assert.equal(await readCache(file, "print"), undefined);
      writeFileSync(file, good.subarray(0, at));
      assert.equal(await readCache(file, "print"), undefined);
    }),
    { numRuns: 200 },
  );
  writeFileSync(file, Buffer.concat([good, Buffer.alloc(1)]));
  assert.equal(await readCache(file, "print"), undefined);
});

test("many builders of one file leave one whole file", async () => {
  const file = join(folderOf(), "x.images");
  await Promise.all(Array.from({ length: 8 }, () => writeCache(file, "print", images)));
  assert.deepEqual(await readCache(file, "print"), images);
  assert.deepEqual(readdirSync(join(file, "..")), ["x.images"]);
});

test("a folder that cannot be written to throws and leaves nothing", async () => {
  const folder = folderOf({ blocked: "a file" });
  await assert.rejects(writeCache(join(folder, "blocked/x.images"), "print", images));
  assert.deepEqual(readdirSync(folder), ["blocked"]);
});

test("the place follows ORNSTEIN_CACHE, then XDG_CACHE_HOME; names tell data sets apart", () => {
  assert.equal(cacheFolder({ ORNSTEIN_CACHE: "/a", XDG_CACHE_HOME: "/b" }), "/a");
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "/b" }), join("/b", "ornstein"));
  assert.match(cacheFolder({}), /\.cache.ornstein$/);
  assert.notEqual(cacheFile("/c", "x", { size: 1 }), cacheFile("/c", "x", { size: 2 }));
  assert.match(cacheFile("/c", "my pictures/2", {}), /my_pictures_2-[0-9a-f]{16}\.images$/);
});
