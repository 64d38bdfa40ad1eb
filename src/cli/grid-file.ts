/** Files of noise levels, as `ornstein steps` writes them. */
import { readFileSync } from "node:fs";
import { ConfigError, reasonOf } from "../errors/index.ts";

export const gridFileFormat = "ornstein steps 1";

/** Noise levels, and the factors on D that were found with them, if any. */
export interface Grid {
  readonly sigmas: readonly number[];
  readonly factors?: readonly number[];
}

/** The levels for so many steps in a file: of `ornstein steps`, or a plain JSON list of falling numbers above 0. */
export function readGridFile(path: string, steps: number | undefined): Grid {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ConfigError(`--grid: ${path}: cannot be read: ${reasonOf(cause)}.`, {
      cause,
    });
  }
  if (isLevels(parsed)) return { sigmas: parsed };
  const { format, grids } = (parsed ?? {}) as { readonly format?: unknown; readonly grids?: Record<string, unknown> };
  if (format !== gridFileFormat || typeof grids !== "object" || grids === null)
    throw new ConfigError(`--grid: ${path}: must be a list of noise levels, or a file that ornstein steps wrote.`);
  const counts = Object.keys(grids);
  const wanted = steps === undefined && counts.length === 1 ? counts[0] : String(steps);
  const grid = Object.hasOwn(grids, wanted)
    ? (grids[wanted] as { readonly sigmas?: unknown; readonly factors?: unknown })
    : undefined;
  if (!grid)
    throw new ConfigError(
      `--grid: ${path}: has grids of ${counts.join(", ")} steps; --steps is ${steps ?? "left out"}.`,
    );
  if (!isLevels(grid.sigmas))
    throw new ConfigError(`--grid: ${path}: the levels of ${wanted} steps are not numbers above 0.`);
  const { sigmas, factors } = grid;
  if (factors === undefined) return { sigmas };
  if (!isLevels(factors) || factors.length !== sigmas.length)
    throw new ConfigError(`--grid: ${path}: the factors of ${wanted} steps are not ${sigmas.length} numbers above 0.`);
  // DDIM's own are not worth a word, and bind no sampler.
  return factors.every((factor) => factor === 1) ? { sigmas } : { sigmas, factors };
}

const isLevels = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === "number" && v > 0 && Number.isFinite(v));
