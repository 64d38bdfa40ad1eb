/** Plots as files: the SVG, and a PNG made of it. */
import sharp from "sharp";
import { writeAtomic } from "./atomic.ts";

/** Writes `path`.svg and `path`.png, the latter at twice the size; returns both names. Text in the PNG needs fonts. */
export async function writePlot(path: string, svg: string): Promise<readonly [svg: string, png: string]> {
  const names = [`${path}.svg`, `${path}.png`] as const;
  writeAtomic(names[0], [svg]);
  writeAtomic(names[1], [await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer()]);
  return names;
}
