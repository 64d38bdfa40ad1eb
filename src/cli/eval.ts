/** `ornstein eval`: how good samples are, in numbers that say how they were made. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type PixelConvention, pixelConventions } from "../data/index.ts";
import { ConfigError, unknownName } from "../errors/index.ts";
import { examplesAt, type MetricName, metricNames, parseMetrics } from "../evaluation/index.ts";
import { stream } from "../random/index.ts";
import { defineRecipe, type Recipe, samplingPlan } from "../recipe/index.ts";
import {
  appendEvaluation,
  averageOfLength,
  drawSamples,
  type Evaluation,
  hashDataset,
  nearRuns,
  type ParametersOf,
  RunFolder,
  type Subject,
  storedAverages,
} from "../runs/index.ts";
import { command, givenOf, grouped, type Terminal, type Values } from "./command.ts";
import { checkPrecision, precisionFlags } from "./compute-flags.ts";
import { curvesOf } from "./curve.ts";
import { checkKept } from "./drawing.ts";
import { showing, shown } from "./eta.ts";
import { describeEvaluation } from "./evaluation-text.ts";
import { type Chosen, describeFeatures, featureFlags, readFeatures } from "./features.ts";
import { checkGuides, guideFlags, withGuides } from "./guides.ts";
import { type Against, judge, prepareReference, protocolOf } from "./judge.ts";
import { writePlots } from "./plots.ts";
import { loadData } from "./recipes.ts";
import { samplingFlags, samplingOf } from "./sampling-flags.ts";
import { loadSource, sourceFlags } from "./sources.ts";
import { type Setting, settingsOf } from "./sweep.ts";
import { type JudgedSetting, sweepPlots, sweepTable } from "./sweep-report.ts";
import { weightFlags, whichCheckpoint } from "./weights.ts";

const flagTable = {
  ...grouped("What to measure", {
    n: { type: "integer", default: 2000, min: 2, help: "Samples of each seed" },
    seeds: { type: "integer", default: 3, min: 1, help: "How often it is repeated, for an interval" },
    metrics: { type: "string", value: "NAME,…", help: `Of ${metricNames.join(", ")}; the usual ones if left out` },
    reference: { type: "string", value: "SRC|FILE.npz", help: "What to compare with; a run's own data if left out" },
    sweep: { type: "string", value: "NAME=V,V;…", help: "Evaluate under all these settings, such as steps=5..40" },
    ...featureFlags,
    rounding: {
      type: "choice",
      choices: Object.keys(pixelConventions) as PixelConvention[],
      default: "edm",
      help: "How samples become bytes: edm rounds, adm truncates",
    },
  }),
  ...samplingFlags,
  ...guideFlags,
  ...grouped("Output", {
    out: {
      type: "string",
      value: "FILE",
      writes: "file",
      help: "Add the numbers to this file of JSON lines; a run's eval.jsonl",
    },
    plot: {
      type: "string",
      value: "NAME",
      writes: "names",
      needs: "sweep",
      help: "Plots of a sweep: every number over NFE, as NAME-kid.svg and so on",
    },
    curve: {
      type: "string",
      value: "NAME",
      writes: "names",
      help: "Plot every number against images seen, as NAME-fd.svg and so on; of all checkpoints",
    },
  }),
  ...weightFlags,
  ...precisionFlags,
  ...grouped("Which parameters", {
    weights: {
      type: "string",
      value: "ema|raw",
      default: "ema",
      help: "Averaged parameters, or those of the last update; ema,raw for both",
    },
    checkpoint: { type: "string", value: "STEP,…", default: "latest", help: "latest, best, all, or steps" },
    ema: {
      type: "string",
      value: "LENGTH,…",
      help: "In their place averages of these relative lengths, such as 0.05,0.1, of a run with training.averages",
    },
  }),
  ...sourceFlags,
};

export type EvalFlags = Values<typeof flagTable>;

export const evaluate = command({
  name: "eval",
  summary: "Measure samples against data, with intervals.",
  argument: { name: "RUN|FOLDER|SRC", help: "A run to draw from, or images that are there", required: true },
  examples: [
    "eval runs/mnist",
    "eval runs/mnist --n 5000 --seeds 2 --sweep guidance=1,1.5,2",
    'eval runs/mnist --sweep "sampler=heun,dpm++2m;steps=5..40" --plot sweep',
    "eval runs/mnist --classifier runs/guide --classifier-scale 2",
    "eval runs/mnist --checkpoint best,latest --weights ema,raw --metrics fd,kid",
    "eval runs/mnist --curve mnist --n 1000 --seeds 2",
    "eval runs/averaged --ema 0.02,0.05,0.1,0.2 --curve averages",
    "eval pictures/ --reference photos/ --size 64 --features inception=inception.onnx",
  ],
  flags: flagTable,
  async run(path = "", flags, terminal) {
    const chosen = readFeatures(flags.features);
    const metrics = flags.metrics === undefined ? undefined : parseMetrics("--metrics", flags.metrics.split(","));
    if (RunFolder.exists(path)) await evaluateRun(RunFolder.open(path), flags, chosen, metrics, terminal);
    else await evaluateSource(path, flags, chosen, metrics, terminal);
  },
});

async function evaluateRun(
  folder: RunFolder,
  flags: EvalFlags,
  chosen: Chosen,
  metrics: readonly MetricName[] | undefined,
  terminal: Terminal,
): Promise<void> {
  const { recipe } = folder.describe();
  checkGuides(flags);
  checkPrecision(flags.precision, flags.device);
  const unused = flags.reference === undefined ? givenOf(sourceFlags, flags) : undefined;
  if (unused !== undefined)
    throw new ConfigError(
      `eval: ${unused} is of a --reference; a run's own data are as its recipe says. Leave it out.`,
    );
  const settings = settingsFor(recipe, flags);
  const subjects = subjectsOf(folder, flags);
  const data = await loadData(recipe, terminal);
  const one = examplesAt(data, [0]);
  const kept = { n: flags.n, seeds: flags.seeds };
  checkKept("eval: --n", { ...kept, each: one.data.byteLength });
  const against = await prepareReference(
    flags,
    chosen,
    { source: recipe.data.source, own: data, shape: data.shape },
    terminal,
  );
  const seeds = Array.from({ length: flags.seeds }, (_, i) => i);
  const show = showing(terminal);
  const out = flags.out ?? join(folder.path, "eval.jsonl");
  try {
    announce(against, terminal);
    const rows = Object.values(await against.extractor.extract(one));
    const each = rows.reduce((sum, { data }) => sum + data.byteLength, one.data.byteLength);
    checkKept("eval: --n", { ...kept, each });
    const swept: JudgedSetting[] = [];
    const judged: Evaluation[] = [];
    const said = new Set<string>();
    for (const [setting, subjectOf] of settings.flatMap((one) => subjects.map((other) => [one, other] as const))) {
      const { sampling } = setting;
      const request = {
        ...subjectOf,
        sampling,
        n: flags.n,
        seeds,
        batch: Math.min(flags.batch ?? (data.shape.length === 1 ? 1000 : 64), flags.n),
        rounding: flags.rounding,
        ...(flags.precision && { precision: flags.precision }),
      };
      const { subject, sets, labels } = await withGuides(flags, (guides) =>
        shown(
          drawSamples(folder, data, { ...request, ...guides }, { threads: flags.threads, device: flags.device }),
          ({ done, total }) => show(`drawing ${total} samples`, done, total),
        ),
      );
      const protocol = protocolOf(flags, seeds, against);
      const evaluation = await judge(subject, protocol, sets, labels, against, metrics, terminal);
      appendEvaluation(out, evaluation);
      report(evaluation, terminal, said);
      swept.push({ setting, evaluation });
      judged.push(evaluation);
    }
    if (flags.curve !== undefined) await writePlots(curvesOf(judged), (name) => `${flags.curve}-${name}`, terminal);
    if (flags.sweep !== undefined) for (const line of sweepTable(swept)) terminal.print(line);
    if (flags.plot !== undefined) await writePlots(sweepPlots(swept), (name) => `${flags.plot}-${name}`, terminal);
    terminal.print(`Numbers and how they were made: ${out}`);
  } finally {
    await against.extractor.close();
  }
}

/** Which parameters are judged: of each checkpoint, or averages put together from what the run stored. */
function subjectsOf(folder: RunFolder, { checkpoint, weights, ema, curve }: EvalFlags): SubjectOf[] {
  if (ema !== undefined) {
    if (weights !== "ema") throw new ConfigError("eval: --ema averages in its own way: leave --weights out.");
    const lengths = ema.split(",").map(Number);
    // Rather here than after the first samples.
    for (const length of lengths) averageOfLength(folder, length);
    const stored = storedAverages(folder);
    const moments: Pick<SubjectOf, "checkpoint" | "images">[] =
      checkpoint === "latest" && curve !== undefined
        ? stored.map((images) => ({ checkpoint: "latest", images }))
        : (checkpoint === "all" ? folder.checkpoints() : checkpoint.split(",").map(whichCheckpoint)).map((one) => ({
            checkpoint: one,
          }));
    return moments.flatMap((moment) => lengths.map((length) => ({ ...moment, weights: "ema" as const, ema: length })));
  }
  const all = checkpoint === "all" || (curve !== undefined && checkpoint === "latest");
  const checkpoints = all ? folder.checkpoints() : checkpoint.split(",").map(whichCheckpoint);
  if (checkpoints.length === 0) throw new ConfigError(`${folder.path}: has no checkpoint.`);
  if (curve !== undefined && checkpoints.length < 2)
    throw new ConfigError(
      `eval: --curve needs two checkpoints or more; ${folder.path} has ${checkpoints.length}. Train with --keep 20.`,
    );
  for (const one of checkpoints) folder.load(one);
  const kinds = weights.split(",").map((kind) => {
    if (kind !== "ema" && kind !== "raw") throw unknownName("--weights", kind, ["ema", "raw"]);
    return kind === "raw" ? ("params" as const) : ("ema" as const);
  });
  return checkpoints.flatMap((one) => kinds.map((kind) => ({ checkpoint: one, weights: kind })));
}

