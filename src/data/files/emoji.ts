/** Twemoji, drawn at any size: some 3,700 colour pictures, small enough to train on a processor, under CC BY 4.0. */
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { imagesFromBytes } from "../dataset.ts";
import { type CachedImages, cacheFile, readCache, writeCache } from "./cache.ts";
import { decodeAll } from "./decoding.ts";
import { emojiGroup, emojiGroups } from "./emoji-groups.ts";
import type { Loading } from "./loading.ts";
import { drawSvg, type RasterShape } from "./raster.ts";

/** Each picture is drawn on a grid of 36 units. */
const units = 36;

/**
 * All emoji of the npm package @twemoji/svg over white, labelled by group (faces, people, …), in order of code
 * points. Drawing takes a few seconds; the result is kept in `cache`.
 */
export async function* emoji(shape: RasterShape, cache: string): Loading {
  const manifest = createRequire(import.meta.url).resolve("@twemoji/svg/package.json");
  const { version }: { version: string } = JSON.parse(await readFile(manifest, "utf8"));
  const size = shape.height === shape.width ? `${shape.width}` : `${shape.height}x${shape.width}`;
  const name = `emoji ${size}${shape.channels === 1 ? " gray" : ""}`;
  const file = cacheFile(cache, name, shape);

  let images = await readCache(file, version);
  if (!images) {
    images = yield* draw(dirname(manifest), name, shape);
    // Without a cache the next start is slow again, and that is all.
    await writeCache(file, version, images).catch(() => undefined);
  }
  return { ...imagesFromBytes({ name, ...images }), report: images.report };
}

async function* draw(folder: string, name: string, shape: RasterShape) {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".svg")).sort();
  const decoded = yield* decodeAll(name, files, shape, async (i) =>
    drawSvg(await readFile(join(folder, files[i])), units, shape),
  );
  const { pixels, kept, skipped } = decoded;
  return {
    shape: [shape.channels, shape.height, shape.width],
    pixels,
    labels: Uint16Array.from(kept, (i) => emojiGroup(files[i].replace(".svg", ""))),
    classes: emojiGroups,
    report: { notes: [], skipped },
  } satisfies CachedImages;
}
