/** `ornstein analyze run`: how straight a model's trajectories are, and how well it denoises in one step. */
import { basename, join } from "node:path";
import type { TrajectoryLevel } from "../analysis/index.ts";
import { type DenoisingError, examineDenoising, examineTrajectories, usualLevels } from "../recipe/index.ts";
import { RunFolder, writeSheet } from "../runs/index.ts";
import { analyzeFlags, cells, levels, show, writeAnalysis } from "./analyze.ts";
import { command, grouped } from "./command.ts";
import { checkAtOnce } from "./drawing.ts";
import { heldOut, splitFlags } from "./held-out.ts";
import { makeFolderOf } from "./places.ts";
import { openModel, weightFlags } from "./weights.ts";

/** Levels of a strip. */
const columns = 10;

export const analyzeRun = command({
  name: "analyze run",
  summary: "Plot the curvature of runs' ODE trajectories and their denoising in one step; draw strips of it.",
  argument: { name: "RUN", help: "Run folders, as made by train", required: true, many: true },
  examples: ["analyze run runs/mnist", "analyze run runs/edm runs/edm-aot --n 64 --out plots"],
  flags: {
    ...grouped("What to measure", {
      n: { type: "integer", default: 32, min: 1, help: "Trajectories to follow" },
      steps: { type: "integer", default: 48, min: 4, help: "Heun steps along each" },
      pool: { type: "integer", default: 256, min: 2, help: "Images to denoise, matched with noise in one pool" },
      levels: { type: "integer", default: 8, min: 2, help: "Noise levels of the denoising" },
    }),
    ...splitFlags,
    ...weightFlags,
    ...analyzeFlags,
  },
  async run(first = "", flags, terminal, rest) {
    const folders = [first, ...rest].map((path) => RunFolder.open(path));
    const batch = flags.batch === undefined ? {} : { batch: flags.batch };
    const runs = [];
    for (const folder of folders) {
      const { recipe, data } = folder.describe();
      const name = basename(folder.path);
      const model = openModel(folder, flags);
      try {
        checkAtOnce("analyze run: --n × --steps", flags.n * flags.steps, model.dims);
        terminal.progress(`${name}: following ${flags.n} trajectories`);
        const bundle = await examineTrajectories(model, {
          count: flags.n,
          steps: flags.steps,
          seed: flags.seed,
          ...batch,
        });
        terminal.signal.throwIfAborted();
        const dataset = await heldOut(recipe, flags, terminal);
        const { sigmaMax } = usualLevels(recipe);
        const sigmas = levels(sigmaMax, Math.min(0.2, sigmaMax / 2), flags.levels);
        const denoising: DenoisingError[] = [];
        for await (const error of examineDenoising(model, dataset, {
          sigmas,
          pool: flags.pool,
          seed: flags.seed,
          ...batch,
        })) {
          denoising.push(error);
          terminal.progress(`${name}: denoising at σ = ${show(error.sigma)}`);
          terminal.signal.throwIfAborted();
        }
        const length = bundle.lengths.reduce((sum, one) => sum + one, 0) / bundle.lengths.length;
        terminal.print(
          `${name}: the denoised image moves by ${show(length)} a pixel along a trajectory (0 if straight); single steps against its end:`,
        );
        terminal.print(cells("σ", "curvature", "single step"));
        for (const { sigma, curvature, singleStepError } of sampled(bundle.levels, columns))
          terminal.print(cells(sigma, curvature, singleStepError));
        terminal.print(`${flags.pool} images of ${dataset.name}, denoised in one step, root mean square error:`);
        terminal.print(cells("σ", "own noise", "matched noise"));
        for (const { sigma, independent, matched } of denoising) terminal.print(cells(sigma, independent, matched));
        if (data.shape.length === 3) {
          const path = join(flags.out, `strips-${name}.png`);
          makeFolderOf(path);
          const shown = Math.min(6, flags.n);
          const { dims } = model;
          const chosen = sampled(bundle.guesses, columns);
          const strips = Array.from({ length: shown }, (_unused, i) =>
            [...chosen, bundle.samples].flatMap((guess) => [...guess.subarray(i * dims, (i + 1) * dims)]),
          ).flat();
          await writeSheet(path, strips, {
            shape: data.shape,
            columns: columns + 1,
            title: `${name}: one step to 0 from falling noise, then all steps`,
          });
          terminal.say(`Strips: ${path}`);
        }
        runs.push({ name, length, lengths: [...bundle.lengths], levels: bundle.levels, denoising });
      } finally {
        await model.close();
      }
    }
    const line = (name: string, run: readonly TrajectoryLevel[], value: (level: TrajectoryLevel) => number) => ({
      name,
      x: run.map(({ sigma }) => Math.log10(sigma)),
      y: run.map(value),
    });
    const errors = (run: readonly DenoisingError[], name: string, key: "independent" | "matched") => ({
      name: `${name}, ${key === "matched" ? "matched" : "own"} noise`,
      x: run.map(({ sigma }) => Math.log10(sigma)),
      y: run.map((error) => error[key]),
      dashed: key === "matched",
    });
    await writeAnalysis(
      flags.out,
      "run",
      { n: flags.n, steps: flags.steps, pool: flags.pool, runs },
      {
        curvature: {
          title: "Curvature of trajectories",
          xLabel: "log₁₀ σ",
          yLabel: "‖dD/d ln σ‖ a pixel",
          series: runs.map((run) => line(run.name, run.levels, ({ curvature }) => curvature)),
        },
        "single-step": {
          title: "One step to 0, against the end of the trajectory",
          xLabel: "log₁₀ σ",
          yLabel: "root mean square distance",
          series: runs.map((run) => line(run.name, run.levels, ({ singleStepError }) => singleStepError)),
        },
        denoising: {
          title: "Denoising images in one step",
          xLabel: "log₁₀ σ",
          yLabel: "root mean square error",
          // Room for the legend.
          yRange: [
            0,
            1.5 * Math.max(...runs.flatMap(({ denoising }) => denoising.map(({ independent }) => independent))),
          ],
          series: runs.flatMap(({ name, denoising }) => [
            errors(denoising, name, "independent"),
            errors(denoising, name, "matched"),
          ]),
        },
      },
      terminal,
    );
  },
});

/** So many of the values, evenly spaced, the first included. */
const sampled = <T>(values: readonly T[], count: number): T[] =>
  Array.from(
    { length: Math.min(count, values.length) },
    (_unused, i) => values[Math.floor((i * values.length) / Math.min(count, values.length))],
  );