type SubjectOf = ParametersOf;

/** The sampling of every setting, checked before anything is loaded. */
function settingsFor(recipe: Recipe, flags: EvalFlags): Setting[] {
  if (flags.sweep !== undefined) return settingsOf(recipe, flags.sweep, flags);
  const { sampling } = defineRecipe({ ...recipe, sampling: samplingOf(recipe, flags) }, "eval");
  samplingPlan(recipe, sampling);
  return [{ name: sampling.sampler, values: {}, sampling }];
}

async function evaluateSource(
  source: string,
  flags: EvalFlags,
  chosen: Chosen,
  metrics: readonly MetricName[] | undefined,
  terminal: Terminal,
): Promise<void> {
  if (flags.reference === undefined)
    throw new ConfigError(
      existsSync(source)
        ? `eval: ${source} is no run, so it has no data of its own to compare with: give --reference.`
        : `eval: ${source}: there is no such run, file or folder.${nearRuns(source)} A data set such as mnist needs --reference.`,
    );
  const { sweep, plot, checkpoint, ema, curve, precision } = flagTable;
  const unused = givenOf({ ...samplingFlags, ...guideFlags, sweep, plot, checkpoint, ema, curve, precision }, flags);
  if (unused !== undefined) throw new ConfigError(`eval: ${unused} is of a run, and ${source} is none. Leave it out.`);
  const images = await loadSource(source, flags, terminal);
  const against = await prepareReference(flags, chosen, { source, shape: images.shape }, terminal);
  try {
    announce(against, terminal);
    const n = Math.min(flags.n, images.size);
    const seeds = Array.from({ length: Math.max(1, Math.min(flags.seeds, Math.floor(images.size / n))) }, (_, i) => i);
    const order = stream(0, "evaluated").permutation(images.size);
    const rows = seeds.map((seed) => order.subarray(seed * n, (seed + 1) * n));
    const sets = rows.map((indices) => examplesAt(images, indices));
    const { label } = images;
    const labels = label && rows.map((indices) => Int32Array.from(indices, (i) => label.call(images, i)));
    const { name, size } = images;
    const subject: Subject = { type: "source", name, hash: hashDataset(images), size };
    const protocol = protocolOf({ ...flags, n }, seeds, against);
    const evaluation = await judge(subject, protocol, sets, labels, against, metrics, terminal);
    if (flags.out !== undefined) appendEvaluation(flags.out, evaluation);
    report(evaluation, terminal);
  } finally {
    await against.extractor.close();
  }
}

function announce({ extractor, reference: { record } }: Against, terminal: Terminal): void {
  terminal.say(`features: ${describeFeatures(extractor)}`);
  terminal.say(`reference: ${record.name}${record.size === null ? "" : `, ${record.size} examples`}`);
}

/** Prints an evaluation; `said` are the notes that need not be said again. */
function report(evaluation: Evaluation, terminal: Terminal, said = new Set<string>()): void {
  for (const line of describeEvaluation(evaluation)) terminal.print(line);
  for (const caution of evaluation.cautions) if (!said.has(caution)) terminal.say(`Note: ${caution}`);
  for (const caution of evaluation.cautions) said.add(caution);
  terminal.record(evaluation);
}
