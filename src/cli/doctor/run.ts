/** A run: its files, its parameters, how its training went, and whether its samples have the colours of the data. */
import { join } from "node:path";
import { type Dataset, elements } from "../../data/index.ts";
import { holderOf } from "../../disk/index.ts";
import { ConfigError } from "../../errors/index.ts";
import { colourDistance } from "../../metrics/index.ts";
import { drawFrom, modelOf, type Recipe, trainedModel } from "../../recipe/index.ts";
import { dataFingerprint, type RunFolder, type StatsLine } from "../../runs/index.ts";
import { flatFromCheckpoint, networkOf, type Safetensors } from "../../training/index.ts";
import type { Terminal } from "../command.ts";
import { showing } from "../eta.ts";
import { toPaste } from "../program.ts";
import { type Finding, found, percent, short } from "./finding.ts";

export interface RunOptions {
  /** Samples drawn to look at colours; none if 0. */
  readonly samples: number;
  readonly threads: number;
}

/** Yields findings about a run; `dataset` is its own data, if they are still there. */
export async function* checkRun(
  folder: RunFolder,
  dataset: Dataset | undefined,
  { samples, threads }: RunOptions,
  terminal: Terminal,
): AsyncGenerator<Finding> {
  const { recipe, data } = folder.describe();
  const holder = holderOf(join(folder.path, "lock"));
  if (holder) yield found("lock").note(`process ${holder.pid} is training this run: what is said here is of now`);
  if (dataset) yield dataFinding(data, dataset);
  const steps = folder.checkpoints();
  if (steps.length === 0) {
    yield found("checkpoints").error(
      "there is none",
      `Train it: ${toPaste("train", "--resume", "--out", folder.path)}`,
    );
    return;
  }
  let latest: { readonly checkpoint: Safetensors; readonly path: string } | undefined;
  for (const step of steps) {
    try {
      latest = folder.load(step);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      yield found("checkpoints").error(error.message, "Delete it: training goes on from the one before.");
    }
  }
  if (!latest) return;
  yield found("checkpoints").ok(`${steps.length} readable, the latest of step ${steps[steps.length - 1]}`);
  const broken = nonFinite(latest.checkpoint);
  yield broken
    ? found("parameters").error(
        `${broken} is not finite`,
        "Training diverged: go on from --checkpoint best, with a lower learning rate or a smaller training.clip.",
      )
    : found("parameters").ok("all finite");
  const { parameters } = networkOf(modelOf(recipe, data));
  const [raw, ema] = (["params", "ema"] as const).map((name) =>
    flatFromCheckpoint(parameters, latest.checkpoint.tensors, name, latest.path),
  );
  yield lagFinding(recipe, raw, ema, Number(latest.checkpoint.metadata["images"]));
  yield* historyFindings(recipe, folder.stats());
  if (samples > 0 && !broken && dataset && data.shape.length === 3)
    yield* await colourFindings(recipe, { data, ema, dataset, samples, threads }, terminal);
}

function dataFinding({ name, examples, hash }: ReturnType<RunFolder["describe"]>["data"], dataset: Dataset): Finding {
  const say = found("same data");
  if (examples !== undefined && examples !== dataset.size)
    return say.error(
      `${dataset.size} examples; the run began with ${examples} of ${name}`,
      "Bring the data back, or train anew.",
    );
  if (hash !== undefined && hash !== dataFingerprint(dataset))
    return say.error("as many examples as the run began with, but others", "Bring the data back, or train anew.");
  return say.ok(hash === undefined ? "as many examples as the run began with" : "those that the run began with");
}

/** The first tensor with a number that is none. */
function nonFinite({ tensors }: Safetensors): string | undefined {
  return Object.keys(tensors).find((name) => {
    const { data } = tensors[name];
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return true;
    return false;
  });
}

/** How far the average is from the parameters, as a share of their length, that is a concern. */
const far = 0.5;

function lagFinding({ training }: Recipe, raw: Float32Array, ema: Float32Array, images: number): Finding {
  const say = found("average");
  let [apart, length] = [0, 0];
  for (let i = 0; i < raw.length; i++) {
    apart += (raw[i] - ema[i]) ** 2;
    length += raw[i] ** 2;
  }
  const distance = Math.sqrt(apart / length);
  const text = `the averaged parameters are ${percent(distance)} of their length from the latest, after ${short(images)} images`;
  return distance > far
    ? say.warning(
        text,
        `Samples of the average look like those of long ago: draw with --weights raw, train longer, or shorten training.ema (${training.ema.type}).`,
      )
    : say.ok(text);
}

