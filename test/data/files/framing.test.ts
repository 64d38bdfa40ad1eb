import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import sharp from "sharp";
import { framedIn, resized } from "../../../src/data/files/framing.ts";
import { filters, type LoadOptions, loadDataset, loaded, npyBytes } from "../../../src/data/files/index.ts";
import { example } from "../../../src/data/index.ts";

const root = mkdtempSync(join(tmpdir(), "ornstein-framing-"));
after(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
async function folder(...files: readonly Uint8Array[]): Promise<string> {
  const path = join(root, `f${count++}`);
  const { mkdirSync } = await import("node:fs");
  mkdirSync(path);
  for (const [i, file] of files.entries()) writeFileSync(join(path, `${i}.png`), file);
  return path;
}
const load = (path: string, options: LoadOptions = {}) =>
  loaded(loadDataset(path, { cache: join(root, "cache"), ...options }));
const raw = (values: Uint8Array | Uint16Array, width: number, height: number, channels: 1 | 2 | 3 | 4) =>
  sharp(values, { raw: { width, height, channels } });
const plane = (values: readonly number[], height: number, width: number) => ({
  values: Float32Array.from(values),
  channels: 1,
  height,
  width,
});
const near = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i] - b[i]) <= tolerance, `${i}: ${a[i]} and ${b[i]}`);
};

test("every filter keeps constants, and keeps an image of the right size as it is", () => {
  for (const filter of filters) {
    const flat = plane(
      Array.from({ length: 7 * 5 }, () => 0.3),
      7,
      5,
    );
    for (const [h, w] of [
      [3, 2],
      [14, 11],
      [7, 5],
      [1, 1],
    ])
      for (const value of resized(flat, h, w, filter).values) assert.ok(Math.abs(value - 0.3) < 1e-6, filter);
    const noise = plane(
      Array.from({ length: 35 }, (_, i) => (i * 37) % 11),
      7,
      5,
    );
    near(resized(noise, 7, 5, filter).values, noise.values, 1e-6);
  }
});

test("a box averages, a triangle is linear between pixels, a cubic keeps a ramp", () => {
  near(resized(plane([0, 1, 2, 3, 4, 5, 6, 7], 2, 4), 1, 2, "box").values, [2.5, 4.5], 1e-6);
  near(resized(plane([0, 4], 1, 2), 1, 4, "triangle").values, [0, 1, 3, 4], 1e-6);
  const ramp = plane(
    Array.from({ length: 20 }, (_, i) => i),
    1,
    20,
  );
  near(
    resized(ramp, 1, 40, "cubic").values.slice(8, 32),
    Array.from({ length: 24 }, (_, i) => (i + 8) / 2 - 0.25),
    1e-5,
  );
});

test("crops: the middle, the whole width with bars, halvings and a cut", () => {
  // Three columns of 8 × 8: 0, 1, 2.
  const columns = plane(
    Array.from({ length: 8 * 24 }, (_, i) => Math.floor((i % 24) / 8)),
    8,
    24,
  );
  near(framedIn(columns, 8, 8, "centre", "box").values, new Array(64).fill(1), 1e-6);
  near(framedIn(columns, 8, 8, "adm").values, new Array(64).fill(1), 1e-6);
  const wide = framedIn(columns, 8, 8, "wide", "box");
  assert.deepEqual([wide.height, wide.width], [3, 8]);
  const upright = plane(
    Array.from({ length: 8 * 24 }, (_, i) => Math.floor(i / 64)),
    24,
    8,
  );
  near(framedIn(upright, 8, 8, "wide", "box").values, new Array(64).fill(1), 1e-6);
  // Powers of two are nothing but averages.
  const fine = plane(
    Array.from({ length: 256 }, (_, i) => (i * 29) % 17),
    16,
    16,
  );
  const averaged = resized(fine, 8, 8, "box");
  near(framedIn(fine, 8, 8, "adm").values, averaged.values, 1e-5);
});

test("files are framed as asked, and differently cached", async () => {
  const pixels = Uint8Array.from({ length: 8 * 24 }, (_, i) => 100 * Math.floor((i % 24) / 8));
  const path = await folder(await raw(pixels, 24, 8, 1).toColourspace("b-w").png().toBuffer());
  const byte = async (options: LoadOptions) =>
    Array.from(example(await load(path, { size: 8, ...options }), 0), (value) => Math.round((value + 1) * 127.5));
  assert.deepEqual(await byte({ crop: "adm" }), new Array(64).fill(100));
  const wide = await byte({ crop: "wide", filter: "box" });
  assert.deepEqual(wide.slice(0, 16), new Array(16).fill(0));
  assert.deepEqual(wide.slice(16, 24), [0, 0, 33, 100, 100, 167, 200, 200]);
  assert.deepEqual(wide.slice(40), new Array(24).fill(0));
  const [sharpest, box] = [await byte({ size: [4, 12] }), await byte({ size: [4, 12], filter: "box" })];
  assert.notDeepEqual(sharpest, box);
});

