/** `ornstein likelihood`: how probable a run finds data that it did not see. */
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import {
  type Dequantisation,
  type LikelihoodProgress,
  runBound,
  runLikelihood,
  type TrainedModel,
} from "../recipe/index.ts";
import { RunFolder } from "../runs/index.ts";
import { command, grouped, type Terminal, type Values } from "./command.ts";
import { showing, shown } from "./eta.ts";
import { heldOut, splitFlags } from "./held-out.ts";
import { openModel, weightFlags } from "./weights.ts";

const dequantisations = ["uniform", "truncated-normal"] as const satisfies readonly Dequantisation[];

const ownFlags = {
  ...grouped("What to measure", { n: { type: "integer", default: 100, min: 1, help: "Examples" } }),
  ...splitFlags,
  ...grouped("What to measure", {
    unconditional: { type: "boolean", help: "Leave the classes out" },
    seed: { type: "integer", default: 0, min: 0, help: "Of examples, noise and probes" },
  }),
  ...grouped("By the bound", {
    bound: { type: "boolean", help: "The variational bound, term by term, in place of the flow" },
    form: {
      type: "choice",
      choices: ["continuous", "discrete"],
      needs: "bound",
      help: "With --bound: time; discrete if left out, where the run has timesteps",
    },
    levels: {
      type: "integer",
      min: 1,
      needs: "bound",
      help: "With --bound: noise levels for each example; 32 if left out",
    },
    variance: {
      type: "choice",
      choices: ["fixed-small", "fixed-large"],
      needs: "bound",
      help: "With --bound: of discrete steps back; the learned one or fixed-small if left out",
    },
    sigmaMin: {
      type: "number",
      min: 0,
      needs: "bound",
      help: "With --bound: lowest noise level; that of sampling if left out",
    },
    sigmaMax: {
      type: "number",
      min: 0,
      needs: "bound",
      help: "With --bound: highest noise level; that of sampling if left out",
    },
  }),
  ...grouped("By the flow", {
    dequantisation: {
      type: "choice",
      choices: dequantisations,
      notWith: ["bound"],
      help: "Noise that bytes get: anywhere in their bin (if left out), or of the lowest level, cut off at its ends",
    },
    passes: {
      type: "integer",
      min: 1,
      notWith: ["bound"],
      help: "Draws of dequantisation noise, averaged; 1 if left out",
    },
    probes: {
      type: "integer",
      min: 1,
      notWith: ["bound", "exact"],
      help: "Hutchinson probes of the divergence; 1 if left out",
    },
    probe: {
      type: "choice",
      choices: ["rademacher", "gaussian"],
      notWith: ["bound", "exact"],
      help: "What probes are; rademacher if left out",
    },
    exact: { type: "boolean", notWith: ["bound"], help: "Exact divergence, for few dimensions, in place of probes" },
    rtol: {
      type: "number",
      min: 1e-12,
      max: 1,
      notWith: ["bound"],
      help: "Tolerance of the solver, relative and absolute; 1e-5 if left out",
    },
  }),
  ...weightFlags,
};

type LikelihoodFlags = Values<typeof ownFlags>;

export const likelihood = command({
  name: "likelihood",
  summary: "Measure the likelihood of data by the probability-flow ODE, or bound it.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: [
    "likelihood runs/mnist --n 200 --passes 5",
    "likelihood runs/moons --exact --n 1000",
    "likelihood runs/mnist --bound --n 500",
  ],
  flags: ownFlags,
  async run(path, flags, terminal) {
    const folder = RunFolder.open(path ?? "");
    const { recipe } = folder.describe();
    const model = openModel(folder, flags);
    if (flags.unconditional && model.classes === 0)
      throw new ConfigError("likelihood: --unconditional: the model was trained without labels. Leave it out.");
    try {
      const dataset = await heldOut(recipe, flags, terminal);
      await (flags.bound ? measureBound : measureFlow)(model, dataset, flags, terminal);
    } finally {
      await model.close();
    }
  },
});

