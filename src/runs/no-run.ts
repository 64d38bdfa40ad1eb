/** What to say where a run is expected and there is none. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "../errors/index.ts";

/** Runs that are named, at most. */
const named = 5;

/** The error for a path that is no run: it names the runs that are near, or the run that a file belongs to. */
export function noRun(path: string): ConfigError {
  if (!existsSync(path))
    return new ConfigError(
      `${path}: is no run: there is no such folder.${nearRuns(path) || " Give the folder that train made."}`,
    );
  if (!statSync(path).isDirectory()) {
    const own = isRun(dirname(path)) ? ` Give its folder, ${dirname(path)}.` : "";
    return new ConfigError(`${path}: is no run, but a file.${own}`);
  }
  const within = runsIn(path);
  return new ConfigError(
    within === ""
      ? `${path}: is no run: it has no recipe.json. Give the folder that train made.`
      : `${path}: is no run, but holds some: ${within}. Give one of them.`,
  );
}

/** A sentence that names the runs beside a path where there is none, after a space; empty if there are none. */
export function nearRuns(path: string): string {
  const near = runsIn(dirname(path));
  return near === "" ? "" : ` There are ${near}.`;
}

const isRun = (path: string) => existsSync(join(path, "recipe.json"));

/** The runs in a folder, as a list for a sentence. */
function runsIn(folder: string): string {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => isRun(join(folder, name)));
  } catch {
    return "";
  }
  const first = names.slice(0, named).map((name) => join(folder, name));
  return first.join(", ") + (names.length > named ? `, … (${names.length})` : "");
}
