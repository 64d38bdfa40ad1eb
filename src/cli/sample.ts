/** `ornstein sample`: pictures from a run. */

import { join } from "node:path";
import { npyBytes } from "../data/files/index.ts";
import { ConfigError } from "../errors/index.ts";
import { columnsOf, defineRecipe, latentOf, samplingPlan } from "../recipe/index.ts";
import { type RunDescription, RunFolder, writeScatter, writeSheet } from "../runs/index.ts";
import { slerp } from "../sampling/index.ts";
import { command, givenOf, grouped, type Terminal, type Values } from "./command.ts";
import { checkPrecision, precisionFlags } from "./compute-flags.ts";
import { checkAtOnce, type DrawRunOptions, drawRun } from "./drawing.ts";
import { checkEdit, editFlags, openEditing } from "./editing.ts";
import { reconstruct } from "./encoding.ts";
import { givenExamples, givenHelp } from "./given.ts";
import { checkGuides, guideFlags, withGuides } from "./guides.ts";
import { makeFolderOf, writeTo } from "./places.ts";
import { samplingFlags, samplingOf } from "./sampling-flags.ts";
import { settingsOf, sweep } from "./sweep.ts";
import { counted } from "./terminal.ts";
import { openModel, weightFlags, whichParameters } from "./weights.ts";

const flags = {
  ...grouped("What to draw", {
    n: { type: "integer", default: 64, min: 1, help: "Number of samples" },
    seed: { type: "integer", default: 0, min: 0, help: "Sample i of a seed is the same at any --n" },
    class: { type: "integer", min: 0, help: "Class of all samples; each in turn if left out" },
    interpolate: { type: "integer", min: 2, help: "Samples in a strip between two starts; --n is then strips" },
    sweep: {
      type: "string",
      value: "NAME=V,V;…",
      help: "Draw under all these settings, one a row, such as steps=5,10",
    },
  }),
  ...samplingFlags,
  ...guideFlags,
  ...editFlags,
  ...grouped("Editing", {
    encode: {
      type: "strings",
      value: "SRC",
      help: `Turn examples into noise and back: ${givenHelp}`,
    },
    latents: {
      type: "string",
      value: "FILE.npy",
      writes: ".npy",
      needs: "encode",
      help: "With --encode: the noise, as an array",
    },
  }),
  ...weightFlags,
  ...precisionFlags,
  ...grouped("Output", {
    out: { type: "string", value: "FILE.png", writes: ".png", help: "Where to; the run's samples folder if left out" },
    columns: { type: "integer", min: 1, help: "Samples in a row of the sheet" },
  }),
};

type SampleFlags = Values<typeof flags>;

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
    "sample runs/mnist --image data --mask left",
    "sample runs/mnist --image sketch.png --noise 2 --class 7",
    "sample runs/mnist --classifier runs/guide --classifier-scale 2",
    "sample runs/averaged --ema 0.15",
    'sample runs/mnist --sweep "sampler=heun,dpm++2m;steps=5,10,20"',
  ],
  flags,
  async run(path, flags, terminal) {
    const folder = RunFolder.open(path ?? "");
    check(folder.describe(), flags);
    if (flags.encode.length > 0) await encodeExamples(folder, flags, terminal);
    else if (flags.sweep !== undefined) await drawSweep(folder, flags.sweep, flags, terminal);
    else await drawSamples(folder, flags, terminal);
  },
});

/** Refuses flags that do not go with the run or with each other. */
function check({ recipe, data }: RunDescription, flags: SampleFlags): void {
  checkGuides(flags);
  checkEdit(flags);
  checkPrecision(flags.precision, flags.device);
  const labelled = recipe.model.conditional || flags.classifier !== undefined;
  if (flags.class !== undefined && (!labelled || flags.class >= data.classes))
    throw new ConfigError(
      labelled
        ? `sample: --class must be below ${data.classes}, the number of classes; got ${flags.class}.`
        : "sample: --class: the model was trained without labels. Leave it out, or add --classifier.",
    );
  if (flags.guidance !== undefined && flags.guidance !== 1 && !recipe.model.conditional)
    throw new ConfigError("sample: --guidance: the model was trained without labels. Leave it out.");
  const { interpolate, encode, image, sweep } = flags;
  const ways = { interpolate, encode: encode[0], image: image[0], sweep };
  const [one, other] = Object.entries(ways).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]));
  if (other !== undefined)
    throw new ConfigError(`sample: ${one} and ${other} are both given; each is a way to draw (one).`);
  if (encode.length === 0) return;
  const unused = givenOf({ ...samplingFlags, ...guideFlags, ...precisionFlags }, flags);
  if (unused !== undefined)
    throw new ConfigError(
      `sample: --encode follows the model's own flow at a tolerance, and has no use for ${unused}. Leave it out.`,
    );
}

async function encodeExamples(folder: RunFolder, flags: SampleFlags, terminal: Terminal): Promise<void> {
  const { data } = folder.describe();
  const { n, seed } = flags;
  const model = openModel(folder, flags);
  try {
    const limit = Math.min(n, flags.batch ?? 16);
    const given = await givenExamples(model, flags.encode, { flag: "--encode", limit, seed }, terminal);
    const labels = given.labels.map((own) => flags.class ?? own);
    const { pairs, latent, ...errors } = await reconstruct(model, { ...given, labels }, terminal);
    const { count } = given;
    const { rms, most, latentStd } = errors;
    terminal.print(
      `${counted(count, "example")} to noise and back: rms error ${rms.toExponential(2)}, largest ${most.toExponential(2)}; latents have standard deviation ${latentStd.toFixed(3)}`,
    );
    terminal.record({ count, ...errors });
    if (flags.latents !== undefined) {
      const values = Float32Array.from(latent);
      writeTo(flags.latents, npyBytes({ dims: [count, ...data.shape], values }));
      terminal.print(`Latents, ${[count, ...data.shape].join(" × ")}: ${flags.latents}`);
    }
    if (data.shape.length === 1) return;
    const out = outOf(folder, flags, "encoded");
    await writeSheet(out, pairs, { shape: data.shape, columns: flags.columns ?? 8 });
    terminal.print(`Each example, then its reconstruction: ${out}`);
  } finally {
    await model.close();
  }
}

