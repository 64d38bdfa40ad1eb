/** NumPy and Python's own archives as independent writers and readers, where they are installed. */
import { spawnSync } from "node:child_process";

const run = (script: string, folder: string) =>
  spawnSync("python3", ["-c", script], { cwd: folder, encoding: "utf8", timeout: 60_000 });

/** The reason to skip a test that needs NumPy, or false. */
export const withoutNumpy = run("import numpy", ".").status === 0 ? false : "NumPy is not installed";
/** The reason to skip a test that needs SciPy, or false. */
export const withoutScipy = run("import numpy, scipy", ".").status === 0 ? false : "SciPy is not installed";
/** The reason to skip a test that needs Python, or false. */
export const withoutPython = run("import zipfile", ".").status === 0 ? false : "Python is not installed";

/** Runs a script in a folder and returns what it printed. */
export function python(script: string, folder: string): string {
  const { status, stdout, stderr } = run(script, folder);
  if (status !== 0) throw new Error(`python: ${stderr}`);
  return stdout;
}
