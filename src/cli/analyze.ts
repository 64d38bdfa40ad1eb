/** What all `ornstein analyze` commands share: where results go, and data laid flat. */
import { join } from "node:path";
import { linePlot, type PlotOptions } from "../analysis/index.ts";
import { type Dataset, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { grouped, type Terminal } from "./command.ts";
import { writeTo } from "./places.ts";
import { writePlots } from "./plots.ts";

export const analyzeFlags = {
  ...grouped("What to measure", { seed: { type: "integer", default: 0, min: 0, help: "Of everything drawn" } }),
  ...grouped("Output", {
    out: {
      type: "string",
      value: "DIR",
      default: "analysis",
      writes: "folder",
      help: "Folder for plots (SVG and PNG) and numbers (JSON)",
    },
  }),
};

/** Writes plots and the numbers behind them, and says where. */
export async function writeAnalysis(
  out: string,
  name: string,
  numbers: object,
  plots: Readonly<Record<string, PlotOptions>>,
  terminal: Terminal,
): Promise<void> {
  const json = join(out, `${name}.json`);
  writeTo(json, `${JSON.stringify({ analysis: name, ...numbers }, null, 2)}\n`);
  terminal.say(`Numbers: ${json}`);
  const drawn = Object.entries(plots).map(([plot, options]) => [plot, linePlot(options)] as const);
  await writePlots(Object.fromEntries(drawn), (plot) => join(out, plot), terminal);
  terminal.record({ analysis: name, ...numbers });
}

/** A random choice of `count` examples of a data set, flat; of those of one class, if asked for. */
export function choose(dataset: Dataset, count: number, seed: number, purpose: string): Float32Array<ArrayBuffer> {
  if (count > dataset.size)
    throw new ConfigError(`--n: ${dataset.name} has ${dataset.size} examples, fewer than the ${count} asked for.`);
  return read(dataset, stream(seed, purpose).permutation(dataset.size).subarray(0, count));
}

/** These examples, flat. */
export function read(dataset: Dataset, indices: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const dims = elements(dataset.shape);
  const out = new Float32Array(indices.length * dims);
  for (let i = 0; i < indices.length; i++) dataset.read(indices[i], out, i * dims);
  return out;
}

/** Numbers in a list such as 64,512. */
export function numbers(where: string, text: string, fits: (value: number) => boolean, kind: string): number[] {
  const values = text.split(",").map(Number);
  if (text.trim() === "" || !values.every(fits))
    throw new ConfigError(`${where}: must be ${kind}; got ${JSON.stringify(text)}.`);
  return values;
}

/** Refuses ends of noise levels that do not rise. */
export function checkRising({ from, to }: { readonly from: number; readonly to: number }): void {
  if (from >= to) throw new ConfigError(`--from, --to: noise levels must rise; got ${from} and ${to}.`);
}

/** `count` levels from one to another, evenly spaced in their logarithm. */
export const levels = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (count > 1 ? i / (count - 1) : 0));

/** A row of a table on the terminal. */
export const cells = (...values: readonly (number | string)[]): string =>
  values.map((value) => `  ${typeof value === "string" ? value : show(value)}`.padStart(15)).join("");

/** Four digits. */
export const show = (value: number): string => {
  if (Number.isFinite(value)) return Math.abs(value) < 1e-12 ? "0" : String(Number(value.toPrecision(4)));
  return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
};
