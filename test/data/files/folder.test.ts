import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { mutantCount } from "./mutation.ts";
import { folderOf } from "./temporary.ts";

type Color = readonly [number, number, number];
const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);
const load = (folder: string, options: LoadOptions = {}) =>
  loaded(loadDataset(folder, { cache: folderOf(), ...options }));

const plain = ([r, g, b]: Color, width = 8, height = 8) =>
  sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
const png = (color: Color, width?: number, height?: number) => plain(color, width, height).png().toBuffer();
const gray = (value: number, width = 8, height = 8) =>
  sharp(new Uint8Array(width * height).fill(value), { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
const bytes = (set: Awaited<ReturnType<typeof load>>, index: number) => Array.from(toBytes(example(set, index)));
/** The first pixel of each channel. */
const color = (set: Awaited<ReturnType<typeof load>>, index: number) => {
  const [channels, height, width] = set.shape;
  return Array.from({ length: channels }, (_, c) => bytes(set, index)[c * height * width]);
};

test("every kind of image is read, whatever case its ending has", async () => {
  const red = () => plain([200, 30, 60]);
  const folder = folderOf({
    "a.png": await red().png().toBuffer(),
    "b.JPG": await red().jpeg({ quality: 100 }).toBuffer(),
    "c.jpeg": await red().jpeg({ quality: 100 }).toBuffer(),
    "d.webp": await red().webp({ lossless: true }).toBuffer(),
    "e.gif": await red().gif().toBuffer(),
    "f.TIFF": await red().tiff().toBuffer(),
    "g.tif": await red().tiff({ compression: "lzw" }).toBuffer(),
    "notes.txt": "no image",
    ".hidden.png": "no image",
    "__MACOSX/a.png": "no image",
  });
  const set = await load(folder);
  assert.deepEqual([set.size, ...set.shape], [7, 3, 8, 8]);
  for (let i = 0; i < 7; i++)
    for (const [c, value] of color(set, i).entries()) assert.ok(Math.abs(value - [200, 30, 60][c]) <= 3);
  assert.equal(set.classes, undefined);
  const { images, ...report } = set.report;
  assert.deepEqual(report, { notes: ["1 other file was ignored: 1 .txt."], skipped: [] });
  assert.deepEqual(images?.formats, { jpeg: 2, tiff: 2, png: 1, webp: 1, gif: 1 });
  assert.deepEqual(images?.sizes, { "8x8": 7 });
  assert.equal(images?.modes["rgb 8"], 6);
});

test("a PNG's pixels arrive unchanged, channel by channel", async () => {
  const rgb = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => (i * 37) % 256);
  const file = await sharp(rgb, { raw: { width: 5, height: 3, channels: 3 } })
    .png()
    .toBuffer();
  const set = await load(folderOf({ "x.png": file }));
  assert.deepEqual(set.shape, [3, 3, 5]);
  assert.deepEqual(
    bytes(set, 0),
    [0, 1, 2].flatMap((c) => Array.from({ length: 15 }, (_, k) => rgb[3 * k + c])),
  );
});

test("grey stays grey when all images are; channels can be asked for", async () => {
  const grays = { "a.png": await gray(10), "b.png": await gray(200) };
  const set = await load(folderOf(grays));
  assert.deepEqual(set.shape, [1, 8, 8]);
  assert.deepEqual([color(set, 0), color(set, 1)], [[10], [200]]);
  assert.deepEqual(color(await load(folderOf(grays), { channels: 3 }), 1), [200, 200, 200]);
  const mixed = folderOf({ ...grays, "c.png": await png([255, 0, 0]) });
  assert.deepEqual(color(await load(mixed), 0), [10, 10, 10]);
  assert.deepEqual((await load(mixed, { channels: 1 })).shape, [1, 8, 8]);
});

test("sixteen bits become eight, and what is transparent becomes white", async () => {
  const deep = new Uint16Array(64).fill(0x80ff);
  const folder = folderOf({
    "deep.png": await sharp(deep, { raw: { width: 8, height: 8, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer(),
    "glass.png": await sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer(),
  });
  const set = await load(folder);
  assert.ok(
    color(set, 0).every((value) => Math.abs(value - 0x80) <= 1),
    String(color(set, 0)),
  );
  assert.deepEqual(color(set, 1), [255, 255, 255]);
});

test("mixed sizes are cropped in the middle and resized", async () => {
  // Red | green | red, and the same upright: the middle third is green.
  const band = async (upright: boolean) => {
    const parts = await Promise.all([png([255, 0, 0], 20, 20), png([0, 255, 0], 20, 20), png([255, 0, 0], 20, 20)]);
    const [width, height] = upright ? [20, 60] : [60, 20];
    return sharp({ create: { width, height, channels: 3, background: "black" } })
      .composite(parts.map((input, i) => (upright ? { input, left: 0, top: 20 * i } : { input, left: 20 * i, top: 0 })))
      .png()
      .toBuffer();
  };
  const folder = folderOf({ "a.png": await band(false), "b.png": await band(true) });
  const set = await load(folder, { size: 10 });
  assert.deepEqual(set.shape, [3, 10, 10]);
  for (const index of [0, 1]) {
    const pixels = bytes(set, index);
    assert.ok(pixels.slice(100, 200).every((green) => green > 200));
    assert.deepEqual([pixels[44], pixels[144]], [0, 255]);
  }
  assert.deepEqual(set.report.notes, ["2 of 2 images were cropped and resized to 10×10."]);
  assert.deepEqual((await load(folder, { size: [4, 12] })).shape, [3, 4, 12]);
  assert.deepEqual((await load(folder)).shape, [3, 64, 64]);
  assert.deepEqual((await load(folderOf({ "big.png": await png([1, 2, 3], 300, 300) }))).shape, [3, 64, 64]);
  assert.deepEqual((await load(folderOf({ "a.png": await png([1, 2, 3], 28, 20) }))).shape, [3, 20, 28]);
});

test("the rotation that cameras record is applied", async () => {
  const upright = await plain([9, 9, 9], 16, 4).jpeg().withMetadata({ orientation: 6 }).toBuffer();
  assert.deepEqual((await load(folderOf({ "a.jpg": upright }))).shape, [3, 16, 4]);
});

test("labels come from top folders, from prefixes, or not at all", async () => {
  const image = await gray(0);
  const files = { "dog/x_1.png": image, "cat/y_1.png": image, "cat/deep/er/z_1.png": image, "bird/x_2.png": image };
  const set = await load(folderOf(files));
  assert.deepEqual(set.classes, ["bird", "cat", "dog"]);
  assert.deepEqual(
    [0, 1, 2, 3].map((i) => set.label?.(i)),
    [0, 1, 1, 2],
  );
  const prefixed = await load(folderOf(files), { labels: "prefix" });
  assert.deepEqual(prefixed.classes, ["x", "y", "z"]);
  assert.equal((await load(folderOf(files), { labels: "none" })).classes, undefined);
  // One folder tells nothing; an image outside of any folder has no label.
  assert.equal((await load(folderOf({ "only/a.png": image }))).classes, undefined);
  const loose = folderOf({ ...files, "loose.png": image });
  assert.equal((await load(loose)).classes, undefined);
  await assert.rejects(load(loose, { labels: "folder" }), refused(/loose\.png has none/));
  await assert.rejects(load(loose, { labels: "prefix" }), refused(/loose\.png has none/));
});

test("a class all of whose images are broken is no class", async () => {
  const set = await load(folderOf({ "a/1.png": await gray(0), "b/1.png": "broken", "c/1.png": await gray(1) }));
  assert.deepEqual(set.classes, ["a", "c"]);
  assert.equal(set.label?.(1), 1);
});

test("train and test folders are splits, not classes", async () => {
  const folder = folderOf({
    "train/a/1.png": await gray(1),
    "train/b/1.png": await gray(2),
    "val/a/1.png": await gray(3),
  });
  const [train, test] = [await load(folder), await load(folder, { split: "test" })];
  assert.deepEqual([train.size, train.classes], [2, ["a", "b"]]);
  assert.deepEqual([test.size, color(test, 0)], [1, [3]]);
  await assert.rejects(load(folderOf({ "a.png": await gray(1) }), { split: "test" }), refused(/has no split "test"/));
  await assert.rejects(load(folderOf({ "train/a.png": await gray(1) }), { split: "test" }), refused(/it has train/));
});

/** A PNG whose header claims any size, with next to no data. */
function claiming(width: number, height: number): Uint8Array {
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
  const chunk = (type: string, data: Uint8Array) => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(type, 4);
    out.set(data, 8);
    let crc = 0xffffffff;
    for (const byte of out.subarray(4, 8 + data.length)) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255];
    out.writeUInt32BE(~crc >>> 0, 8 + data.length);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const data = deflateSync(Buffer.alloc(2000));
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

test("broken, disguised and outsized files are left out and named", async () => {
  const good = await png([1, 2, 3]);
  const photo = await sharp(
    Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i) % 256),
    {
      raw: { width: 64, height: 64, channels: 3 },
    },
  )
    .jpeg()
    .toBuffer();
  const folder = folderOf({
    "a.png": good,
    "empty.png": "",
    "text.jpg": "this is no image",
    "cut.jpg": photo.subarray(0, photo.length / 2),
    "half.png": (await png([5, 6, 7], 64, 64)).subarray(0, 100),
    "drawing.png": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "bomb.png": claiming(60_000, 60_000),
    "wide.png": claiming(2 ** 31 - 1, 1),
    "hollow.png": claiming(9_000, 9_000),
    "z.png": good,
  });
  symlinkSync(join(folder, "nowhere.png"), join(folder, "dangling.png"));
  mkdirSync(join(folder, "folder.png"));
  const set = await load(folder, { size: 8 });
  assert.equal(set.size, 3);
  assert.deepEqual(set.report.skipped.map(({ file }) => file).sort(), [
    "bomb.png",
    "cut.jpg",
    "dangling.png",
    "empty.png",
    "half.png",
    "hollow.png",
    "text.jpg",
    "wide.png",
  ]);
  for (const { reason } of set.report.skipped) assert.ok(reason.length > 5 && !reason.includes("\n"), reason);
});

const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4" fill="#c81e3c"/><rect width="2" height="4" fill="#00f"/></svg>';

test("drawings are drawn at the size asked for, and read nothing but themselves", async () => {
  const set = await load(folderOf({ "x.svg": svg }), { size: 32 });
  assert.deepEqual(set.shape, [3, 32, 32]);
  assert.deepEqual(bytes(set, 0).slice(14, 18), [0, 0, 200, 200], "the edge is sharp");
  const secret = folderOf({ "secret.png": await png([255, 255, 0]) });
  const link = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8"><image width="8" height="8" xlink:href="${join(secret, "secret.png")}"/></svg>`;
  assert.deepEqual(color(await load(folderOf({ "x.svg": link }), { size: 8 }), 0), [255, 255, 255]);
});

test("mutated images never do worse than be left out", async () => {
  const originals = await Promise.all([
    png([10, 200, 30], 12, 12),
    plain([10, 200, 30], 12, 12).jpeg().toBuffer(),
    plain([10, 200, 30], 12, 12).webp().toBuffer(),
    plain([10, 200, 30], 12, 12).gif().toBuffer(),
    plain([10, 200, 30], 12, 12).tiff().toBuffer(),
    Buffer.from(svg),
  ]);
  const endings = ["png", "jpg", "webp", "gif", "tiff", "svg"];
  const mutation = fc.tuple(fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }), fc.nat(400));
  const mutants = fc.sample(mutation, { numRuns: 6 * mutantCount(30), seed: 20 });
  const files: Record<string, Uint8Array> = { "good.png": originals[0] };
  for (const [i, [changes, cut]] of mutants.entries()) {
    const kind = i % 6;
    const mutant = Uint8Array.from(originals[kind]);
    for (const [at, value] of changes) mutant[at % mutant.length] = value;
    files[`${i}.${endings[kind]}`] = mutant.subarray(0, i % 4 < 2 ? mutant.length : Math.max(0, mutant.length - cut));
  }
  const set = await load(folderOf(files), { size: 8 });
  assert.equal(set.size + set.report.skipped.length, mutants.length + 1);
  assert.ok(set.size > 1 && set.report.skipped.length > 20);
});

