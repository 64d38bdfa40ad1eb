/** Where a command is asked to write: looked at before it works for an hour, and made when it writes. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, extname } from "node:path";
import { makeFolder, tryFolder } from "../disk/index.ts";
import { ConfigError } from "../errors/index.ts";
import { explained, writeAtomic } from "../runs/index.ts";

/** A folder, a file of any ending or of one, or the beginning of several files' names. */
export type Place = "folder" | "file" | "names" | `.${string}`;

/** Throws ConfigError where nothing can be written; leaves nothing there. `where` names the flag. */
export function checkPlace(where: string, path: string, place: Place): void {
  if (place.startsWith(".") && extname(path).toLowerCase() !== place)
    throw new ConfigError(`${where}: must end in ${place}; got ${JSON.stringify(path)}.`);
  const isFolder = place === "folder";
  if (place !== "names" && existsSync(path) && statSync(path).isDirectory() !== isFolder)
    throw new ConfigError(
      `${where}: ${path}: is ${isFolder ? "a file, not a folder" : "a folder, not a file"}. Choose another.`,
    );
  let above = isFolder ? path : dirname(path);
  while (!existsSync(above)) above = dirname(above);
  if (!statSync(above).isDirectory())
    throw new ConfigError(`${where}: ${path}: is below ${above}, which is a file, not a folder.`);
  explained(path, () => {
    accessSync(above, constants.W_OK);
    // Permission is not all: /proc takes no files from anybody.
    tryFolder(above);
  });
}

/** Makes the folder that a file goes into. */
export function makeFolderOf(path: string): void {
  explained(path, () => makeFolder(dirname(path)));
}

/** Writes a file, and the folders above it. */
export function writeTo(path: string, text: string | Uint8Array): void {
  makeFolderOf(path);
  writeAtomic(path, [text]);
}
