/**
 * Trains `edm` and `edm-aot` on MNIST, three seeds each, and measures what matched noise brings: curvature of ODE
 * trajectories, single steps against their ends, error of few steps, denoising of test images with noise of their own and
 * with matched noise. Prints means over seeds with 95% intervals of paired differences, and draws two figures of
 * docs/analysis.md. `node dist/experiments/transport-comparison.js [FOLDER]` after a build; trained runs in FOLDER
 * (runs/transport-comparison) are kept and used again. Under ten minutes on two cores, most of it training.
 */
import { join } from "node:path";
import { linePlot, rowDistances } from "../src/analysis/index.ts";
import { loadDataset } from "../src/data/files/index.ts";
import {
  defineRecipe,
  drawFrom,
  examineDenoising,
  examineTrajectories,
  factsOf,
  lasting,
  modelOf,
  preset,
  type Recipe,
  resolveRecipe,
  type TrainedModel,
  trainedModel,
} from "../src/recipe/index.ts";
import { RunFolder, trainRun, writeAtomic } from "../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../src/training/index.ts";

const [folder = "runs/transport-comparison"] = process.argv.slice(2);
const images = join(import.meta.dirname, "../../docs/images");
const couplings = {
  edm: { type: "independent" },
  "edm-aot": { type: "aot", pool: 512, classWise: false },
} as const;
type Name = keyof typeof couplings;
const names = Object.keys(couplings) as Name[];
const seeds = [0, 1, 2];
/** The 97.5% point of Student's t with two degrees of freedom. */
const t975 = 4.303;

async function mnist(split: "train" | "test") {
  const loading = loadDataset("mnist", { size: 28, split });
  let next = await loading.next();
  while (!next.done) next = await loading.next();
  return next.value;
}
const [data, test] = [await mnist("train"), await mnist("test")];

/** The recipe of `first-picture` without labels, with half of its channels. */
function recipeOf(name: Name, seed: number): Recipe {
  const { guidance: _, ...sampling } = preset("first-picture").sampling;
  const base = preset("first-picture");
  const recipe = defineRecipe({
    ...base,
    model: { ...base.model, conditional: false, network: { ...base.model.network, modelChannels: 16 } },
    training: { ...base.training, labelDropout: 0, coupling: couplings[name], seed },
    sampling,
  });
  return resolveRecipe(lasting(recipe, 48_000), data);
}

async function train(name: Name, seed: number): Promise<TrainedModel> {
  const path = join(folder, `${name}-${seed}`);
  const facts = { ...factsOf(data), name: data.name, examples: data.size };
  const run = RunFolder.exists(path)
    ? RunFolder.open(path)
    : RunFolder.create(path, { recipe: recipeOf(name, seed), data: facts });
  if (!run.isComplete())
    for await (const event of trainRun(run, data, { sheets: 0 }))
      if (event.type === "done") console.log(`${name}, seed ${seed}: trained on ${event.images} images`);
  const { recipe } = run.describe();
  const { checkpoint, path: file } = run.load();
  const { parameters } = networkOf(modelOf(recipe, facts));
  return trainedModel(recipe, facts, flatFromCheckpoint(parameters, checkpoint.tensors, "ema", file));
}

/** Samples in so many steps of the recipe's own kind. */
async function drawn(model: TrainedModel, steps: number, count: number): Promise<Float64Array> {
  const drawing = drawFrom(model, { count, seed: 7, sampling: { ...model.recipe.sampling, steps } });
  let next = await drawing.next();
  while (!next.done) next = await drawing.next();
  return next.value;
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const sigmas = [80, 30, 10, 3, 1, 0.3];
type Measured = Record<string, number>;
const measured = {} as Record<Name, Measured[]>;
const curves = {} as Record<Name, { sigma: number; curvature: number; error: number }[][]>;
for (const name of names) {
  measured[name] = [];
  curves[name] = [];
  for (const seed of seeds) {
    const model = await train(name, seed);
    const bundle = await examineTrajectories(model, { count: 64, steps: 48, seed: 7 });
    const numbers: Measured = { "way of the denoised image": mean(bundle.lengths) };
    const most = Math.max(...bundle.levels.map(({ curvature }) => (Number.isNaN(curvature) ? 0 : curvature)));
    numbers["largest curvature"] = most;
    for (const wanted of [80, 10, 3, 1]) {
      const nearest = bundle.levels.reduce((best, level) =>
        Math.abs(Math.log(level.sigma / wanted)) < Math.abs(Math.log(best.sigma / wanted)) ? level : best,
      );
      numbers[`single step from σ = ${wanted} to the end`] = nearest.singleStepError;
    }
    const fine = await drawn(model, 48, 64);
    for (const steps of [4, 6, 9]) {
      const error = mean(rowDistances(await drawn(model, steps, 64), fine, model.dims));
      numbers[`${steps} Heun steps against 48`] = error;
    }
    for await (const { sigma, independent, matched } of examineDenoising(model, test, { sigmas, pool: 512, seed: 7 })) {
      numbers[`test images, own noise, σ = ${sigma}`] = independent;
      numbers[`test images, matched noise, σ = ${sigma}`] = matched;
    }
    measured[name].push(numbers);
    curves[name].push(
      bundle.levels.map(({ sigma, curvature, singleStepError: error }) => ({ sigma, curvature, error })),
    );
    await model.close();
  }
}

console.log("Root mean squares a pixel; means over three seeds, and edm-aot − edm with its 95% interval over seeds");
for (const key of Object.keys(measured.edm[0])) {
  const [plain, matched] = names.map((name) => measured[name].map((numbers) => numbers[key]));
  const differences = matched.map((value, i) => value - plain[i]);
  const middle = mean(differences);
  const spread = Math.sqrt(differences.reduce((sum, d) => sum + (d - middle) ** 2, 0) / (seeds.length - 1));
  const half = (t975 * spread) / Math.sqrt(seeds.length);
  const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;
  console.log(
    `${key.padEnd(42)} ${mean(plain).toFixed(4)}  ${mean(matched).toFixed(4)}  ${signed(middle)} (${signed(middle - half)} to ${signed(middle + half)})`,
  );
}

const lines = (value: (level: { curvature: number; error: number }) => number) =>
  names.flatMap((name) =>
    curves[name].map((levels, seed) => ({
      name: `${name}, seed ${seed}`,
      x: levels.map(({ sigma }) => Math.log10(sigma)),
      y: levels.map(value),
      dashed: name === "edm",
    })),
  );
const plots = {
  curvature: { title: "Curvature of trajectories", yLabel: "‖dD/d ln σ‖ a pixel", series: lines((l) => l.curvature) },
  "single-step": {
    title: "One step to 0, against the end of the trajectory",
    yLabel: "root mean square distance",
    series: lines((l) => l.error),
  },
};
for (const [plot, options] of Object.entries(plots))
  writeAtomic(join(images, `transport-${plot}.svg`), [linePlot({ xLabel: "log₁₀ σ", ...options })]);
