/** Drawing samples from a run on disk, with a progress bar. */
import { ConfigError } from "../errors/index.ts";
import { type DrawOptions, draw } from "../recipe/index.ts";
import { type ParametersOf, parametersOf, type RunFolder } from "../runs/index.ts";
import type { Terminal } from "./command.ts";

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
