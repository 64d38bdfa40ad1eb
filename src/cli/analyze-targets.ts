/** `ornstein analyze targets`: how much training targets scatter, by noise level, plain and stable. */
import { divergence, phases, posterior, type TargetPoint, targetPoint } from "../analysis/index.ts";
import { elements } from "../data/index.ts";
import { mixture } from "../diffusion/index.ts";
import { stream } from "../random/index.ts";
import { analyzeFlags, cells, checkRising, choose, levels, numbers, show, writeAnalysis } from "./analyze.ts";
import { command, grouped, type Terminal } from "./command.ts";
import { loadSource, type SourceFlags, sourceFlags } from "./sources.ts";

/** The closed form of Xu, Tong & Jaakkola (2023): two narrow Gaussians in 64 dimensions. */
const twoGaussians = "two-gaussians";

export const analyzeTargets = command({
  name: "analyze targets",
  summary: "Plot how much training targets scatter by noise level, plain and stable, and the three phases.",
  argument: { name: "SOURCE", help: `Data, or ${twoGaussians}: two narrow ones in 64 dimensions`, required: true },
  examples: ["analyze targets mnist", `analyze targets ${twoGaussians} --trials 500 --references 4,16,64`],
  flags: {
    ...grouped("What to measure", {
      n: { type: "integer", default: 1024, min: 2, help: "Examples that are the whole of the data" },
      references: { type: "string", value: "N,N,…", default: "16,128,1024", help: "Sizes of the reference batch" },
      levels: { type: "integer", default: 15, min: 3, help: "Noise levels" },
      from: { type: "number", default: 0.2, min: 1e-6, help: "The lowest noise level" },
      to: { type: "number", default: 50, min: 1e-6, help: "The highest" },
      trials: { type: "integer", default: 40, min: 2, help: "Noisy examples at each level" },
    }),
    ...sourceFlags,
    ...analyzeFlags,
  },
  async run(source = "", flags, terminal) {
    checkRising(flags);
    const references = numbers(
      "--references",
      flags.references,
      (n) => Number.isInteger(n) && n >= 1,
      "whole numbers such as 16,128",
    );
    const { name, data, points, dims } = await dataOf(source, flags, terminal);
    const [count, batch] = [points.length / dims, Math.max(...references)];
    if (source !== twoGaussians && batch > count)
      terminal.say(
        `References are drawn with replacement: in a batch of ${batch}, each of ${count} examples is about ${show(batch / count)} times.`,
      );
    const sigmas = levels(flags.from, flags.to, flags.levels);
    terminal.print(`${name}: ${flags.trials} noisy examples at each level. Targets in units of ε, by noise level σ:`);
    terminal.print(cells("σ", "plain", ...references.map((n) => `n = ${n}`), "spread of x", "entropy", "D(σ)"));
    const found: (TargetPoint & { readonly entropy: number; readonly divergence: number })[] = [];
    for (const [i, sigma] of sigmas.entries()) {
      terminal.progress(`level ${i + 1} of ${sigmas.length}`);
      terminal.signal.throwIfAborted();
      const draws = stream(flags.seed, "targets", i);
      const point = targetPoint({ data, sigma, references, trials: flags.trials, stream: draws });
      const clean = data.sample(Math.min(flags.trials, 20), draws);
      const z = clean.map((value) => value + sigma * draws.normal());
      const all = Array.from({ length: clean.length / dims }, (_unused, k) =>
        posterior(points, z.subarray(k * dims, (k + 1) * dims), sigma),
      );
      const mean = (value: (one: (typeof all)[number]) => number) =>
        all.reduce((sum, one) => sum + value(one), 0) / all.length;
      const more = { entropy: mean((one) => one.entropy), divergence: mean((one) => divergence(one.logWeights)) };
      found.push({ ...point, ...more });
      terminal.print(
        cells(
          sigma,
          point.dsm.timesSigma2,
          ...point.stable.map((one) => one.timesSigma2),
          point.spread,
          more.entropy,
          more.divergence,
        ),
      );
    }
    const middle = phases(
      sigmas,
      found.map(({ dsm }) => dsm.timesSigma2),
    );
    terminal.print(
      `Three phases: below σ = ${show(middle.from)} an example can be told, above ${show(middle.to)} all say the same; targets scatter most at ${show(middle.peak)}.`,
    );
    const peak = found.find(({ sigma }) => sigma === middle.peak);
    const errors = peak?.stable.map(({ standardError }) => show(standardError * peak.sigma ** 2)) ?? [];
    if (errors.length > 0)
      terminal.print(`Standard errors there: ${errors.join(", ")}. More --trials make them smaller.`);
    const x = sigmas.map(Math.log10);
    const most = Math.max(...found.map(({ dsm }) => dsm.timesSigma2));
    const largest = Math.max(...found.map(({ divergence }) => divergence));
    await writeAnalysis(
      flags.out,
      "targets",
      { data: name, dims, trials: flags.trials, phases: middle, points: found },
      {
        targets: {
          title: `Targets for ${name}`,
          xLabel: "log₁₀ σ",
          yLabel: "variance of the target, in units of ε, scaled",
          series: [
            { name: "plain", x, y: found.map(({ dsm }) => dsm.timesSigma2 / most) },
            ...references.map((n, i) => ({
              name: `stable, n = ${n}`,
              x,
              y: found.map(({ stable }) => stable[i].timesSigma2 / most),
            })),
          ],
        },
        divergence: {
          title: `D(σ) for ${name}`,
          xLabel: "log₁₀ σ",
          yLabel: "divergence of the posterior from the data",
          log: true,
          series: [{ name: "D", x, y: found.map(({ divergence }) => Math.max(divergence, 1e-12 * largest)) }],
        },
      },
      terminal,
    );
  },
});

async function dataOf(
  source: string,
  flags: SourceFlags & { readonly n: number; readonly seed: number },
  terminal: Terminal,
) {
  if (source === twoGaussians) {
    const centre = new Array<number>(64).fill(0.5);
    const data = mixture({ means: [centre, centre.map((c) => -c)], stds: 0.005 });
    const points = data.sample(flags.n, stream(flags.seed, "examples"));
    return { name: "two Gaussians in 64 dimensions", data, points, dims: 64 };
  }
  const dataset = await loadSource(source, flags, terminal);
  const count = Math.min(flags.n, dataset.size);
  const dims = elements(dataset.shape);
  const points = Float64Array.from(choose(dataset, count, flags.seed, "examples"));
  return { name: `${count} examples of ${dataset.name}`, data: mixture({ means: points, dims }), points, dims };
}
