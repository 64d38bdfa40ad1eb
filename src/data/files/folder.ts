/** A folder of images, as people have them: mixed sizes, mixed kinds, sub-folders for classes, a broken file or two. */
import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, extname, join, relative, sep } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { imagesFromBytes } from "../dataset.ts";
import { type CachedImages, cacheFile, readCache, writeCache } from "./cache.ts";
import { decodeAll, reasonOf } from "./decoding.ts";
import type { Split } from "./idx-dataset.ts";
import type { Loading, Progress, Skipped } from "./loading.ts";
import { extensions, type RasterHeader, type RasterShape, readHeader, readImage } from "./raster.ts";

/** Where the labels of a folder's images come from. */
export type FolderLabels = "folder" | "prefix" | "none";

/** What `imageFolder` may be told. */
export interface FolderOptions {
  /** [height, width]; if all images agree and are at most 256 on a side, theirs, else 64×64. */
  readonly size?: readonly [number, number];
  /** 1 grey, 3 colour; grey if all images are. */
  readonly channels?: 1 | 3;
  /** Of a folder with sub-folders `train` and `test` (or `val`), which to read; "train" by default. */
  readonly split?: Split;
  /**
   * "folder" takes each image's top-level sub-folder, "prefix" its file name up to the first "_", "none" no labels.
   * By default "folder" if there are at least two of them and every image is in one.
   */
  readonly labels?: FolderLabels;
  /** Where to keep the decoded images. */
  readonly cache: string;
}

const splitNames: { readonly [S in Split]: readonly string[] } = { train: ["train"], test: ["test", "val", "valid"] };
const fallbackSize = 64;
const largestNative = 256;
/** Headers read or files looked at together. */
const together = 64;

/**
 * All PNG, JPEG, WebP, GIF and TIFF files below a folder, in order of their paths. Images are cropped in the middle to
 * the asked-for proportions and resized. Files that cannot be read are left out and named in the report. The decoded
 * images are cached, and read again when any file's name, size or time changes.
 */
export async function* imageFolder(path: string, options: FolderOptions): Loading {
  const { cache, split, ...requested } = options;
  yield { done: 0, total: 0, what: `listing ${path}` };
  const root = await splitFolder(path, split).catch(unlisted);
  const { files, ignored } = await list(root).catch(unlisted);
  if (files.length === 0) {
    const seen = ignored.length === 0 ? "it is empty" : `it has ${endings(ignored)}`;
    throw new ConfigError(`${root}: holds no images: ${seen} (${extensions.join(", ")}).`);
  }
  const name = basename(root);
  const fingerprint = yield* fingerprintOf(root, files);
  const file = cacheFile(cache, name, { root, ...requested });
  let images = await readCache(file, fingerprint);
  if (!images) {
    images = yield* read(root, files, ignored, requested);
    await writeCache(file, fingerprint, images).catch(() => undefined);
  }
  return { ...imagesFromBytes({ name, ...images }), report: images.report };
}

/** What the file system says against looking into a folder, as an error of the user's. */
function unlisted(error: Error): never {
  if (error instanceof ConfigError) throw error;
  throw new ConfigError(`data: a folder cannot be listed: ${error.message}.`, { cause: error });
}

/** The folder itself, or its sub-folder for the split if it has such. */
async function splitFolder(path: string, split: Split | undefined): Promise<string> {
  const root = await realpath(path);
  const folders = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name);
  const known = Object.values(splitNames).flat();
  if (!(folders.includes("train") && folders.every((folder) => known.includes(folder)))) {
    if (split)
      throw new ConfigError(`${path}: has no split "${split}" (a folder with sub-folders train and test has).`);
    return root;
  }
  const found = splitNames[split ?? "train"].find((folder) => folders.includes(folder));
  if (!found) throw new ConfigError(`${path}: has no split "${split}"; it has ${folders.join(", ")}.`);
  return join(root, found);
}

/** The images and the other files below a folder, relative to it and sorted; hidden ones do not count. */
async function list(root: string): Promise<{ files: string[]; ignored: string[] }> {
  const [files, ignored]: [string[], string[]] = [[], []];
  // Folders may be links, and links may lead in circles.
  const visited = new Set<string>();
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const real = await realpath(folder);
    if (visited.has(real)) continue;
    visited.add(real);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith(".") || entry.name === "__MACOSX") continue;
      const path = join(folder, entry.name);
      const target = entry.isSymbolicLink() ? await stat(path).catch(() => entry) : entry;
      if (target.isDirectory()) folders.push(path);
      else if (isImage(entry.name)) files.push(relative(root, path));
      else ignored.push(relative(root, path));
    }
  }
  return { files: files.sort(), ignored: ignored.sort() };
}

