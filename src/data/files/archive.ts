/** A zip archive of images: read in place, never unpacked to disk. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { openFile } from "./byte-source.ts";
import { type FolderOptions, splitNames } from "./folder.ts";
import { imageSet, isImage } from "./images.ts";
import { fileLabels } from "./labels.ts";
import type { Loading } from "./loading.ts";
import { openZip, type ZipEntry } from "./zip.ts";

/** No image file in its compressed form is larger. */
const mostBytes = 2 ** 28;

/**
 * All images in a zip archive, in order of their paths, as if they were in a folder: with `train` and `test` at the top
 * as splits, a file of labels or folders as classes. One folder around everything does not count.
 */
export async function* imageArchive(path: string, { cache, split, ...requested }: FolderOptions): Loading {
  yield { done: 0, total: 0, what: `listing ${path}` };
  const source = await openFile(path);
  try {
    const zip = await openZip(source, path);
    const { entries, prefix } = below(path, zip.entries, split);
    const images = entries.filter(({ name }) => isImage(name));
    const files = images.map(({ name }) => name.slice(prefix.length));
    const sidecar = async (file: string) => {
      const entry = entries.find(({ name }) => name === prefix + file);
      return entry && new TextDecoder().decode(await zip.read(entry, mostBytes));
    };
    const hash = createHash("sha256");
    for (const { name, size, crc } of entries) hash.update(JSON.stringify([name, size, crc]));
    const collection = {
      where: prefix === "" ? path : `${path}: ${prefix}`,
      name: basename(path).replace(/\.zip$/i, ""),
      files,
      ignored: entries.filter(({ name }) => !isImage(name)).map(({ name }) => name),
      fingerprint: hash.digest("hex"),
      open: (i: number) => zip.read(images[i], mostBytes),
      labels: (from: FolderOptions["labels"]) => fileLabels(path, files, from, sidecar),
    };
    return yield* imageSet(collection, requested, cache);
  } finally {
    await source.close();
  }
}

/** The entries that count, sorted, and the folder around them: the one around everything, and that of the split. */
function below(path: string, all: readonly ZipEntry[], split: FolderOptions["split"]) {
  const visible = all
    .filter(({ name }) => !name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX"))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const top = (prefix: string) => [
    ...new Set(
      visible.map(({ name }) => name.slice(prefix.length)).map((name) => name.slice(0, name.indexOf("/") + 1)),
    ),
  ];
  const known = Object.values(splitNames).flat();
  const isSplit = (folders: readonly string[]) =>
    folders.includes("train/") && folders.every((folder) => folder === "" || known.includes(folder.slice(0, -1)));
  let prefix = "";
  let folders = top(prefix);
  while (folders.length === 1 && folders[0] !== "" && !isSplit(folders)) {
    prefix += folders[0];
    folders = top(prefix);
  }
  if (isSplit(folders)) {
    const found = splitNames[split ?? "train"].find((folder) => folders.includes(`${folder}/`));
    if (!found)
      throw new ConfigError(`${path}: has no split "${split}"; it has ${folders.filter(Boolean).join(", ")}.`);
    prefix += `${found}/`;
  } else if (split)
    throw new ConfigError(`${path}: has no split "${split}" (an archive with folders train and test has).`);
  return { entries: visible.filter(({ name }) => name.startsWith(prefix)), prefix };
}