test("many broken drawings at once are left out like others", async () => {
  const broken = (i: number) => svg.slice(0, 20 + (i % (svg.length - 20))).replace("rect", i % 3 === 0 ? "&" : "rect");
  const files = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`${i}.svg`, broken(i)]));
  const set = await load(folderOf({ ...files, "good.svg": svg }), { size: 8 });
  assert.equal(set.size + set.report.skipped.length, 601);
  assert.ok(set.size >= 1 && set.report.skipped.length > 300);
});

const children = `/proc/${process.pid}/task/${process.pid}/children`;

test("a drawing whose decoder dies is tried again", { skip: !existsSync(children) && "needs Linux" }, async () => {
  const folder = folderOf(Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`${i}.svg`, svg])));
  const loading = loadDataset(folder, { cache: folderOf(), size: 8 });
  let killed = 0;
  for (;;) {
    const { done, value } = await loading.next();
    if (!done) {
      if (value.what !== "reading images" || value.done < 16 || killed > 0) continue;
      for (const pid of readFileSync(children, "utf8").split(" ").filter(Boolean)) {
        process.kill(Number(pid), "SIGKILL");
        killed++;
      }
      continue;
    }
    assert.ok(killed > 0);
    assert.deepEqual([value.size, value.report.skipped], [150, []]);
    return;
  }
});