const isImage = (file: string) => (extensions as readonly string[]).includes(extname(file).toLowerCase());

/** Some of the files' endings, with how often they occur. */
function endings(files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(extname(file), (counts.get(extname(file)) ?? 0) + 1);
  const most = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
  return most.map(([ending, count]) => `${count} ${ending === "" ? "files without ending" : ending}`).join(", ");
}

/** Changes when a file is added, removed, renamed or written to. */
async function* fingerprintOf(root: string, files: readonly string[]): AsyncGenerator<Progress, string, void> {
  const hash = createHash("sha256");
  for (let start = 0; start < files.length; start += together) {
    yield { done: start, total: files.length, what: "looking for changes" };
    const group = files.slice(start, start + together);
    const stats = await Promise.all(group.map((file) => stat(join(root, file)).catch(() => undefined)));
    for (const [i, file] of group.entries()) hash.update(JSON.stringify([file, stats[i]?.size, stats[i]?.mtimeMs]));
  }
  return hash.digest("hex");
}

type Requested = Omit<FolderOptions, "cache" | "split">;

async function* read(
  root: string,
  files: readonly string[],
  ignored: readonly string[],
  { size, channels, labels }: Requested,
): AsyncGenerator<Progress, CachedImages, void> {
  const { headers, readable, skipped: unreadable } = yield* readHeaders(root, files);
  const [first] = headers;
  const alike = first && headers.every(({ height, width }) => height === first.height && width === first.width);
  const native = alike && Math.max(first.height, first.width) <= largestNative;
  const [height, width] = size ?? (native ? [first.height, first.width] : [fallbackSize, fallbackSize]);
  const shape: RasterShape = { height, width, channels: channels ?? (headers.every(({ gray }) => gray) ? 1 : 3) };

  const decoded = yield* decodeAll(root, readable, shape, (file) => readImage(join(root, file), shape));
  const skipped = [...unreadable, ...decoded.skipped];
  const kept = decoded.kept.map((i) => readable[i]);
  if (kept.length === 0)
    throw new ConfigError(
      `${root}: none of ${files.length} images can be read; the first, ${skipped[0].file}: ${skipped[0].reason}.`,
    );
  const resized = headers.filter((header) => header.height !== height || header.width !== width).length;
  const notes = [
    ...(resized > 0 ? [`${resized} of ${headers.length} images were cropped and resized to ${height}×${width}.`] : []),
    ...(ignored.length > 0 ? [`${ignored.length} other files were ignored: ${endings(ignored)}.`] : []),
  ];
  return {
    shape: [shape.channels, height, width],
    pixels: decoded.pixels,
    ...labelled(root, kept, labels),
    report: { notes, skipped },
  };
}

async function* readHeaders(root: string, files: readonly string[]) {
  const headers: RasterHeader[] = [];
  const readable: string[] = [];
  const skipped: Skipped[] = [];
  for (let start = 0; start < files.length; start += together) {
    yield { done: start, total: files.length, what: "reading sizes" } satisfies Progress;
    const group = files.slice(start, start + together);
    const results = await Promise.allSettled(group.map((file) => readHeader(join(root, file))));
    for (const [i, result] of results.entries()) {
      if (result.status === "rejected") skipped.push({ file: group[i], reason: reasonOf(result.reason) });
      else {
        headers.push(result.value);
        readable.push(group[i]);
      }
    }
  }
  return { headers, readable, skipped };
}

/** Labels and classes, the latter sorted by name. */
function labelled(
  root: string,
  files: readonly string[],
  from: FolderLabels | undefined,
): Pick<CachedImages, "labels" | "classes"> {
  if (from === "none") return {};
  const classOf = from === "prefix" ? prefixOf : topFolderOf;
  const names = files.map(classOf);
  const without = names.indexOf(undefined);
  const classes = [...new Set(names.filter((name) => name !== undefined))].sort();
  if (from === undefined && (without >= 0 || classes.length < 2)) return {};
  if (without >= 0)
    throw new ConfigError(
      `${root}: labels from ${from}: ${files[without]} has none (${from === "prefix" ? 'a file name with "_"' : "every image in a sub-folder"}).`,
    );
  const numbers = new Map(classes.map((name, label) => [name, label]));
  return { classes, labels: Uint16Array.from(names, (name) => numbers.get(name ?? "") ?? 0) };
}

function topFolderOf(file: string): string | undefined {
  const at = file.indexOf(sep);
  return at < 0 ? undefined : file.slice(0, at);
}

function prefixOf(file: string): string | undefined {
  const at = basename(file).indexOf("_");
  return at < 0 ? undefined : basename(file).slice(0, at);
}
