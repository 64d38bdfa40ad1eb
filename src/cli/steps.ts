/** `ornstein steps`: the best noise levels for a budget of steps. */
import { linePlot, type Series } from "../analysis/index.ts";
import type { LoadedDataset } from "../data/files/index.ts";
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type CheckedGrid,
  checkGrids,
  type PlannedGrid,
  type Recipe,
  type StepLoss,
  type StepProgress,
  type StepSearch,
  searchSteps,
  selectSteps,
  type TrainedModel,
  usualGrids,
} from "../recipe/index.ts";
import { RunFolder } from "../runs/index.ts";
import { type FeatureMap, sigmaSteps } from "../sampling/index.ts";
import { command, grouped, type Terminal } from "./command.ts";
import { showing, shown } from "./eta.ts";
import { type FeatureOptions, featureMapFor } from "./features.ts";
import { gridFileFormat } from "./grid-file.ts";
import { heldOut, splitFlags } from "./held-out.ts";
import { writeTo } from "./places.ts";
import { writePlots } from "./plots.ts";
import { toPaste } from "./program.ts";
import { loadData } from "./recipes.ts";
import { openModel, weightFlags } from "./weights.ts";

const stepLosses = ["kid", "energy"] as const satisfies readonly StepLoss[];
const lossUnits: { readonly [L in StepLoss]: string } = { kid: "kernel distance", energy: "energy distance" };

export const steps = command({
  name: "steps",
  summary: "Find the best noise levels for so many steps, by dynamic programming on the bound.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "steps runs/mnist --budget 5,10,20 --n 64 --out grid.json",
    "sample runs/mnist --grid grid.json --steps 10",
  ],
  flags: {
    ...grouped("What to find", {
      budget: { type: "string", value: "K,K,…", default: "5,10,20,50", help: "Numbers of steps" },
      n: { type: "integer", default: 256, min: 1, notWith: ["search"], help: "Examples to measure on at every level" },
      check: {
        type: "integer",
        min: 0,
        notWith: ["search"],
        help: "Other examples to check the plans on; as many, where there are. 0: none",
      },
      search: {
        type: "boolean",
        help: "Steps of ddim by gradient through the sampler instead: samples close to the data",
      },
      loss: {
        type: "choice",
        choices: stepLosses,
        needs: "search",
        help: "What --search makes small: kid of a feature network, usual for images, or energy, usual for points",
      },
      factors: { type: "boolean", needs: "search", help: "Also search a factor on the denoised image in each step" },
      updates: { type: "integer", default: 200, min: 1, needs: "search", help: "Updates of --search" },
      levels: {
        type: "integer",
        default: 200,
        min: 2,
        notWith: ["search"],
        help: "Levels to choose from, where there are no timesteps",
      },
      variance: {
        type: "choice",
        choices: ["small", "large"],
        default: "small",
        notWith: ["search"],
        help: "Of a step back: β̃ or β",
      },
      split: splitFlags.split,
      seed: { type: "integer", default: 0, min: 0, help: "Of examples and noise" },
    }),
    ...weightFlags,
    ...grouped("Output", {
      out: { type: "string", value: "FILE.json", writes: ".json", help: "The levels, for sample --grid" },
      plot: {
        type: "string",
        value: "NAME",
        writes: "names",
        notWith: ["search"],
        help: "Plots of bounds and levels: NAME-bounds and NAME-levels, SVG and PNG",
      },
    }),
  },
  async run(path, flags, terminal) {
    const budgets = flags.budget.split(",").map(Number);
    if (budgets.length === 0 || budgets.some((k) => !(Number.isInteger(k) && k >= 1)))
      throw new ConfigError(
        `steps: --budget: must be whole numbers such as 5,10,20; got ${JSON.stringify(flags.budget)}.`,
      );
    const folder = RunFolder.open(path ?? "");
    const { recipe } = folder.describe();
    const model = openModel(folder, flags);
    try {
      const dataset = await heldOut(recipe, flags, terminal);
      const { n, seed, levels: levelCount } = flags;
      if (flags.search) {
        const loss = flags.loss ?? (dataset.shape.length === 1 ? "energy" : "kid");
        const grids = await withFeatures(loss, recipe, dataset, flags, terminal, (features) =>
          searched(model, dataset, budgets, { ...flags, loss, ...(features && { features }) }, terminal),
        );
        if (flags.out !== undefined)
          writeGrids(flags.out, { run: folder.path, unit: lossUnits[loss], grids }, terminal, "ddim");
        return;
      }
      const show = showing(terminal);
      const calls =
        (what: string) =>
        ({ share, evaluations }: StepProgress) =>
          show(what, share, 1, `${evaluations} network calls`);
      const others = flags.check ?? Math.min(n, dataset.size - n);
      const request = {
        seed,
        variance: flags.variance as "small" | "large",
        ...(flags.batch !== undefined && { batch: flags.batch }),
      };
      const selecting = selectSteps(model, dataset, {
        ...request,
        count: n,
        maxSteps: Math.max(...budgets),
        levels: levelCount,
      });
      const { unit, levels, best, bound, usual } = await shown(selecting, calls("measuring"));
      const plans = budgets.map((budget): Plan => {
        const plan = best(budget);
        const grids = { dp: plan.sigmas, ...usualGrids(recipe, budget), ...alike(plan.sigmas) };
        const own = Object.fromEntries(Object.entries(grids).map(([name, sigmas]) => [name, bound(sigmas)]));
        return { budget, best: plan, usual: usual(budget), grids, own };
      });
      const planned = `${dataset.name}: planned on ${n} examples at ${levels.length} noise levels`;
      const checked: Record<string, CheckedGrid>[] = [];
      if (others >= 2)
        for (const { grids } of plans) {
          const checking = checkGrids(model, dataset, Object.values(grids), levels, {
            ...request,
            count: others,
            first: n,
          });
          const found = await shown(checking, calls("checking"));
          checked.push(Object.fromEntries(Object.keys(grids).map((name, i) => [name, found[i]])));
        }
      const check = others >= 2 ? `, checked on ${others} others with other noise` : "";
      terminal.print(`${planned}${check}; ${model.calls} network calls. Bounds in ${unit}:`);
      for (const [i, plan] of plans.entries()) printPlan(plan, checked[i], unit, terminal);
      if (flags.plot !== undefined)
        await writePlots(plotsOf(plans, checked, unit), (name) => `${flags.plot}-${name}`, terminal);
      if (flags.out === undefined) return;
      const grids = Object.fromEntries(plans.map(({ budget, best }) => [budget, best]));
      writeGrids(flags.out, { run: folder.path, unit, variance: flags.variance, grids }, terminal);
    } finally {
      await model.close();
    }
  },
});