test("opacity is a channel where it is asked for, with colours as they are", async () => {
  const rgba = Uint8Array.from({ length: 4 * 12 }, (_, i) =>
    i % 4 === 3 ? [0, 128, 255][(i >> 2) % 3] : (i * 37) % 256,
  );
  const path = await folder(await raw(rgba, 4, 3, 4).png().toBuffer());
  const set = await load(path, { channels: 4 });
  assert.deepEqual(set.shape, [4, 3, 4]);
  const got = Array.from(example(set, 0), (value) => Math.round((value + 1) * 127.5));
  for (let i = 0; i < 12; i++)
    for (let c = 0; c < 4; c++) if (c === 3 || rgba[4 * i + 3] > 0) near([got[c * 12 + i]], [rgba[4 * i + c]], 1);
  const boxed = await load(path, { channels: 4, filter: "box" });
  near(example(boxed, 0).slice(36), example(set, 0).slice(36), 1e-6);
  assert.deepEqual((await load(path, { channels: 2 })).shape, [2, 3, 4]);
  await assert.rejects(load(path, { channels: 5 }), /channels: got 5 \(of image files 1 grey, 2 grey and opacity/);
});

test("what is transparent does not bleed into what is not", async () => {
  // Opaque red beside transparent green, made half as large.
  const rgba = Uint8Array.from(
    { length: 4 * 16 },
    (_, i) => [...(i % 8 < 4 ? [255, 0, 0, 255] : [0, 255, 0, 0])][i % 4],
  );
  const path = await folder(await raw(rgba, 4, 4, 4).png().toBuffer());
  for (const filter of ["box", "lanczos3"] as const) {
    const x = example(await load(path, { channels: 4, size: 2, filter }), 0);
    near(x.subarray(0, 8), [1, 1, 1, 1, -1, -1, -1, -1], 0.02);
    // Lanczos sees more of the one than of the other at the edges.
    near(x.subarray(12), [0, 0, 0, 0], filter === "box" ? 0.01 : 0.4);
    const white = example(await load(path, { size: 2, filter }), 0);
    near(white, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], filter === "box" ? 0.01 : 0.4);
  }
});

test("sixteen bits are kept where all images have them", async () => {
  const deep = (seed: number) => Uint16Array.from({ length: 12 }, (_, i) => (seed + i * 5417) % 65_536);
  const file = (values: Uint16Array) => raw(values, 4, 3, 1).toColourspace("grey16").png().toBuffer();
  const path = await folder(await file(deep(1)), await file(deep(40_000)));
  const set = await load(path);
  assert.deepEqual(set.shape, [1, 3, 4]);
  near(
    example(set, 1),
    Array.from(deep(40_000), (value) => value / 32_767.5 - 1),
    1e-6,
  );
  assert.match(set.report.notes.join(" "), /All images have 16 bits/);
  const colour = Uint16Array.from({ length: 36 }, (_, i) => (i * 1777) % 65_536);
  const tiff = await raw(colour, 4, 3, 3).toColourspace("rgb16").tiff({ compression: "none" }).toBuffer();
  const rgb = await load(await folder(tiff));
  assert.deepEqual(rgb.shape, [3, 3, 4]);
  near(
    example(rgb, 0),
    [0, 1, 2].flatMap((c) => Array.from({ length: 12 }, (_, i) => colour[3 * i + c] / 32_767.5 - 1)),
    1e-6,
  );
});

test("arrays have any number of channels, first or last", async () => {
  const shapes = [
    [
      [2, 8, 8, 4],
      [4, 8, 8],
    ],
    [
      [2, 4, 8, 8],
      [4, 8, 8],
    ],
    [
      [2, 16, 8, 8],
      [16, 8, 8],
    ],
    [
      [2, 9, 12, 5],
      [5, 9, 12],
    ],
    [
      [2, 5, 9, 12],
      [5, 9, 12],
    ],
    [
      [2, 32, 32, 16],
      [16, 32, 32],
    ],
  ] as const;
  for (const [dims, shape] of shapes)
    for (const bytes of [true, false]) {
      const numbers = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i % 199);
      const values = bytes ? Uint8Array.from(numbers) : Float32Array.from(numbers);
      const path = join(root, `a${count++}.npy`);
      writeFileSync(path, npyBytes({ dims, values }));
      const set = await load(path);
      assert.deepEqual(set.shape, shape);
      const at = (value: number) => (bytes ? Math.round((value + 1) * 127.5) : value);
      const last = dims[3] === shape[0];
      assert.equal(
        at(example(set, 0)[1 * shape[1] * shape[2] + 1]),
        values[last ? shape[0] + 1 : dims[2] * dims[3] + 1],
      );
      assert.deepEqual((await load(path, { channels: shape[0] })).shape, shape);
      await assert.rejects(load(path, { channels: 1 }), /channels: got 1 \(the array has \d+\)/);
    }
});