function* historyFindings({ training }: Recipe, lines: readonly StatsLine[]): Generator<Finding> {
  const say = found("training");
  if (lines.length < 10) {
    yield say.note(`${lines.length} lines of statistics, too few to say how training goes`);
    return;
  }
  const bad = lines.find(({ loss, gradientNorm }) => !Number.isFinite(loss) || !Number.isFinite(gradientNorm));
  if (bad)
    yield say.error(
      `at step ${bad.step} loss or gradient was not finite`,
      "Lower training.learningRate.peak, or set training.clip to 1.",
    );
  const mean = (from: number, to: number, of: (line: StatsLine) => number) => {
    const part = lines.slice(
      Math.floor(from * lines.length),
      Math.max(Math.floor(from * lines.length) + 1, Math.floor(to * lines.length)),
    );
    return part.reduce((sum, line) => sum + of(line), 0) / part.length;
  };
  const tenths = Array.from({ length: 10 }, (_, k) => mean(k / 10, (k + 1) / 10, ({ loss }) => loss));
  const [least, last] = [Math.min(...tenths), tenths[9]];
  const losses = `loss ${short(tenths[0])} in the first tenth, ${short(last)} in the last`;
  yield last > 1.5 * least
    ? say.warning(
        `${losses}, ${short(last / least)} times the least`,
        "It rises again: lower the learning rate, or draw with --checkpoint best.",
      )
    : say.ok(losses);
  const { clip } = training;
  if (clip !== undefined) {
    const clipped = lines.filter(({ gradientNorm }) => gradientNorm > clip).length / lines.length;
    if (clipped > 0.9)
      yield found("gradient").note(
        `longer than training.clip = ${short(clip)} in ${percent(clipped)} of the lines`,
        "The clip sets the step, not the learning rate: raise one, or lower the other.",
      );
  }
  const [early, late] = [mean(0.1, 0.3, ({ memory }) => memory), mean(0.9, 1, ({ memory }) => memory)];
  if (late > 1.5 * early && late - early > 2 ** 29)
    yield found("memory").warning(
      `grew from ${short(early / 2 ** 20)} to ${short(late / 2 ** 20)} MiB in the course of training`,
      "It should stay flat: please report it.",
    );
}

/** Differences of mean colour, in grey levels, and of contrast, that can be seen. */
const [visible, contrast] = [8, 0.15];

async function colourFindings(
  recipe: Recipe,
  {
    data,
    ema,
    dataset,
    samples,
    threads,
  }: {
    readonly data: ReturnType<RunFolder["describe"]>["data"];
    readonly ema: Float32Array;
    readonly dataset: Dataset;
    readonly samples: number;
    readonly threads: number;
  },
  terminal: Terminal,
): Promise<Finding[]> {
  const dims = elements(data.shape);
  const [channels] = data.shape;
  const show = showing(terminal);
  const model = trainedModel(recipe, data, ema, { threads });
  let drawn: Float64Array;
  try {
    const drawing = drawFrom(model, { count: samples, seed: 0, batch: Math.min(64, samples) });
    let next = await drawing.next();
    for (; !next.done; next = await drawing.next()) show(`drawing ${samples} samples`, next.value.share, 1);
    drawn = next.value;
  } finally {
    await model.close();
  }
  const some = Math.min(dataset.size, 2000);
  const real = new Float32Array(some * dims);
  for (let i = 0; i < some; i++) dataset.read(Math.floor((i * dataset.size) / some), real, i * dims);
  const bad = drawn.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    return [
      found("samples").error(
        `sample ${Math.floor(bad / dims)} is not finite`,
        "Training diverged, or the sampler does not fit.",
      ),
    ];
  const { difference, standardError } = colourDistance(
    { data: real, count: some, dims },
    { data: drawn, count: samples, dims },
    channels,
  );
  const levels = Array.from(difference, (value) => 127.5 * value);
  const errors = Array.from(standardError, (value) => 127.5 * value);
  const text = `mean colours of ${samples} samples are off by ${levels.map((level, c) => `${level > 0 ? "+" : ""}${short(level)} ± ${short(errors[c])}`).join(", ")} grey levels`;
  const drifted = levels.some((level, c) => Math.abs(level) > visible && Math.abs(level) > 3 * errors[c]);
  const findings = [
    drifted
      ? found("colour").warning(
          text,
          "A tint: train longer or with a larger batch, lower guidance, predict v or as edm rather than ε, or start at more noise (sampling.grid.sigmaMax).",
        )
      : found("colour").ok(text),
  ];
  const spread = deviation(drawn) / deviation(real) - 1;
  const wide = `their contrast is ${percent(Math.abs(spread))} ${spread > 0 ? "above" : "below"} the data's`;
  findings.push(
    Math.abs(spread) > contrast
      ? found("contrast").warning(wide, spread > 0 ? "Lower sampling.guidance." : "Train longer, or take more steps.")
      : found("contrast").ok(wide),
  );
  const beyond = drawn.reduce((count, value) => count + (Math.abs(value) > 1.1 ? 1 : 0), 0) / drawn.length;
  if (beyond > 0.02)
    findings.push(
      found("range").warning(
        `${percent(beyond)} of the samples' numbers lie beyond ±1.1`,
        "They are cut off: lower guidance, or set sampling.threshold.",
      ),
    );
  return findings;
}

function deviation(values: Float32Array | Float64Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(squares / values.length - (sum / values.length) ** 2);
}