interface GridFile {
  readonly run: string;
  readonly unit: string;
  readonly variance?: string;
  readonly grids: Readonly<Record<string, { readonly sigmas: readonly number[] }>>;
}

function writeGrids(path: string, file: GridFile, terminal: Terminal, sampler?: string): void {
  writeTo(path, `${JSON.stringify({ format: gridFileFormat, ...file }, null, 2)}\n`);
  const [budget] = Object.keys(file.grids);
  const by = sampler === undefined ? [] : ["--sampler", sampler];
  const next = toPaste("sample", file.run, "--grid", path, "--steps", budget, ...by);
  terminal.print(`Grids: ${path}; draw with: ${next}`);
}

interface SearchFlags {
  readonly seed: number;
  readonly updates: number;
  readonly batch: number | undefined;
  readonly loss: StepLoss;
  readonly factors: boolean;
  readonly features?: FeatureMap;
}

/** Searches with the feature network that KID of images looks through, and closes it. */
async function withFeatures<T>(
  loss: StepLoss,
  recipe: Recipe,
  dataset: LoadedDataset,
  flags: FeatureOptions,
  terminal: Terminal,
  search: (features: FeatureMap | undefined) => Promise<T>,
): Promise<T> {
  if (loss === "energy" || dataset.shape.length === 1) return search(undefined);
  const learnt = await loadData(recipe, terminal);
  const features = await featureMapFor(learnt, learnt.name === dataset.name ? undefined : dataset, flags, terminal);
  try {
    return await search(features);
  } finally {
    await features.close();
  }
}

/** Searches steps of every budget, begun from Karras' levels and from even ones in log-SNR, and prints the better. */
async function searched(
  model: TrainedModel,
  dataset: Dataset,
  budgets: readonly number[],
  { seed, updates, batch, loss: by, factors: free, features }: SearchFlags,
  terminal: Terminal,
): Promise<GridFile["grids"]> {
  const grids: Record<string, StepSearch> = {};
  const show = showing(terminal);
  terminal.print(`${dataset.name}: half to search on, half to check on; ddim, ${lossUnits[by]} (0 is the data's own):`);
  for (const budget of budgets) {
    const usual = usualGrids(model.recipe, budget);
    for (const [name, start] of Object.entries(usual).filter(([name]) => name === "karras 7" || name === "log-snr")) {
      const searching = searchSteps(model, dataset, {
        ...{ start, seed, updates, loss: by, factors: free },
        ...(features && { features }),
        ...(batch !== undefined && { batch }),
      });
      const found = await shown(searching, ({ share, loss }) =>
        show(`${budget} steps from ${name}`, share, 1, `loss ${loss.toExponential(2)}`),
      );
      const { before, after, change, sigmas, factors } = found;
      const cells = [before, after, change].map(({ mean, error }) => `${mean.toFixed(5)} ± ${error.toFixed(5)}`);
      terminal.print(`${String(budget).padStart(3)} steps from ${name}: ${cells[0]} → ${cells[1]}; change ${cells[2]}`);
      terminal.print(`  σ ${sigmas.map((sigma) => Number(sigma.toPrecision(3))).join(" ")} 0`);
      if (free) terminal.print(`  factors ${factors.map((factor) => Number(factor.toPrecision(4))).join(" ")}`);
      terminal.record({ steps: budget, from: name, unit: lossUnits[by], ...found });
      if (!(grids[budget]?.after.mean <= after.mean)) grids[budget] = found;
    }
  }
  return grids;
}

