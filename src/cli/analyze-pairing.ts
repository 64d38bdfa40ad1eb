/** `ornstein analyze pairing`: what matching images with noise brings, and why. */
import { coordinates, leadingDirections, linearSpread, pairingGain, pairMoments } from "../analysis/index.ts";
import { type Dataset, elements } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { normals, stream } from "../random/index.ts";
import { optimalPairing, permute } from "../transport/index.ts";
import { analyzeFlags, cells, checkRising, levels, numbers, read, show, writeAnalysis } from "./analyze.ts";
import { command, grouped } from "./command.ts";
import { loadSource, sourceFlags } from "./sources.ts";

export const analyzePairing = command({
  name: "analyze pairing",
  summary: "Compare matched pairs of image and noise with random ones: distance, and how much noise says of the image.",
  argument: { name: "SOURCE", help: "Data", required: true },
  examples: ["analyze pairing mnist", "analyze pairing mnist --class-wise --pools 512,2048 --n 8192"],
  flags: {
    ...grouped("What to measure", {
      pools: { type: "string", value: "N,N,…", default: "64,512", help: "Sizes of pools" },
      n: {
        type: "integer",
        default: 4096,
        min: 64,
        help: "Pairs to measure on; half of them judge what the others say",
      },
      classWise: { type: "boolean", help: "Match within classes only, as for conditional models" },
      metric: { type: "choice", choices: ["euclidean", "squared-euclidean"], default: "euclidean", help: "Of pairs" },
      rank: { type: "integer", default: 64, min: 1, help: "Directions in which images vary most to look at, at most" },
      levels: { type: "integer", default: 17, min: 2, help: "Noise levels" },
      from: { type: "number", default: 0.1, min: 1e-6, help: "The lowest noise level" },
      to: { type: "number", default: 80, min: 1e-6, help: "The highest" },
    }),
    ...sourceFlags,
    ...analyzeFlags,
  },
  async run(source, flags, terminal) {
    checkRising(flags);
    const pools = numbers(
      "--pools",
      flags.pools,
      (n) => Number.isInteger(n) && n >= 2,
      "whole numbers from 2 such as 64,512",
    );
    const largest = Math.max(...pools);
    if (flags.n < 2 * largest)
      throw new ConfigError(`--n: must be at least two pools of ${largest}, ${2 * largest}; got ${flags.n}.`);
    const dataset = await loadSource(source ?? "", flags, terminal);
    if (flags.classWise && !dataset.label) throw new ConfigError(`--class-wise: ${dataset.name} has no labels.`);
    const dims = elements(dataset.shape);
    const { images, labels } = drawn(dataset, flags.n, flags.seed);
    const noise = Float32Array.from(normals(flags.seed, "noise", 0, flags.n * dims));
    const rank = Math.min(flags.rank, dims, flags.n / 2);
    const directions = leadingDirections(images, dims, normals(flags.seed, "directions", 0, rank * dims));
    const x = coordinates(directions, images);
    const half = Math.floor(flags.n / 2) * rank;
    const sides = (values: Float64Array) => [values.subarray(0, half), values.subarray(half)] as const;
    const [fitX, testX] = sides(x);

    terminal.print(
      `${flags.n} images of ${dataset.name}, ${dims} numbers each${flags.classWise ? ", matched within classes" : ""}:`,
    );
    terminal.print(cells("pool", "matched", "random", "ratio"));
    const sigmas = levels(flags.from, flags.to, flags.levels);
    const curves: { name: string; pool: number; spread: number[]; noiseAlone: number }[] = [];
    const curveOf = (name: string, pool: number, eps?: Float64Array) => {
      const [fitNoise, testNoise] = eps ? sides(eps) : [];
      const [fit, test] = [pairMoments(fitX, rank, fitNoise), pairMoments(testX, rank, testNoise)];
      const noiseAlone = 1 - linearSpread(fit, test, Number.POSITIVE_INFINITY);
      curves.push({ name, pool, spread: sigmas.map((sigma) => linearSpread(fit, test, sigma)), noiseAlone });
    };
    curveOf("independent", 1);
    const distances = [];
    for (const pool of pools) {
      const matched = new Float32Array(noise.length);
      let [sum, all, count] = [0, 0, 0];
      for (let first = 0; first + pool <= flags.n; first += pool, count++) {
        terminal.progress(`pools of ${pool}: ${first} of ${flags.n}`);
        terminal.signal.throwIfAborted();
        const [from, to] = [first * dims, (first + pool) * dims];
        const [some, their] = [images.subarray(from, to), noise.subarray(from, to)];
        const options = {
          metric: flags.metric as "euclidean" | "squared-euclidean",
          ...(flags.classWise && labels && { labels: labels.subarray(first, first + pool) }),
        };
        const { permutation, cost } = optimalPairing(some, their, dims, options);
        matched.set(permute(their, permutation, dims), from);
        sum += cost / pool;
        if (count === 0) all = pairingGain(some, their, dims, { metric: options.metric }).independent;
      }
      // What is left over has the noise it had.
      matched.set(noise.subarray(count * pool * dims), count * pool * dims);
      distances.push({ pool, matched: sum / count, independent: all, ratio: sum / count / all });
      terminal.print(cells(pool, sum / count, all, sum / count / all));
      curveOf(`pools of ${pool}`, pool, coordinates(directions, matched, false));
    }
    terminal.print(`\nVariance of images that the best linear guess leaves open, by noise level (${rank} directions):`);
    terminal.print(cells("σ", ...curves.map(({ name }) => name)));
    for (const [i, sigma] of sigmas.entries()) terminal.print(cells(sigma, ...curves.map(({ spread }) => spread[i])));
    for (const { name, noiseAlone } of curves.slice(1))
      terminal.print(`${name}: noise alone says ${show(100 * noiseAlone)} % of the image (0 for independent noise).`);
    const log = sigmas.map(Math.log10);
    await writeAnalysis(
      flags.out,
      "pairing",
      {
        data: dataset.name,
        n: flags.n,
        dims,
        rank,
        classWise: flags.classWise,
        metric: flags.metric,
        distances,
        sigmas,
        curves,
      },
      {
        pairing: {
          title: `What is open about ${dataset.name}, noise matched in pools`,
          xLabel: "log₁₀ σ",
          yLabel: "variance left by the best linear guess, share",
          yRange: [0, 1.3],
          series: curves.map(({ name, spread }) => ({ name, x: log, y: spread, dashed: name === "independent" })),
        },
      },
      terminal,
    );
  },
});

/** A random choice of examples with their labels; in the order of a permutation, again and again if there are too few. */
function drawn(dataset: Dataset, count: number, seed: number) {
  const order = stream(seed, "examples").permutation(dataset.size);
  const indices = Uint32Array.from({ length: count }, (_unused, i) => order[i % order.length]);
  return {
    images: read(dataset, indices),
    labels: dataset.label && Int32Array.from(indices, (index) => dataset.label?.(index) ?? 0),
  };
}
