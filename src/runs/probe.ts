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
 * Finds the largest micro-batch that trains in `bytes` of memory: of the batch's divisors the largest that is predicted to,
 * and that does when it is measured in a process of its own, or else the next smaller one. Throws ConfigError where not even
 * single examples fit.
 */
export async function fitMicroBatch(
  recipe: Recipe,
  bytes: number,
  predict: (recipe: Recipe) => number,
  measure: (recipe: Recipe) => Promise<number>,
): Promise<Fit> {
  const { batch } = recipe.training;
  const inPasses = (microBatch: number): Recipe => ({ ...recipe, training: { ...recipe.training, microBatch } });
  const sizes = Array.from({ length: batch }, (_, i) => i + 1).filter((size) => batch % size === 0);
  let [at, above] = [0, sizes.length];
  // The whole batch first: often it fits.
  for (let middle = above - 1; at + 1 < above; middle = (at + above) >> 1)
    if (predict(inPasses(sizes[middle])) <= bytes) at = middle;
    else above = middle;
  let least = Number.POSITIVE_INFINITY;
  for (; at >= 0; at--) {
    const used = await measure(inPasses(sizes[at])).catch((error: unknown) => {
      // What ran out of memory did not fit.
      if (error instanceof SessionError) return Number.POSITIVE_INFINITY;
      throw error;
    });
    if (used <= bytes) return { microBatch: sizes[at], bytes: used };
    least = Math.min(least, used);
  }
  throw new ConfigError(
    `--max-memory: training takes ${mebibytes(least)} even example by example (${mebibytes(bytes)} allowed). Allow more, or take a smaller network.`,
  );
}

const mebibytes = (n: number) => `${Math.ceil(n / 2 ** 20)} MiB`;
