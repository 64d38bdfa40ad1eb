/** The bench: the library's engine beside others, on the networks of `networks.ts`. */
import { cpus, loadavg, totalmem } from "node:os";
import { type MeasureOptions, measure, type NetworkResult } from "./measure.ts";
import type { BenchName } from "./networks.ts";
import { type EngineSpec, javascriptEngines, torch } from "./others.ts";
import { type Row, rowsOf } from "./report.ts";

export type { NetworkResult } from "./measure.ts";
export { type BenchName, type BenchNetwork, benchNames, benchNetworks, buildBench } from "./networks.ts";
export { agrees, type Row, remarks, rowsOf, table } from "./report.ts";

export interface BenchOptions extends Omit<MeasureOptions, "others"> {
  readonly names: readonly BenchName[];
  /** Interpreters to look for PyTorch in, in this order. */
  readonly pythons: readonly string[];
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly threads: number;
  readonly memoryBytes: number;
  readonly node: string;
  /** Processes that wanted to run in the minute before: more than a few tenths disturb the measurements. */
  readonly load: number;
}

export type BenchRecord =
  | ({ readonly type: "machine" } & Machine)
  /** An engine that is not there, and what would change that. */
  | { readonly type: "skipped"; readonly reason: string }
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "network"; readonly result: NetworkResult; readonly rows: readonly Row[] };

/** The networks measured by `--quick`. */
export const quickNames = ["unet-a", "mlp"] as const satisfies readonly BenchName[];

/** Measures networks one after another; stops between two measurements when its consumer does. */
export async function* bench({ names, pythons, ...options }: BenchOptions): AsyncGenerator<BenchRecord, void> {
  const [{ model }] = cpus();
  yield {
    type: "machine",
    processor: model,
    cores: cpus().length,
    threads: options.threads,
    memoryBytes: totalmem(),
    node: process.version,
    load: loadavg()[0],
  };
  const others: EngineSpec[] = [];
  for (const found of [torch(pythons), ...javascriptEngines()]) {
    if (typeof found === "string") yield { type: "skipped", reason: found };
    else others.push(found);
  }
  for (const name of names) {
    const measuring = measure(name, { ...options, others });
    try {
      for (;;) {
        const { value, done } = await measuring.next();
        if (done) {
          yield { type: "network", result: value, rows: rowsOf(value) };
          break;
        }
        yield { type: "progress", text: value };
      }
    } finally {
      await measuring.return(undefined as never);
    }
  }
}
