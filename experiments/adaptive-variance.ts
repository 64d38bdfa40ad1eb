/**
 * Does an adaptive noise schedule lower the variance of the loss estimate (Kingma & Gao 2023, appendix F)? Trains small
 * networks on MNIST with the sigmoid weighting, three seeds each with adaptive laws of two paces and with a fixed cosine
 * schedule, measures the averaged networks' losses on held-out digits, and draws docs/images/adaptive-variance.svg.
 *
 * Run it as `node dist/experiments/adaptive-variance.js [FOLDER]` after a build: a quarter of an hour on two cores. Runs that
 * FOLDER (runs/adaptive-variance) has already are measured as they are.
 */
import { join } from "node:path";
import { linePlot } from "../src/analysis/index.ts";
import { cli } from "../src/cli/cli.ts";
import { loadDataset } from "../src/data/files/index.ts";
import { weighting } from "../src/diffusion/index.ts";
import {
  adaptiveDensity,
  estimatorOf,
  type LossSpread,
  lossSpread,
  measureErrors,
  modelOf,
  objectiveOf,
  trainedModel,
} from "../src/recipe/index.ts";
import { RunFolder, writeAtomic } from "../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../src/training/index.ts";

const folder = process.argv[2] ?? "runs/adaptive-variance";
const seeds = [0, 1, 2];
const common = {
  prediction: { type: "v", path: "vp" },
  uniforms: { type: "low-discrepancy" },
  loss: { weighting: { type: "sigmoid", k: 2 } },
};
/** The published decay of 0.999 is for batches of 4096: after a thousand of 16 it has hardly begun. */
const objectives = {
  adaptive: { ...common, timesteps: { type: "adaptive", decay: 0.9 } },
  slow: { ...common, timesteps: { type: "adaptive", decay: 0.97 } },
  fixed: {
    ...common,
    timesteps: { type: "uniform" },
    schedule: { kind: "continuous", schedule: { type: "cosine", truncate: { min: -20, max: 20 } } },
  },
};
type Kind = keyof typeof objectives;

for (const seed of seeds)
  for (const [kind, objective] of Object.entries(objectives)) {
    const out = join(folder, `${kind}-${seed}`);
    if (RunFolder.exists(out)) continue;
    const sets = ["--set", `objective=${JSON.stringify(objective)}`];
    const args = ["train", "first-picture", "--out", out, "--duration", "15k", "--seed", String(seed), "--sheets", "0"];
    const code = await cli([...args, ...sets], { out: process.stdout, err: process.stderr });
    if (code !== 0) process.exit(code);
  }

/** The errors of a run's averaged network on digits that it was not trained on, and where its adaptive law has come to. */
async function measured(kind: Kind, seed: number) {
  const run = RunFolder.open(join(folder, `${kind}-${seed}`));
  const { recipe, data } = run.describe();
  const { checkpoint, path } = run.load();
  const { parameters } = networkOf(modelOf(recipe, data));
  const model = trainedModel(recipe, data, flatFromCheckpoint(parameters, checkpoint.tensors, "ema", path));
  const loading = loadDataset("mnist", { size: 28, split: "test", seed: 0 });
  let dataset = await loading.next();
  while (!dataset.done) dataset = await loading.next();
  const request = { range: { min: -20, max: 20 }, bins: 100, count: 32, seed };
  const measuring = measureErrors(model, dataset.value, request);
  let next = await measuring.next();
  while (!next.done) next = await measuring.next();
  await model.close();
  return { errors: next.value, recipe, state: Float64Array.from(checkpoint.tensors["timesteps/state"].data) };
}

const format = (values: readonly number[]) => {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1));
  // Student's t for two degrees of freedom: a 95% interval over three seeds.
  return `${mean.toFixed(2)} ± ${((4.303 * std) / Math.sqrt(values.length)).toFixed(2)}`;
};
const rows = (title: string, spreads: readonly LossSpread[]) => {
  const of = (key: "variance" | "between" | "within") => format(spreads.map((one) => one[key].mean));
  process.stdout.write(
    `${title.padEnd(44)} ${of("variance").padEnd(16)} ${of("between").padEnd(16)} ${of("within")}\n`,
  );
};

process.stdout.write("variance of one draw's loss over its squared mean: all, between noise levels, at a level\n");
const curves: Record<string, LossSpread> = {};
for (const kind of ["adaptive", "slow", "fixed"] as const) {
  const laws: Record<string, LossSpread[]> = { cosine: [], even: [], learned: [], ideal: [] };
  for (const seed of seeds) {
    const { errors, recipe, state } = await measured(kind, seed);
    const spreadOf = (objective: unknown, learned?: Float64Array) => {
      const one = objectiveOf({ ...recipe, objective: objective as typeof recipe.objective });
      return lossSpread(errors, estimatorOf(one, one.sampler.law(learned ?? one.sampler.init())));
    };
    const weight = weighting({ type: "sigmoid", k: 2 });
    laws.cosine.push(spreadOf(objectives.fixed));
    laws.even.push(spreadOf(objectives.adaptive));
    if (state.length > 0) laws.learned.push(spreadOf(objectives[kind], state));
    // The best that an adaptive law can come to: it is fitted to the errors that it is judged on.
    laws.ideal.push(lossSpread(errors, { weight, density: adaptiveDensity(errors, weight) }));
  }
  process.stdout.write(`\nnetworks trained with the schedule "${kind}", ${seeds.length} seeds, 95% intervals\n`);
  rows("  cosine on [−20, 20], fixed", laws.cosine);
  rows("  even in λ, which adaptive laws begin with", laws.even);
  if (laws.learned.length > 0) rows("  adaptive, as training left it", laws.learned);
  rows("  in proportion to the measured loss", laws.ideal);
  const best = laws.learned.length > 0 ? "adaptive" : "measured";
  const against = laws.learned.length > 0 ? laws.learned : laws.ideal;
  const ratio = (key: "variance" | "within") =>
    format(laws.cosine.map((one, i) => one[key].mean / against[i][key].mean));
  process.stdout.write(
    `  cosine over ${best}: ${ratio("variance")} of all, ${ratio("within")} of the part at a level\n`,
  );
  if (kind === "adaptive") Object.assign(curves, { "fixed cosine": laws.cosine[0], adaptive: laws.learned[0] });
}

const svg = linePlot({
  title: "The loss of one draw, by noise level (sigmoid weighting, MNIST)",
  xLabel: "log-SNR λ",
  yLabel: "over the mean loss",
  series: Object.entries(curves).flatMap(([name, { bins, mean }]) => {
    const x = bins.map(({ min, max }) => (min + max) / 2);
    return [
      { name: `${name}: mean`, x, y: bins.map((bin) => bin.mean / mean.mean) },
      { name: `${name}: standard deviation`, x, y: bins.map(({ std }) => std / mean.mean), dashed: true },
    ];
  }),
});
writeAtomic(join(import.meta.dirname, "../../docs/images/adaptive-variance.svg"), [svg]);
