/** What `explain` measures on a run: how the loss of its network spreads over noise levels, and what another law would do. */
import { linePlot } from "../analysis/index.ts";
import type { Dataset } from "../data/index.ts";
import type { Objective } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  adaptiveDensity,
  type DataFacts,
  type Estimate,
  estimatorOf,
  type LossSpread,
  lawRange,
  lossSpread,
  measureErrors,
  modelOf,
  type Recipe,
} from "../recipe/index.ts";
import type { RunFolder } from "../runs/index.ts";
import { grouped, type Terminal, type Values } from "./command.ts";
import { computeFlags } from "./compute-flags.ts";
import { openModel } from "./weights.ts";

export const spreadFlags = {
  ...grouped("What to measure", {
    n: { type: "integer", default: 64, min: 2, help: "Of a run: examples to measure its loss on at every log-SNR" },
  }),
  ...computeFlags,
};

/** The state of a run's timestep law where training has come to; undefined if another law is asked for. */
export function learnedState(run: RunFolder, { objective: { timesteps } }: Recipe): Float64Array | undefined {
  const { recipe } = run.describe();
  if (JSON.stringify(recipe.objective.timesteps) !== JSON.stringify(timesteps)) return undefined;
  const found = run.load().checkpoint.tensors["timesteps/state"];
  return found && Float64Array.from(found.data);
}

/** An objective by name, with the state of its timestep law if that is not the one before training. */
export interface NamedObjective {
  readonly name: string;
  readonly objective: Objective;
  readonly state?: Float64Array | undefined;
}

/** The spread of each objective's loss, and of the first one's under the law that an adaptive sampler comes to. */
export interface MeasuredSpreads {
  readonly step: number;
  readonly images: number;
  readonly examples: number;
  readonly spreads: Readonly<Record<string, LossSpread>>;
  readonly adaptive: LossSpread;
}

/** Measures the averaged network of a run on its data. Yields nothing; shows its progress on the terminal. */
export async function measureSpreads(
  run: RunFolder,
  { recipe, dataset, facts }: { readonly recipe: Recipe; readonly dataset: Dataset; readonly facts: DataFacts },
  [first, ...others]: readonly [NamedObjective, ...NamedObjective[]],
  { n, device, threads, terminal }: Values<typeof spreadFlags> & { readonly terminal: Terminal },
): Promise<MeasuredSpreads> {
  const trained = run.describe();
  if (JSON.stringify(modelOf(recipe, facts)) !== JSON.stringify(modelOf(trained.recipe, trained.data)))
    throw new ConfigError(
      `explain: ${run.path}: the network that was trained is another than asked for. Set fields of the objective only, or give --no-measure.`,
    );
  const lawOf = ({ objective, state }: NamedObjective) => objective.sampler.law(state ?? objective.sampler.init());
  const range = lawRange(first.objective, lawOf(first));
  const model = openModel(run, {
    weights: "ema",
    checkpoint: "latest",
    ema: undefined,
    batch: undefined,
    device,
    threads,
  });
  try {
    const count = Math.min(n, dataset.size);
    const measuring = measureErrors(model, dataset, {
      range,
      count,
      seed: recipe.training.seed,
      objective: first.objective,
    });
    let next = await measuring.next();
    while (!next.done) {
      terminal.progress("measuring the loss", next.value.share);
      terminal.signal.throwIfAborted();
      next = await measuring.next();
    }
    const errors = next.value;
    const of = (named: NamedObjective) => lossSpread(errors, estimatorOf(named.objective, lawOf(named)));
    const { weight } = estimatorOf(first.objective, lawOf(first));
    const { metadata } = run.load().checkpoint;
    return {
      step: Number(metadata.step),
      images: Number(metadata.images),
      examples: count,
      spreads: Object.fromEntries([first, ...others].map((named) => [named.name, of(named)])),
      adaptive: lossSpread(errors, { weight, density: adaptiveDensity(errors, weight) }),
    };
  } finally {
    await model.close();
  }
}

/** Lines of a table: a title and a text each. */
export function* spreadLines({ step, examples, spreads, adaptive }: MeasuredSpreads) {
  yield [
    "measured",
    `the averaged network of step ${step}, on ${examples} examples at each of ${adaptive.bins.length} log-SNRs`,
  ] as const;
  for (const [name, spread] of Object.entries(spreads))
    yield ["variance", `${name}: one draw's loss varies by ${inWords(spread)}`] as const;
  yield [
    "variance",
    `with noise levels in proportion to the loss, as adaptive ones come to: ${inWords(adaptive)}`,
  ] as const;
}

const inWords = ({ variance, between, within }: LossSpread) =>
  `${shown(variance)} of its squared mean: ${shown(between)} between noise levels, which even spreading does away with, and ${shown(within)} at a level`;

const shown = ({ mean, error }: Estimate) => `${mean.toFixed(2)} ± ${error.toFixed(2)}`;

/** The bins of a spread as lines of text: where, how often, how large the loss is, and its part in the variance. */
export function* binLines({ bins, mean: { mean }, variance: { mean: variance } }: LossSpread): Generator<string> {
  yield "     log-SNR    draws   mean loss   standard deviation   of the variance";
  for (const { min, max, share, mean: ofBin, std } of bins) {
    const part = (share * (std ** 2 + (ofBin - mean) ** 2)) / (variance * mean ** 2);
    yield [
      `${min.toFixed(1).padStart(7)} … ${max.toFixed(1).padEnd(6)}`,
      `${(100 * share).toFixed(1).padStart(5)}%`,
      ofBin.toPrecision(3).padStart(10),
      std.toPrecision(3).padStart(20),
      `${(100 * part).toFixed(1).padStart(16)}%`,
    ].join(" ");
  }
}

/** Mean and standard deviation of the loss over the log-SNRs, in units of the whole mean. */
export function spreadPlot({ spreads, adaptive }: MeasuredSpreads): string {
  const all = { ...spreads, adaptive };
  const most = Object.values(all).flatMap(({ bins, mean }) =>
    bins.flatMap((bin) => [bin.mean / mean.mean, bin.std / mean.mean]),
  );
  return linePlot({
    title: "The loss of one draw, by noise level",
    xLabel: "log-SNR λ",
    yLabel: "over the mean loss",
    yRange: [0, 1.05 * Math.max(...most)],
    series: Object.entries(all).flatMap(([name, { bins, mean }]) => {
      const x = bins.map(({ min, max }) => (min + max) / 2);
      return [
        { name: `${name}: mean`, x, y: bins.map((bin) => bin.mean / mean.mean) },
        { name: `${name}: standard deviation`, x, y: bins.map(({ std }) => std / mean.mean), dashed: true },
      ];
    }),
  });
}
