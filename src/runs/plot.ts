/** Plots as files: the SVG, and a PNG made of it. */

import { dirname } from "node:path";
import sharp from "sharp";
import { makeFolder } from "../disk/index.ts";
import { explained, writeAtomic } from "./atomic.ts";

/** Writes `path`.svg and `path`.png, the latter at twice the size, and the folder they are in; returns both names. Text in the PNG needs fonts. */
export async function writePlot(path: string, svg: string): Promise<readonly [svg: string, png: string]> {
  const names = [`${path}.svg`, `${path}.png`] as const;
  explained(path, () => makeFolder(dirname(path)));
  writeAtomic(names[0], [svg]);
  writeAtomic(names[1], [await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer()]);
  return names;
}
