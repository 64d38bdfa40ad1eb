/** A folder of images, as people have them: mixed sizes, mixed kinds, sub-folders for classes, a broken file or two. */
import { createHash } from "node:crypto";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import type { Split } from "./idx-dataset.ts";
import { type ImageOptions, imageSet, isImage } from "./images.ts";
import { fileLabels, sidecarNames } from "./labels.ts";
import type { Loading, Progress } from "./loading.ts";

/** What `imageFolder` may be told. */
export interface FolderOptions extends ImageOptions {
  /** Of a folder with sub-folders `train` and `test` (or `val`), which to read; "train" by default. */
  readonly split?: Split;
  /** Where to keep the decoded images. */
  readonly cache: string;
}

/** What the sub-folders of the two splits may be called. */
export const splitNames: { readonly [S in Split]: readonly string[] } = {
  train: ["train"],
  test: ["test", "val", "valid"],
};
/** Files looked at together. */
const together = 64;

/** All PNG, JPEG, WebP, GIF, TIFF and SVG files below a folder, in order of their paths. */
export async function* imageFolder(path: string, { cache, split, ...requested }: FolderOptions): Loading {
  yield { done: 0, total: 0, what: `listing ${path}` };
  const root = await splitFolder(path, split);
  const { files, ignored } = await list(root);
  const fingerprint = yield* fingerprintOf(root, [...files, ...sidecarNames]);
  const names = sep === "/" ? files : files.map((file) => file.replaceAll(sep, "/"));
  const collection = {
    where: root,
    name: basename(root),
    files: names,
    ignored,
    fingerprint,
    open: (i: number) => join(root, files[i]),
    labels: (from: ImageOptions["labels"]) =>
      fileLabels(root, names, from, (file) => readFile(join(root, file), "utf8").catch(() => undefined)),
  };
  return yield* imageSet(collection, requested, cache);
}

/** Image files by their paths, in the order given, without labels. */
export async function* imageFiles(paths: readonly string[], { cache, ...requested }: FolderOptions): Loading {
  const where = paths.join(", ");
  const missing = (await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))).findIndex(
    (s) => !s?.isFile(),
  );
  if (missing >= 0) throw new ConfigError(`${paths[missing]}: there is no such file.`);
  const collection = {
    where,
    name: paths.length === 1 ? basename(paths[0]) : `${paths.length} files`,
    files: paths,
    ignored: [],
    fingerprint: yield* fingerprintOf("", paths),
    open: (i: number) => paths[i],
    labels: () => Promise.resolve(undefined),
  };
  return yield* imageSet(collection, { ...requested, labels: "none" }, cache);
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
