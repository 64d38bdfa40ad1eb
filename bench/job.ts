/** Writing what every engine's process is started with. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MemorySpec } from "../src/training/index.ts";
import { type BenchName, type BenchNetwork, benchInputs, benchNetworks, benchWeights, buildBench } from "./networks.ts";
import type { Job, Layout } from "./protocol.ts";

export interface JobOptions {
  readonly threads: number;
  readonly memory?: MemorySpec;
}

/** Writes weights, inputs and a job for each layout; returns the jobs' files. */
export function writeJobs(
  folder: string,
  name: BenchName,
  { threads, memory = "normal" }: JobOptions,
): Record<Layout, string> {
  const network: BenchNetwork = benchNetworks[name];
  const { parameters } = buildBench(network);
  const file = (label: string, data: Float32Array) => {
    const path = join(folder, `${label}.f32`);
    writeFileSync(path, data);
    return path;
  };
  const job: Omit<Job, "layout"> = {
    network: { name, config: network.config },
    parameters: parameters.map(({ path, shape }) => [path, shape]),
    weights: file("weights", benchWeights(parameters)),
    inputs: Object.fromEntries(
      Object.entries(benchInputs(network)).map(([label, data]) => [
        label,
        [file(label, data), [network.batch, ...(label === "target" ? network.inputs["x"] : network.inputs[label])]],
      ]),
    ),
    lr: 1e-4,
    threads,
    memory,
  };
  const write = (layout: Layout) => {
    const path = join(folder, `${layout}.json`);
    writeFileSync(path, JSON.stringify({ ...job, layout }));
    return path;
  };
  return { nchw: write("nchw"), channels_last: write("channels_last") };
}
