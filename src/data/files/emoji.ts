/** Twemoji, drawn at any size: some 3,700 colour pictures, small enough to train on a processor, under CC BY 4.0. */
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Build, cached, cacheFile } from "./cache.ts";
import { decodeAll } from "./decoding.ts";
import { emojiGroup, emojiGroups } from "./emoji-groups.ts";
import type { Loading } from "./loading.ts";
import { drawSvg, type RasterShape } from "./raster.ts";

/** Each picture is drawn on a grid of 36 units. */
const units = 36;

/**
 * All emoji of the npm package @twemoji/svg over white, or with their opacity as a fourth channel, labelled by group (faces, people, …), in order of code
 * points. Drawing takes a few seconds; the result is kept in `cache`.
 */
export async function* emoji(shape: RasterShape, cache: string): Loading {
  const manifest = createRequire(import.meta.url).resolve("@twemoji/svg/package.json");
  const { version }: { version: string } = JSON.parse(await readFile(manifest, "utf8"));
  const size = shape.height === shape.width ? `${shape.width}` : `${shape.height}x${shape.width}`;
  const name = `emoji ${size}${shape.channels === 1 ? " gray" : shape.channels === 4 ? " on nothing" : ""}`;
  const file = cacheFile(cache, name, shape);

  return yield* cached(file, name, version, (begin) => draw(dirname(manifest), shape, begin));
}

async function* draw(folder: string, shape: RasterShape, begin: Parameters<Build>[0]): ReturnType<Build> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".svg")).sort();
  const sink = await begin({ type: "uint8", shape: [shape.channels, shape.height, shape.width] });
  const { kept, skipped } = yield* decodeAll(files, sink, shape.channels * shape.height * shape.width, async (i) =>
    drawSvg(await readFile(join(folder, files[i])), units, shape),
  );
  return {
    labels: Uint16Array.from(kept, (i) => emojiGroup(files[i].replace(".svg", ""))),
    classes: emojiGroups,
    report: { notes: [], skipped },
  };
}
