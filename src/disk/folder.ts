/** Folders, made where they can be. */
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Makes a folder and those above it that are missing. Throws what the file system throws. One after the other, because
 * `mkdir` with `recursive` goes on for ever where a file system has folders but takes none, as /proc.
 */
export function makeFolder(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it since.
    if (!(existsSync(path) && statSync(path).isDirectory())) throw error;
  }
}

/** Throws what the file system throws where nothing can be made in a folder; leaves nothing there. */
export function tryFolder(path: string): void {
  rmdirSync(mkdtempSync(join(path, ".ornstein-")));
}
