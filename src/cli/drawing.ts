/** Drawing samples from a run on disk, with a progress bar. */
import { freemem } from "node:os";
import { ConfigError } from "../errors/index.ts";
import { type DrawOptions, draw } from "../recipe/index.ts";
import { type ParametersOf, parametersOf, type RunFolder } from "../runs/index.ts";
import type { Terminal } from "./command.ts";
import { bytes } from "./terminal.ts";

/** Of the latest averaged parameters, unless others are named. */
export interface DrawRunOptions extends DrawOptions, Partial<Pick<ParametersOf, "checkpoint" | "weights" | "ema">> {}

export interface DrawnRun {
  /** Flat, in [−1, 1]. */
  readonly samples: Float64Array;
  readonly evaluations: number;
  readonly seconds: number;
}

/** Numbers that are kept in memory at a time, 4 GiB of them. */
const mostNumbers = 2 ** 29;

/** Throws ConfigError for more samples than can be drawn together. */
export function checkAtOnce(where: string, count: number, dims: number): void {
  const most = Math.floor(mostNumbers / dims);
  if (count > most)
    throw new ConfigError(
      `${where}: ${count} samples of ${dims} numbers do not fit into memory together (at most ${most}). Draw fewer, with several seeds.`,
    );
}

/** Throws ConfigError for samples that take more memory than is free, where all of them are kept, with `each` bytes. */
export function checkKept(where: string, { n, seeds, each }: { n: number; seeds: number; each: number }): void {
  const [needed, free] = [n * seeds * each, freemem()];
  if (needed > free)
    throw new ConfigError(
      `${where}: ${seeds > 1 ? `${seeds} sets of ` : ""}${n} samples take ${bytes(needed)} of memory to be judged (${bytes(free)} are free). Draw at most ${Math.floor(free / (seeds * each))}${seeds > 1 ? " of each seed, or fewer seeds" : ""}.`,
    );
}

/** Draws samples from a checkpoint of a run. */
export async function drawRun(
  folder: RunFolder,
  { checkpoint = "latest", weights = "ema", ema, ...options }: DrawRunOptions,
  terminal: Terminal,
): Promise<DrawnRun> {
  const { recipe, data } = folder.describe();
  const { params } = parametersOf(folder, { checkpoint, weights, ...(ema !== undefined && { ema }) });
  const started = performance.now();
  const drawing = draw(recipe, data, params, options);
  let evaluations = 0;
  try {
    for (;;) {
      const next = await drawing.next();
      if (next.done) return { samples: next.value, evaluations, seconds: (performance.now() - started) / 1000 };
      ({ evaluations } = next.value);
      terminal.progress(`${evaluations} network calls`, next.value.share);
      terminal.signal.throwIfAborted();
    }
  } finally {
    await drawing.return(new Float64Array());
  }
}