interface Plan {
  readonly budget: number;
  readonly best: PlannedGrid;
  readonly usual: Readonly<Record<string, PlannedGrid>>;
  /** The levels of the plan, `dp`, and of the usual grids. */
  readonly grids: Readonly<Record<string, readonly number[]>>;
  /** Their bounds on the data that was planned on, where the levels that it was measured at tell theirs apart. */
  readonly own: Readonly<Record<string, number | undefined>>;
}

/** Two usual grids between the ends of a plan, so that its ends are not all that it is better for. */
function alike(plan: readonly number[]): Readonly<Record<string, readonly number[]>> {
  const [steps, sigmaMax, sigmaMin] = [plan.length, plan[0], plan[plan.length - 1]];
  if (steps < 3) return {};
  return {
    "log-snr, dp's ends": sigmaSteps({ type: "exponential", steps, sigmaMax, sigmaMin }),
    "karras 7, dp's ends": sigmaSteps({ type: "karras", steps, sigmaMax, sigmaMin }),
  };
}

function printPlan(
  { budget, best, usual, own }: Plan,
  checked: Readonly<Record<string, CheckedGrid>> | undefined,
  unit: string,
  terminal: Terminal,
): void {
  const head = `${budget} ${budget === 1 ? "step" : "steps"}`.padEnd(22);
  terminal.print(`${head}  planned on${checked ? "           checked on others     more than dp" : ""}`);
  for (const [name, bound] of Object.entries(own)) {
    const other = checked?.[name];
    const measured = other ? `  ${plusMinus(other.bound, other.error)}` : "";
    const more = other && name !== "dp" ? `  ${plusMinus(other.more, other.moreError)}` : "";
    terminal.print(
      `  ${name.padEnd(20)}  ${(bound?.toFixed(digits(bound)) ?? "–").padStart(10)}${measured}${more}`.trimEnd(),
    );
  }
  terminal.print(`  dp's σ: ${best.sigmas.map((sigma) => Number(sigma.toPrecision(3))).join(" ")} 0`);
  terminal.record({ steps: budget, unit, ...best, usual, ...(checked && { checked }) });
}

const digits = (value: number) => (Math.abs(value) < 1000 ? 4 : 0);
const plusMinus = (value: number, error: number) =>
  `${value.toFixed(digits(value)).padStart(10)} ± ${error.toFixed(digits(value)).padEnd(8)}`;

/** Bounds over budgets, and where the levels of the largest budget lie. */
function plotsOf(
  plans: readonly Plan[],
  checked: readonly Readonly<Record<string, CheckedGrid>>[],
  unit: string,
): Readonly<Record<string, string>> {
  const names = Object.keys(plans[0].grids);
  const boundOf = (i: number, name: string) => checked[i]?.[name]?.bound ?? plans[i].own[name] ?? Number.NaN;
  const inOrder = plans.map((_, i) => i).sort((a, b) => plans[a].budget - plans[b].budget);
  const bounds = names.map((name): Series => {
    const x = inOrder.map((i) => plans[i].budget);
    return { name, x, y: inOrder.map((i) => boundOf(i, name)), ...(name !== "dp" && { dashed: true }) };
  });
  const { grids, budget } = plans[inOrder[inOrder.length - 1]];
  const levels = Object.entries(grids).map(([name, sigmas]): Series => {
    const x = sigmas.map((_, i) => i);
    return { name, x, y: sigmas, ...(name !== "dp" && { dashed: true }) };
  });
  const seen = checked.length > 0 ? "on data that was not planned on" : "on the data that was planned on";
  return {
    bounds: linePlot({
      title: `Bound by number of steps, ${seen}`,
      xLabel: "steps",
      yLabel: unit,
      log: true,
      legend: "outside",
      yRange: around(bounds),
      series: bounds,
    }),
    levels: linePlot({
      title: `Noise levels of ${budget} steps`,
      xLabel: "step",
      yLabel: "σ",
      log: true,
      legend: "outside",
      series: levels,
    }),
  };
}

/** A little more than the range of the lines, on a logarithmic scale. */
function around(series: readonly Series[]): [number, number] {
  const values = series.flatMap(({ y }) => Array.from(y).filter((value) => value > 0 && Number.isFinite(value)));
  return [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
}
