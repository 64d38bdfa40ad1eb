/** What training a recipe takes here, measured in a process of its own; and the largest micro-batch that fits memory. */
import { spawn } from "node:child_process";
import { ConfigError, SessionError } from "../errors/index.ts";
import type { DataFacts, MeasureOptions, Recipe, Speed } from "../recipe/index.ts";

/** What the process is told. */
export interface ProbeRequest {
  readonly recipe: Recipe;
  readonly facts: DataFacts;
  readonly options: MeasureOptions;
}

export interface Probe {
  readonly speed: Speed;
  /** The most memory that the process has held, without data, bytes. */
  readonly bytes: number;
}

/** Trains for a moment on made-up data in a new process. Throws SessionError where that fails. */
export async function probe(recipe: Recipe, facts: DataFacts, options: MeasureOptions = {}): Promise<Probe> {
  const request: ProbeRequest = { recipe, facts, options };
  const child = spawn(process.execPath, [new URL("./probe-process.js", import.meta.url).pathname], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let [answer, trouble] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    trouble += text;
  });
  child.stdin.on("error", () => {}); // The exit says more.
  child.stdin.end(JSON.stringify(request));
  const code = await new Promise<number | string | null>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (status, signal) => resolve(status ?? signal));
  });
  if (code !== 0)
    throw new SessionError(
      `measuring the recipe: the process ended with ${code}: ${trouble.trim().split("\n").at(-1) || "it said nothing"}. Memory may have run out; try a smaller --micro-batch.`,
    );
  return JSON.parse(answer) as Probe;
}

/** The largest micro-batch under a bound of memory. */
export interface Fit {
  readonly microBatch: number;
  /** The most memory that training takes with it, without data. */
  readonly bytes: number;
}

/**
 * Finds the largest micro-batch that trains in `bytes` of memory, by bisection over the divisors of the batch; each is
 * tried in a process of its own. Throws ConfigError where not even single examples fit.
 */
export async function fitMicroBatch(
  recipe: Recipe,
  bytes: number,
  measure: (recipe: Recipe) => Promise<number>,
): Promise<Fit> {
  const { batch } = recipe.training;
  const sizes = Array.from({ length: batch }, (_, i) => i + 1).filter((size) => batch % size === 0);
  const taken = async (microBatch: number) =>
    measure({ ...recipe, training: { ...recipe.training, microBatch } }).catch((error: unknown) => {
      // What ran out of memory did not fit.
      if (error instanceof SessionError) return Number.POSITIVE_INFINITY;
      throw error;
    });
  let best: Fit | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let [low, high] = [0, sizes.length - 1]; low <= high; ) {
    // The whole batch first: often it fits.
    const middle = high === sizes.length - 1 && !Number.isFinite(least) ? high : (low + high) >> 1;
    const used = await taken(sizes[middle]);
    least = Math.min(least, used);
    if (used <= bytes) {
      best = { microBatch: sizes[middle], bytes: used };
      low = middle + 1;
    } else high = middle - 1;
  }
  if (best) return best;
  throw new ConfigError(
    `--max-memory: training takes ${mebibytes(least)} even example by example (${mebibytes(bytes)} allowed). Allow more, or take a smaller network.`,
  );
}

const mebibytes = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
