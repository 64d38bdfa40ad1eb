/** How this program was started, so that what it tells a person to run can be pasted. */
import { basename, dirname, join, relative } from "node:path";

/**
 * The words before the command's name: `ornstein` where it is installed for all, `node PATH` where a file outside of the
 * current folder was run, otherwise `npx ornstein`, which finds the package that a folder is or depends on.
 */
export function program(started = process.argv[1] ?? "", cwd = process.cwd()): string {
  const name = basename(started);
  if (name === "ornstein" && basename(dirname(started)) !== ".bin") return "ornstein";
  if (name !== "ornstein.js" || started.split(/[\\/]/).includes("node_modules")) return "npx ornstein";
  const path = relative(cwd, started);
  return path === join("bin", name) ? "npx ornstein" : `node ${path}`;
}

/** A command as a person can paste it: words that a shell would take apart are quoted. */
export const toPaste = (...words: readonly string[]): string => [program(), ...words.map(quoted)].join(" ");

const quoted = (word: string): string =>
  /^[\w./\\:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
