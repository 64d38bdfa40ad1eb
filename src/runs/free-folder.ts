/** Whether a folder may be filled. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { ConfigError } from "../errors/index.ts";
import { explained } from "./atomic.ts";

/** Throws ConfigError unless there is nothing at `path`, or an empty folder. */
export function checkFree(path: string): void {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) throw new ConfigError(`${path}: is a file, not a folder. Choose another --out.`);
  if (explained(path, () => readdirSync(path)).length > 0)
    throw new ConfigError(`${path}: is not empty. Choose another --out.`);
}
