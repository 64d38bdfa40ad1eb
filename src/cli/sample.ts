/** `ornstein sample`: pictures from a run. */

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { npyBytes } from "../data/files/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type ClassifierGuidance,
  type DiscriminatorGuidance,
  defineRecipe,
  latentOf,
  samplingPlan,
} from "../recipe/index.ts";
import { columnsOf, openDiscriminator, RunFolder, writeAtomic, writeScatter, writeSheet } from "../runs/index.ts";
import type { Device } from "../runtime/index.ts";
import { slerp } from "../sampling/index.ts";
import { openClassifier } from "./accuracy.ts";
import { command } from "./command.ts";
import { type DrawRunOptions, drawRun } from "./drawing.ts";
import { reconstruct } from "./encoding.ts";
import { samplingFlags, samplingOf } from "./sampling-flags.ts";
import { settingsOf, sweep } from "./sweep.ts";
import { openModel, weightFlags, whichCheckpoint } from "./weights.ts";

export const sample = command({
  name: "sample",
  summary: "Draw samples from a run.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "sample runs/mnist --n 64 --seed 3",
    "sample runs/mnist --class 7 --guidance 2 --steps 32 --out sevens.png",
    "sample runs/mnist --sampler ddim --option eta=0.5 --grid exponential",
    "sample runs/mnist --n 6 --interpolate 10",
    "sample runs/mnist --encode seven.png --encode nine.png --latents noise.npy",
    "sample runs/mnist --classifier runs/guide --classifier-scale 2",
    'sample runs/mnist --sweep "sampler=heun,dpm++2m;steps=5,10,20"',
  ],
  flags: {
    n: { type: "integer", default: 64, min: 1, help: "Number of samples" },
    seed: { type: "integer", default: 0, min: 0, help: "Sample i of a seed is the same at any --n" },
    class: { type: "integer", min: 0, help: "Class of all samples; each in turn if left out" },
    ...samplingFlags,
    classifier: {
      type: "string",
      value: "RUN",
      help: "Guide by this classifier: a run of train --objective classifier",
    },
    classifierScale: { type: "number", min: 0, help: "How strongly the classifier guides; 1 if left out" },
    discriminator: { type: "string", value: "RUN", help: "Correct by this discriminator: a run of discriminate" },
    discriminatorWeight: { type: "number", min: 0, help: "Of the correction; 1 if left out" },
    interpolate: { type: "integer", min: 2, help: "Samples in a strip between two starts; --n is then strips" },
    encode: {
      type: "strings",
      value: "SRC",
      help: "Turn examples into noise and back: data (held-out ones), a source, a folder, or image files, one each time",
    },
    latents: { type: "string", value: "FILE", help: "With --encode: the noise, as an .npy array" },
    sweep: {
      type: "string",
      value: "NAME=V,V;…",
      help: "Draw under all these settings, one a row, such as steps=5,10",
    },
    ...weightFlags,
    columns: { type: "integer", min: 1, help: "Samples in a row of the sheet" },
    out: { type: "string", value: "FILE", help: "PNG file; in the run's samples folder if left out" },
  },
  async run(path, flags, terminal) {
    const folder = RunFolder.open(path ?? "");
    const { recipe, data } = folder.describe();
    const { n, seed, interpolate } = flags;
    const guided = flags.classifier !== undefined;
    if (flags.classifierScale !== undefined && !guided)
      throw new ConfigError("sample: --classifier-scale needs --classifier, the run that guides.");
    if (flags.discriminatorWeight !== undefined && flags.discriminator === undefined)
      throw new ConfigError("sample: --discriminator-weight needs --discriminator, the run that corrects.");
    const labelled = recipe.model.conditional || guided;
    if (flags.class !== undefined && (!labelled || flags.class >= data.classes))
      throw new ConfigError(
        labelled
          ? `sample: --class must be below ${data.classes}, the number of classes; got ${flags.class}.`
          : "sample: --class: the model was trained without labels. Leave it out, or add --classifier.",
      );
    if (flags.guidance !== undefined && flags.guidance !== 1 && !recipe.model.conditional)
      throw new ConfigError("sample: --guidance: the model was trained without labels. Leave it out.");
    if (flags.latents !== undefined && flags.encode.length === 0)
      throw new ConfigError("sample: --latents needs --encode, the examples that are turned into noise.");
    if (flags.encode.length > 0) {
      if (interpolate !== undefined || flags.sweep !== undefined || guided)
        throw new ConfigError("sample: --encode goes with none of --interpolate, --sweep and --classifier.");
      const model = openModel(folder, flags);
      try {
        const limit = Math.min(n, flags.batch ?? 16);
        const found = await reconstruct(model, recipe, flags.encode, { limit, seed }, terminal);
        const { pairs, latent, count, ...errors } = found;
        const { rms, most, latentStd } = errors;
        terminal.print(
          `${count} examples to noise and back: rms error ${rms.toExponential(2)}, largest ${most.toExponential(2)}; latents have standard deviation ${latentStd.toFixed(3)}`,
        );
        terminal.record({ count, ...errors });
        if (flags.latents !== undefined) {
          const values = Float32Array.from(latent);
          writeAtomic(flags.latents, [npyBytes({ dims: [count, ...data.shape], values })]);
          terminal.print(`Latents, ${[count, ...data.shape].join(" × ")}: ${flags.latents}`);
        }
        if (data.shape.length === 1) return;
        const out = flags.out ?? join(folder.path, "samples", `seed-${seed}-encoded.png`);
        mkdirSync(dirname(out), { recursive: true });
        await writeSheet(out, pairs, { shape: data.shape, columns: flags.columns ?? 8 });
        terminal.print(`Each example, then its reconstruction: ${out}`);
        return;
      } finally {
        await model.close();
      }
    }
    if (flags.sweep !== undefined) {
      if (interpolate !== undefined)
        throw new ConfigError("sample: --sweep and --interpolate are both given; a sweep draws samples (one).");
      const settings = settingsOf(recipe, flags.sweep, flags);
      const model = openModel(folder, flags);
      try {
        const count = Math.min(n, flags.columns ?? 16);
        const label = flags.class === undefined ? {} : { label: () => flags.class };
        const rows = await withGuide(flags, (guide) =>
          sweep(model, settings, { count, seed, ...label, ...guide }, terminal),
        );
        const out = flags.out ?? join(folder.path, "samples", `seed-${seed}-sweep.png`);
        mkdirSync(dirname(out), { recursive: true });
        const width = Math.max(...rows.map(({ name }) => name.length));
        terminal.print(`${"setting".padEnd(Math.max(width, 7))}     NFE  seconds`);
        for (const { name, values, evaluations, seconds } of rows) {
          const numbers = `${String(evaluations).padStart(6)}  ${seconds.toFixed(2).padStart(7)}`;
          terminal.print(`${name.padEnd(Math.max(width, 7))}  ${numbers}`);
          terminal.record({ ...values, evaluations, seconds });
        }
        const samples = Float64Array.from(rows.flatMap((row) => Array.from(row.samples)));
        if (data.shape.length === 1) return;
        await writeSheet(out, samples, { shape: data.shape, columns: count, rowLabels: rows.map(({ name }) => name) });
        terminal.print(`The same ${count} starts, a row for each setting: ${out}`);
        return;
      } finally {
        await model.close();
      }
    }
    const asked = { ...recipe, sampling: samplingOf(recipe, flags) };
    const { sampling } = defineRecipe(asked, "sample");
    const { stochastic } = samplingPlan(recipe, sampling);
    if (interpolate !== undefined && stochastic)
      throw new ConfigError(
        `sample: --interpolate: ${sampling.sampler} adds noise on the way, so that its start does not decide the sample. Use heun, ddim or dpm++2m.`,
      );
    const strip = interpolate ?? 1;
    const dims = data.shape.reduce((product, size) => product * size, 1);
    const latent = (i: number) => {
      const [row, weight] = [Math.floor(i / strip), (i % strip) / (strip - 1)];
      return slerp(latentOf(seed, 2 * row, dims), latentOf(seed, 2 * row + 1, dims), weight, 1);
    };
    const count = n * strip;
    const chosen = flags.class !== undefined || (interpolate !== undefined && labelled);
    const options: DrawRunOptions = {
      count,
      seed,
      checkpoint: whichCheckpoint(flags.checkpoint),
      weights: flags.weights === "raw" ? "params" : "ema",
      threads: flags.threads,
      device: flags.device as Device,
      ...(flags.batch !== undefined && { batch: flags.batch }),
      ...(chosen && { label: (i: number) => flags.class ?? Math.floor(i / strip) % data.classes }),
      ...(interpolate !== undefined && { latent }),
      sampling,
    };
    const drawn = await withGuide(flags, (guide) => drawRun(folder, { ...options, ...guide }, terminal));
    const { samples, evaluations, seconds } = drawn;
    const name = interpolate === undefined ? `seed-${seed}-n-${n}.png` : `seed-${seed}-strips-${n}.png`;
    const out = flags.out ?? join(folder.path, "samples", name);
    mkdirSync(dirname(out), { recursive: true });
    if (data.shape.length === 1) await writeScatter(out, samples, { dims: data.shape[0] });
    else {
      const inTurn = flags.class === undefined ? columnsOf(recipe, data) : undefined;
      const columns = flags.columns ?? interpolate ?? inTurn ?? Math.ceil(Math.sqrt(count));
      await writeSheet(out, samples, { shape: data.shape, columns: Math.min(columns, count) });
    }
    terminal.print(`${count} samples in ${seconds.toFixed(1)} s (${evaluations} network calls): ${out}`);
    terminal.record({ out, count, seed, seconds, evaluations });
  },
});