async function measureFlow(model: TrainedModel, dataset: Dataset, flags: LikelihoodFlags, terminal: Terminal) {
  const { n, passes = 1, probes = 1, probe = "rademacher", exact, rtol = 1e-5, unconditional, seed, batch } = flags;
  const dequantisation = flags.dequantisation ?? "uniform";
  const measuring = runLikelihood(model, dataset, {
    count: n,
    dequantisation,
    seed,
    passes,
    probes: exact ? "exact" : probes,
    probe,
    tolerance: rtol,
    unconditional,
    ...(batch !== undefined && { batch }),
  });
  const { value, seconds } = await timed(measuring, terminal);
  const { examples: _, ...result } = value;
  const { natsPerDim, bitsPerDim, offset, dims, sigmaMin, sigmaMax, evaluations } = result;
  const divergence = exact ? "exact divergence" : `${probes} ${probe} ${probes === 1 ? "probe" : "probes"}`;
  const noise = bitsPerDim ? `${passes} ${passes === 1 ? "pass" : "passes"} of ${dequantisation} dequantisation, ` : "";
  terminal.print(
    `${dataset.name}: ${n} examples, ${noise}${divergence}, σ from ${short(sigmaMin)} to ${short(sigmaMax)}; ` +
      `${evaluations} network calls in ${seconds.toFixed(1)} s`,
  );
  if (bitsPerDim)
    terminal.print(
      dequantisation === "uniform"
        ? `bits/dim  ${plusMinus(bitsPerDim)}   −ln p/(D ln 2) + ${offset}, D = ${dims}; ${offset} = log2(256 levels / 2, the width of [−1, 1])`
        : `bits/dim  ${plusMinus(bitsPerDim)}   −ln(p/q)/(D ln 2), D = ${dims}, q being the density of the noise`,
    );
  terminal.print(
    `nats/dim  ${plusMinus(natsPerDim)}   −ln p/D${bitsPerDim ? (dequantisation === "uniform" ? " of the dequantised data in [−1, 1]" : " of bytes, at most") : ` in the data's own units, D = ${dims}`}`,
  );
  terminal.record({ method: "flow", data: dataset.name, n, ...result, seconds });
}

async function measureBound(model: TrainedModel, dataset: Dataset, flags: LikelihoodFlags, terminal: Terminal) {
  const { n, seed, form, levels, variance, sigmaMin, sigmaMax, unconditional, batch } = flags;
  const measuring = runBound(model, dataset, {
    count: n,
    seed,
    unconditional,
    ...(form && { form }),
    ...(levels !== undefined && { levels }),
    ...(variance && { variance }),
    ...(sigmaMin !== undefined && { sigmaMin }),
    ...(sigmaMax !== undefined && { sigmaMax }),
    ...(batch !== undefined && { batch }),
  });
  const { value: result, seconds } = await timed(measuring, terminal);
  const { total, prior, reconstruction, diffusion, unit, dims, evaluations } = result;
  const time =
    result.form === "discrete"
      ? `${result.levels} timesteps each, variance ${result.variance}`
      : `${result.levels} noise levels each`;
  terminal.print(
    `${dataset.name}: ${n} examples, ${result.form} bound, ${time}, σ from ${short(result.sigmaMin)} to ${short(result.sigmaMax)}; ` +
      `${evaluations} network calls in ${seconds.toFixed(1)} s`,
  );
  terminal.print(`${unit}  ${plusMinus(total)}   −log p/D is at most this in the mean, D = ${dims}`);
  for (const [name, term] of Object.entries({ prior, reconstruction, diffusion }))
    terminal.print(`  ${name.padEnd(15)} ${plusMinus(term)}`);
  terminal.record({ method: "bound", data: dataset.name, n, ...result, seconds });
}

/** Runs a measurement to its end, with its progress on the terminal. */
async function timed<T>(measuring: AsyncGenerator<LikelihoodProgress, T, void>, terminal: Terminal) {
  const started = performance.now();
  const show = showing(terminal);
  const value = await shown(measuring, ({ share, evaluations }) =>
    show("measuring", share, 1, `${evaluations} network calls`),
  );
  return { value, seconds: (performance.now() - started) / 1000 };
}

const short = (value: number) => Number(value.toPrecision(4));
const plusMinus = ({ mean, error }: { readonly mean: number; readonly error: number }) =>
  `${mean.toFixed(4)} ± ${error.toFixed(4)}`;
