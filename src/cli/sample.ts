/** `ornstein sample`: pictures from a run. */

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "../errors/index.ts";
import { columnsOf, RunFolder, writeScatter, writeSheet } from "../runs/index.ts";
import { type Device, devices } from "../runtime/index.ts";
import { type SamplerName, samplers } from "../sampling/index.ts";
import { command } from "./command.ts";
import { type DrawRunOptions, drawRun } from "./drawing.ts";

export const sample = command({
  name: "sample",
  summary: "Draw samples from a run.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "sample runs/mnist --n 64 --seed 3",
    "sample runs/mnist --class 7 --guidance 2 --steps 32 --out sevens.png",
  ],
  flags: {
    n: { type: "integer", default: 64, min: 1, help: "Number of samples" },
    seed: { type: "integer", default: 0, min: 0, help: "Sample i of a seed is the same at any --n" },
    sampler: { type: "choice", choices: Object.keys(samplers), help: "Solver; the recipe's if left out" },
    steps: { type: "integer", min: 1, help: "Solver steps" },
    class: { type: "integer", min: 0, help: "Class of all samples; each in turn if left out" },
    guidance: { type: "number", min: 0, help: "Classifier-free guidance: 1 is none" },
    weights: {
      type: "choice",
      choices: ["ema", "raw"],
      default: "ema",
      help: "Averaged parameters, or those of the last update",
    },
    checkpoint: { type: "string", value: "STEP", default: "latest", help: "latest, best, or a step" },
    batch: { type: "integer", min: 1, help: "Samples in one call of the network" },
    device: { type: "choice", choices: devices, default: "cpu", help: "Where to compute" },
    threads: { type: "integer", default: 0, min: 0, help: "Threads; 0 is the number of physical cores" },
    columns: { type: "integer", min: 1, help: "Samples in a row of the sheet" },
    out: { type: "string", value: "FILE", help: "PNG file; in the run's samples folder if left out" },
  },
  async run(path, flags, terminal) {
    const folder = RunFolder.open(path ?? "");
    const { recipe, data } = folder.describe();
    const { n: count, seed } = flags;
    if (flags.class !== undefined && (!recipe.model.conditional || flags.class >= data.classes))
      throw new ConfigError(
        recipe.model.conditional
          ? `sample: --class must be below ${data.classes}, the number of classes; got ${flags.class}.`
          : "sample: --class: the model was trained without labels. Leave it out.",
      );
    if (flags.guidance !== undefined && flags.guidance !== 1 && !recipe.model.conditional)
      throw new ConfigError("sample: --guidance: the model was trained without labels. Leave it out.");
    // Another sampler starts from its own defaults, not from the options of the recipe's.
    const { options: own, ...sampling } = recipe.sampling;
    const options: DrawRunOptions = {
      count,
      seed,
      checkpoint: which(flags.checkpoint),
      weights: flags.weights === "raw" ? "params" : "ema",
      threads: flags.threads,
      device: flags.device as Device,
      ...(flags.batch !== undefined && { batch: flags.batch }),
      ...(flags.class !== undefined && { label: () => flags.class }),
      sampling: {
        ...sampling,
        ...(flags.sampler === undefined ? own && { options: own } : { sampler: flags.sampler as SamplerName }),
        ...(flags.steps !== undefined && { steps: flags.steps }),
        ...(flags.guidance !== undefined && { guidance: flags.guidance }),
      },
    };
    const { samples, evaluations, seconds } = await drawRun(folder, options, terminal);
    const out = flags.out ?? join(folder.path, "samples", `seed-${seed}-n-${count}.png`);
    mkdirSync(dirname(out), { recursive: true });
    if (data.shape.length === 1) await writeScatter(out, samples, { dims: data.shape[0] });
    else {
      const inTurn = flags.class === undefined ? columnsOf(recipe, data) : undefined;
      const columns = flags.columns ?? inTurn ?? Math.ceil(Math.sqrt(count));
      await writeSheet(out, samples, { shape: data.shape, columns: Math.min(columns, count) });
    }
    terminal.print(`${count} samples in ${seconds.toFixed(1)} s (${evaluations} network calls): ${out}`);
    terminal.record({ out, count, seed, seconds, evaluations });
  },
});

function which(text: string): "latest" | "best" | number {
  if (text === "latest" || text === "best") return text;
  const step = Number(text);
  if (!Number.isInteger(step) || step < 0)
    throw new ConfigError(`sample: --checkpoint must be latest, best or a step; got "${text}".`);
  return step;
}