/** Draws with the classifier and the discriminator that the flags name, if any, and closes them. */
async function withGuide<T>(
  { discriminator: judge, discriminatorWeight: weight = 1, ...flags }: GuideFlags,
  draw: (guide: Guide) => Promise<T>,
): Promise<T> {
  if (judge === undefined) return withClassifier(flags, draw);
  const discriminator = openDiscriminator(RunFolder.open(judge), {
    threads: flags.threads,
    device: flags.device as Device,
  });
  try {
    return await withClassifier(flags, (guide) => draw({ ...guide, corrected: { discriminator, weight } }));
  } finally {
    await discriminator.close();
  }
}

async function withClassifier<T>(
  { classifier: path, classifierScale: scale = 1, threads, device }: Omit<GuideFlags, `discriminator${string}`>,
  draw: (guide: Guide) => Promise<T>,
): Promise<T> {
  if (path === undefined) return draw({});
  const classifier = openClassifier(RunFolder.open(path), { threads, device: device as Device });
  try {
    return await draw({ towards: { classifier, scale } });
  } finally {
    await classifier.close();
  }
}

interface Guide {
  readonly towards?: ClassifierGuidance;
  readonly corrected?: DiscriminatorGuidance;
}

interface GuideFlags {
  readonly discriminator: string | undefined;
  readonly discriminatorWeight: number | undefined;
  readonly classifier: string | undefined;
  readonly classifierScale: number | undefined;
  readonly threads: number;
  readonly device: string;
}
