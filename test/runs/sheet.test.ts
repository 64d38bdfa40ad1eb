import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { cell, ink } from "../../src/runs/font.ts";
import { writeScatter, writeSheet } from "../../src/runs/index.ts";
import { folderOf } from "../data/files/temporary.ts";

async function pixelsOf(path: string) {
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    at: (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)],
    ...info,
  };
}

test("images stand row by row, enlarged, with their colours", async () => {
  const path = join(folderOf(), "sheet.png");
  // Two images of 1×2 pixels and three channels: [red, green], [black, white].
  const images = [1, -1, -1, 1, -1, -1, -1, 1, -1, 1, -1, 1];
  await writeSheet(path, images, { shape: [3, 1, 2], columns: 1, scale: 4 });
  const { at, width, height } = await pixelsOf(path);
  assert.deepEqual([width, height], [2 + 8 + 2, 2 + 2 * (4 + 2)]);
  assert.deepEqual(
    [at(2, 2), at(5, 5), at(6, 2)],
    [
      [255, 0, 0],
      [255, 0, 0],
      [0, 255, 0],
    ],
  );
  assert.deepEqual(
    [at(2, 8), at(9, 11), at(0, 0)],
    [
      [0, 0, 0],
      [255, 255, 255],
      [255, 255, 255],
    ],
  );
});

test("labels and a title are drawn, without any font of the system", async () => {
  const path = join(folderOf(), "sheet.png");
  const black = new Float64Array(2 * 64).fill(-1);
  await writeSheet(path, black, { shape: [1, 8, 8], columns: 1, scale: 4, rowLabels: ["7", "AB"], title: "Two" });
  const { at, width, height } = await pixelsOf(path);
  const dark = (x0: number, y0: number, x1: number, y1: number) => {
    let count = 0;
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) if (at(x, y)[0] < 128) count++;
    return count;
  };
  const left = 2 * cell.width * 2 + 16;
  const top = cell.height * 2 + 16;
  assert.deepEqual([width, height], [left + 34, top + 2 * 34]);
  const inked = (text: string) => 4 * [...ink(text)].length;
  assert.equal(dark(0, 0, width, top), inked("TWO"));
  assert.equal(dark(0, top, left, top + 34), inked("7"));
  assert.equal(dark(0, top + 34, left, height), inked("AB"));
});

test("the font has letters, digits and signs, all different, within their cells", () => {
  const drawn = new Map<string, string>();
  for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-+/%()=_?") {
    const pixels = [...ink(character)];
    assert.ok(pixels.length > 0, character);
    assert.ok(
      pixels.every(([x, y]) => x < cell.width - 1 && y < cell.height),
      character,
    );
    const same = drawn.get(JSON.stringify(pixels));
    assert.equal(same, undefined, `${character} looks like ${same}`);
    drawn.set(JSON.stringify(pixels), character);
  }
  assert.deepEqual([...ink("é")], [...ink("?")]);
  assert.deepEqual([...ink("a b")], [...ink("A B")]);
});

test("points are dots where they are; what is not finite is left out", async () => {
  const path = join(folderOf(), "scatter.png");
  await writeScatter(path, [1, 1, Number.NaN, 0, -1, -1, 0, 0.5], { side: 100 });
  const { at, width } = await pixelsOf(path);
  assert.equal(width, 100);
  for (const [x, y] of [
    [98, 2],
    [2, 98],
    [50, 26],
  ])
    assert.ok(at(x, y)[0] < 200, `${x}, ${y}`);
  assert.deepEqual(at(2, 2), [255, 255, 255]);
});
