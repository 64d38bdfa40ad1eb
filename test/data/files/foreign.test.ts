/** Files that other programs wrote: every kind of image, and a table of images. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type LoadOptions, loadDataset, loaded } from "../../../src/data/files/index.ts";
import { example, toBytes } from "../../../src/data/index.ts";
import { foreign } from "./foreign.ts";
import { folderOf } from "./temporary.ts";

type Name = keyof typeof foreign;

/** Planes of a picture, [channels, height, width]. */
function picture(channels: number, height: number, width: number, at: (x: number, y: number, c: number) => number) {
  const out: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out.push(at(x, y, c));
  return out;
}

const colour = picture(3, 5, 7, (x, y, c) => (x * 30 + y * 7 + c * 50) % 256);
const gray = picture(1, 5, 7, (x, y) => (x * 30 + y * 11) % 256);
const deep = picture(1, 5, 7, (x, y) => (x * 9000 + y * 1500 + 17) % 65_536);
const smooth = (x: number, y: number, c: number) => Math.min(255, x * 18 + y * 8 + c * 40);

const load = (name: Name, options: LoadOptions = {}) =>
  loaded(loadDataset(folderOf({ [name]: Buffer.from(foreign[name], "base64") }), { cache: folderOf(), ...options }));

async function pixels(name: Name, shape: readonly number[], options: LoadOptions = {}): Promise<number[]> {
  const set = await load(name, options);
  assert.deepEqual([name, ...set.shape], [name, ...shape]);
  assert.deepEqual(set.report.skipped, []);
  return Array.from(toBytes(example(set, 0)));
}

const exact: readonly Name[] = [
  "magick.png",
  "magick-interlaced.png",
  "magick-palette.png",
  "magick.webp",
  "magick-lzw.tiff",
  "magick-msb.tiff",
  "pillow.png",
  "pillow.webp",
  "pillow.tiff",
];

test("colour images of lossless kinds arrive unchanged", async () => {
  for (const name of exact) assert.deepEqual([name, ...(await pixels(name, [3, 5, 7]))], [name, ...colour]);
});

test("grey images stay grey; of a film the first frame is read", async () => {
  assert.deepEqual(await pixels("magick-gray.png", [1, 5, 7]), gray);
  // A GIF has a palette, so it counts as colour unless grey is asked for.
  assert.deepEqual(await pixels("pillow.gif", [1, 5, 7], { channels: 1 }), gray);
});

test("sixteen bits are kept", async () => {
  for (const name of ["magick-gray16.png", "magick-gray16.tiff"] as const) {
    const set = await load(name);
    assert.deepEqual(set.shape, [1, 5, 7]);
    assert.deepEqual(
      Array.from(example(set, 0), (value) => Math.round((value + 1) * 32_767.5)),
      deep,
    );
  }
});

test("opacity is a channel where it is asked for, else white shows through", async () => {
  const clear = (x: number, y: number) => (x + y) % 2 === 0;
  const at = (x: number, y: number, c: number) => colour[(c * 5 + y) * 7 + x];
  assert.deepEqual(
    await pixels("magick-rgba.png", [3, 5, 7]),
    picture(3, 5, 7, (x, y, c) => (clear(x, y) ? 255 : at(x, y, c))),
  );
  const four = await pixels("magick-rgba.png", [4, 5, 7], { channels: 4 });
  assert.deepEqual(
    four.slice(105),
    picture(1, 5, 7, (x, y) => (clear(x, y) ? 0 : 255)),
  );
});

test("JPEGs, whole or in passes, upright or turned, of screens or for print", async () => {
  const near = (name: Name, found: readonly number[], expected: readonly number[], most: number) => {
    const off = found.map((value, i) => Math.abs(value - expected[i]));
    assert.ok(Math.max(...off) <= most, `${name}: ${Math.max(...off)} apart`);
  };
  const expected = picture(3, 16, 16, smooth);
  near("magick.jpg", await pixels("magick.jpg", [3, 16, 16]), expected, 16);
  near("magick-progressive.jpg", await pixels("magick-progressive.jpg", [3, 16, 16]), expected, 16);
  // Ink is no light: only roughly the same.
  const print = await pixels("magick-cmyk.jpg", [3, 16, 16]);
  assert.ok(print[0] < print[255], "it brightens");
  // Turned by a quarter: what was the left is the top.
  const turned = picture(3, 16, 8, (x, y, c) => smooth(y, 7 - x, c));
  near("pillow-turned.jpg", await pixels("pillow-turned.jpg", [3, 16, 8]), turned, 16);
});

test("a table of images as Hugging Face stores them, in two groups of rows", async () => {
  const folder = folderOf({ "x.parquet": Buffer.from(foreign["pyarrow.parquet"], "base64") });
  const set = await loaded(loadDataset(join(folder, "x.parquet"), { cache: folderOf() }));
  assert.deepEqual([set.size, ...set.shape], [3, 3, 5, 7]);
  assert.deepEqual(set.classes, ["cat", "dog"]);
  assert.deepEqual(
    [0, 1, 2].map((i) => set.label?.(i)),
    [1, 0, 1],
  );
  for (const i of [0, 1, 2]) assert.deepEqual(Array.from(toBytes(example(set, i))), colour);
});