test("nothing to read is refused with what was found instead", async () => {
  await assert.rejects(load(folderOf()), refused(/holds no images: it is empty/));
  await assert.rejects(
    load(folderOf({ "a.txt": "", "b.txt": "", c: "" })),
    refused(/holds no images: it has 2 \.txt, 1 file without ending/),
  );
  await assert.rejects(
    load(folderOf({ "a.png": "x", "b.png": "y" })),
    refused(/none of 2 images can be read; the first, a\.png/),
  );
});

test("links are followed, circles are not", async () => {
  const [elsewhere, folder] = [folderOf({ "x.png": await gray(7) }), folderOf({ "a.png": await gray(1) })];
  symlinkSync(elsewhere, join(folder, "linked"));
  symlinkSync(folder, join(folder, "circle"));
  assert.equal((await load(folder)).size, 2);
});

test("the second time comes from the cache, until a file changes", async () => {
  const folder = folderOf({ "a.png": await gray(1), "b.png": await gray(2), "c.png": "broken" });
  const cache = folderOf();
  const whats = async (options: LoadOptions = {}) => {
    const seen = new Set<string>();
    const loading = loadDataset(folder, { cache, ...options });
    for (;;) {
      const { done, value } = await loading.next();
      if (done) return { seen, set: value };
      assert.ok(value.done <= value.total || value.total === 0);
      seen.add(value.what);
    }
  };
  const first = await whats();
  assert.ok(first.seen.has("reading images"));
  const second = await whats();
  assert.ok(!second.seen.has("reading images"));
  assert.deepEqual(second.set.report, first.set.report);
  assert.deepEqual([color(second.set, 0), color(second.set, 1)], [[1], [2]]);
  assert.ok((await whats({ size: 4 })).seen.has("reading images"), "another size");

  writeFileSync(join(folder, "a.png"), await gray(9));
  utimesSync(join(folder, "a.png"), 1, 1);
  assert.deepEqual(color((await whats()).set, 0), [9]);
  renameSync(join(folder, "a.png"), join(folder, "z.png"));
  assert.deepEqual(color((await whats()).set, 1), [9]);
  rmSync(join(folder, "z.png"));
  assert.equal((await whats()).set.size, 1);
});

test("without a place for the cache the data is there all the same", async () => {
  const blocked = folderOf({ file: "" });
  const set = await load(folderOf({ "a.png": await gray(3) }), { cache: join(blocked, "file") });
  assert.deepEqual(color(set, 0), [3]);
});