async function drawSweep(folder: RunFolder, text: string, flags: SampleFlags, terminal: Terminal): Promise<void> {
  const { recipe, data } = folder.describe();
  const { n, seed } = flags;
  const settings = settingsOf(recipe, text, flags);
  const model = openModel(folder, flags);
  try {
    const count = Math.min(n, flags.columns ?? 16);
    const label = flags.class === undefined ? {} : { label: () => flags.class };
    const rows = await withGuides(flags, (guides) =>
      sweep(model, settings, { count, seed, ...label, ...guides }, terminal),
    );
    const title = Object.keys(rows[0].values).join(" ");
    const width = Math.max(title.length, ...rows.map(({ name }) => name.length));
    terminal.print(`${title.padEnd(width)}     NFE  seconds`);
    for (const { name, values, evaluations, seconds } of rows) {
      const numbers = `${String(evaluations).padStart(6)}  ${seconds.toFixed(2).padStart(7)}`;
      terminal.print(`${name.padEnd(width)}  ${numbers}`);
      terminal.record({ ...values, evaluations, seconds });
    }
    const samples = Float64Array.from(rows.flatMap((row) => Array.from(row.samples)));
    if (data.shape.length === 1) return;
    const out = outOf(folder, flags, "sweep");
    await writeSheet(out, samples, { shape: data.shape, columns: count, rowLabels: rows.map(({ name }) => name) });
    terminal.print(`The same ${count} starts, a row for each setting: ${out}`);
  } finally {
    await model.close();
  }
}

async function drawSamples(folder: RunFolder, flags: SampleFlags, terminal: Terminal): Promise<void> {
  const { recipe, data } = folder.describe();
  const { n, seed, interpolate } = flags;
  const { sampling } = defineRecipe({ ...recipe, sampling: samplingOf(recipe, flags) }, "sample");
  const { stochastic } = samplingPlan(recipe, sampling, flags.noise);
  if (interpolate !== undefined && stochastic)
    throw new ConfigError(
      `sample: --interpolate: ${sampling.sampler} adds noise on the way, so that its start does not decide the sample. Use heun, ddim or dpm++2m.`,
    );
  const dims = data.shape.reduce((product, size) => product * size, 1);
  checkAtOnce("sample: --n", n * (interpolate ?? 1), dims);
  const strips = interpolate === undefined ? undefined : stripsOf(interpolate, seed, dims);
  const editing = flags.image.length === 0 ? undefined : await openEditing(recipe, data, flags, terminal);
  const count = editing?.count ?? n * (interpolate ?? 1);
  const labelled = recipe.model.conditional || flags.classifier !== undefined;
  const label = editing?.label ?? (strips && labelled ? (i: number) => strips.strip(i) % data.classes : undefined);
  const options: DrawRunOptions = {
    count,
    seed,
    ...whichParameters(flags),
    threads: flags.threads,
    device: flags.device,
    ...(flags.precision === "float16" && { precision: flags.precision }),
    ...(flags.batch !== undefined && { batch: flags.batch }),
    ...(flags.class !== undefined ? { label: () => flags.class } : label && { label }),
    ...(strips && { latent: strips.latent }),
    ...(editing && { edit: editing.edit }),
    sampling,
  };
  const drawn = await withGuides(flags, (guides) => drawRun(folder, { ...options, ...guides }, terminal));
  const { samples, evaluations, seconds } = drawn;
  const out = outOf(folder, flags, editing ? `edited-${count}` : strips ? `strips-${n}` : `n-${n}`);
  if (data.shape.length === 1) await writeScatter(out, samples, { dims: data.shape[0] });
  else {
    const inTurn = flags.class === undefined ? columnsOf(recipe, data) : undefined;
    const columns = flags.columns ?? interpolate ?? editing?.columns ?? inTurn ?? Math.ceil(Math.sqrt(count));
    const shown = editing ? editing.sheet(samples) : samples;
    await writeSheet(out, shown, { shape: data.shape, columns: Math.min(columns, shown.length / dims) });
  }
  terminal.print(
    `${counted(count, "sample")} in ${seconds.toFixed(1)} s (${counted(evaluations, "network call")}): ${out}`,
  );
  terminal.record({ out, count, seed, seconds, evaluations });
}

/** Strips of so many samples, each along the arc between two starts. */
function stripsOf(length: number, seed: number, dims: number) {
  const strip = (i: number) => Math.floor(i / length);
  const latent = (i: number) => {
    const [from, to] = [0, 1].map((end) => latentOf(seed, 2 * strip(i) + end, dims));
    return slerp(from, to, (i % length) / (length - 1), 1);
  };
  return { strip, latent };
}

/** Where the sheet goes; its folder is made. */
function outOf(folder: RunFolder, { out, seed }: SampleFlags, what: string): string {
  const path = out ?? join(folder.path, "samples", `seed-${seed}-${what}.png`);
  makeFolderOf(path);
  return path;
}
