/** Data by name or path, as commands take it: flags, loading with progress, and what was left out. */
import {
  crops,
  filters,
  type LoadedDataset,
  type Loading,
  type LoadOptions,
  loadDataset,
} from "../data/files/index.ts";
import { ConfigError } from "../errors/index.ts";
import { grouped, type Terminal, type Values } from "./command.ts";

export const sourceFlags = grouped("How data are read", {
  size: { type: "string", value: "N|HxW", help: "Side of the images in pixels, or height and width" },
  channels: { type: "integer", min: 1, max: 16, help: "1 is grey, 3 colour, 2 and 4 these with opacity" },
  crop: {
    type: "choice",
    choices: crops,
    help: "How image files are brought to the size's proportions; centre if left out",
  },
  filter: {
    type: "choice",
    choices: filters,
    help: "How image files are resized; lanczos3 if left out, with adm cubic",
  },
  split: { type: "choice", choices: ["train", "test"], help: "Part of the data, where it has parts" },
  labels: {
    type: "choice",
    choices: ["folder", "prefix", "json", "csv", "coarse", "fine", "none"],
    help: "Where labels come from; found out if left out",
  },
  examples: { type: "integer", min: 1, help: "Use a random choice of so many" },
});

export type SourceFlags = Values<typeof sourceFlags>;

/** Loads data as the flags say. */
export function loadSource(source: string, flags: SourceFlags, terminal: Terminal): Promise<LoadedDataset> {
  const options = {
    ...(flags.size !== undefined && { size: readSize(flags.size) }),
    ...(flags.channels !== undefined && { channels: flags.channels }),
    ...(flags.crop !== undefined && { crop: flags.crop }),
    ...(flags.filter !== undefined && { filter: flags.filter }),
    ...(flags.split !== undefined && { split: flags.split }),
    ...(flags.labels !== undefined && { labels: flags.labels }),
    ...(flags.examples !== undefined && { examples: flags.examples }),
  };
  return watched(loadDataset(source, options as LoadOptions), terminal);
}

/** The part of a source that is kept for testing, if it has one, and if it is not the one that was asked for. */
export async function testSplit(
  source: string,
  flags: SourceFlags,
  terminal: Terminal,
): Promise<LoadedDataset | undefined> {
  if (flags.split === "test" || source.includes(":")) return undefined;
  try {
    return await loadSource(source, { ...flags, split: "test" }, { ...terminal, say: () => {} });
  } catch (error) {
    // It has no such part.
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** "64" or "48x64". */
function readSize(text: string): number | readonly [number, number] {
  const [, height, width] = /^(\d+)(?:[x×](\d+))?$/.exec(text) ?? [];
  if (height === undefined)
    throw new ConfigError(`--size: must be a side, such as 64, or height and width, such as 48x64; got "${text}".`);
  return width === undefined ? Number(height) : [Number(height), Number(width)];
}

/** Lets a loader run to its end, showing progress and what was left out. */
export async function watched(loading: Loading, terminal: Terminal): Promise<LoadedDataset> {
  for (;;) {
    const { done, value } = await loading.next();
    if (!done) {
      terminal.progress(`${value.what}: ${value.done}${value.total > 0 ? ` of ${value.total}` : ""}`);
      terminal.signal.throwIfAborted();
      continue;
    }
    for (const note of value.report.notes) terminal.say(note);
    const { skipped } = value.report;
    for (const { file, reason } of skipped.slice(0, 5)) terminal.say(`skipped ${file}: ${reason}`);
    if (skipped.length > 5) terminal.say(`… and ${skipped.length - 5} more files skipped.`);
    return value;
  }
}
