/** `ornstein likelihood`: how probable a run finds data that it did not see. */
import { ConfigError } from "../errors/index.ts";
import { runLikelihood } from "../recipe/index.ts";
import { RunFolder } from "../runs/index.ts";
import { command } from "./command.ts";
import { heldOut, splitFlags } from "./held-out.ts";
import { bar } from "./terminal.ts";
import { openModel, weightFlags } from "./weights.ts";

export const likelihood = command({
  name: "likelihood",
  summary: "Measure the likelihood of data by the probability-flow ODE.",
  argument: { name: "RUN", help: "Run folder, as made by train", required: true },
  examples: ["likelihood runs/mnist --n 200 --passes 5", "likelihood runs/moons --exact --n 1000"],
  flags: {
    n: { type: "integer", default: 100, min: 1, help: "Examples" },
    ...splitFlags,
    passes: { type: "integer", default: 1, min: 1, help: "Draws of dequantisation noise, averaged" },
    probes: { type: "integer", default: 1, min: 1, help: "Hutchinson probes of the divergence" },
    probe: { type: "choice", choices: ["rademacher", "gaussian"], default: "rademacher", help: "What probes are" },
    exact: { type: "boolean", help: "Exact divergence, for few dimensions, in place of probes" },
    rtol: { type: "number", default: 1e-5, min: 1e-12, max: 1, help: "Tolerance of the solver, relative and absolute" },
    unconditional: { type: "boolean", help: "Leave the classes out" },
    seed: { type: "integer", default: 0, min: 0, help: "Of examples, noise and probes" },
    ...weightFlags,
  },
  async run(path, flags, terminal) {
    const { n, passes, probes, probe, exact, rtol, unconditional, seed, batch } = flags;
    const folder = RunFolder.open(path ?? "");
    const { recipe } = folder.describe();
    const model = openModel(folder, flags);
    if (unconditional && model.classes === 0)
      throw new ConfigError("likelihood: --unconditional: the model was trained without labels. Leave it out.");
    const started = performance.now();
    try {
      const dataset = await heldOut(recipe, flags, terminal);
      const measuring = runLikelihood(model, dataset, {
        count: n,
        seed,
        passes,
        probes: exact ? "exact" : probes,
        probe: probe as "rademacher" | "gaussian",
        tolerance: rtol,
        unconditional,
        ...(batch !== undefined && { batch }),
      });
      let next = await measuring.next();
      while (!next.done) {
        const { share, evaluations } = next.value;
        terminal.progress(`${bar(share)} ${(share * 100).toFixed(0).padStart(3)}%  ${evaluations} network calls`);
        terminal.signal.throwIfAborted();
        next = await measuring.next();
      }
      const { examples: _, ...result } = next.value;
      const { natsPerDim, bitsPerDim, offset, dims, sigmaMin, sigmaMax, evaluations } = result;
      const seconds = (performance.now() - started) / 1000;
      const divergence = exact ? "exact divergence" : `${probes} ${probe} ${probes === 1 ? "probe" : "probes"}`;
      const noise = bitsPerDim ? `${passes} ${passes === 1 ? "pass" : "passes"} of uniform dequantisation, ` : "";
      terminal.print(
        `${dataset.name}: ${n} examples, ${noise}${divergence}, σ from ${short(sigmaMin)} to ${short(sigmaMax)}; ` +
          `${evaluations} network calls in ${seconds.toFixed(1)} s`,
      );
      if (bitsPerDim)
        terminal.print(
          `bits/dim  ${shown(bitsPerDim)}   −ln p/(D ln 2) + ${offset}, D = ${dims}; ${offset} = log2(256 levels / 2, the width of [−1, 1])`,
        );
      terminal.print(
        `nats/dim  ${shown(natsPerDim)}   −ln p/D${bitsPerDim ? " of the dequantised data in [−1, 1]" : ` in the data's own units, D = ${dims}`}`,
      );
      terminal.record({ method: "flow", data: dataset.name, n, ...result, seconds });
    } finally {
      await model.close();
    }
  },
});

const short = (value: number) => Number(value.toPrecision(4));
const shown = ({ mean, error }: { readonly mean: number; readonly error: number }) =>
  `${mean.toFixed(4)} ± ${error.toFixed(4)}`;
