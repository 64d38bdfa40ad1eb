/** The library's side of the bench: `node ornstein.js JOB`. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Expr, input, meanSquaredError, recompute } from "../src/graph/index.ts";
import { bake, flatGradient, flatten, parameterCount } from "../src/nn/index.ts";
import {
  type CompileOptions,
  compile,
  compileInPlace,
  compileStateful,
  createState,
  type Feeds,
  type Program,
} from "../src/runtime/index.ts";
import { adam, adamFeeds, adamRates, changesInPlace } from "../src/training/index.ts";
import { type Engine, floats, jobInputs, peakBytes, serve, timed } from "./engine.ts";
import { type BenchName, benchNetworks, buildBench } from "./networks.ts";
import { profileOf, type TraceEvent } from "./profile.ts";
import type { Job } from "./protocol.ts";

const optimizer = { type: "adam" } as const;

/** Loss, gradient and Adam: as one program or, of many parameters, as one for the gradient and one that applies it in place. */
async function compileTraining(job: Job, options: CompileOptions) {
  const network = benchNetworks[job.network.name as BenchName];
  const { output, parameters } = buildBench(network);
  const count = parameterCount(parameters);
  const flat = (name: string, length: number) => input(name, [length]);
  const vectors = (length: number) => ({
    params: flat("params", length),
    mean: flat("mean", length),
    square: flat("square", length),
  });
  const before = vectors(count);
  const loss = meanSquaredError(output, input("target", output.shape));
  const passes = [loss, flatGradient(loss, parameters)];
  const nodes = parameters.map(({ node }) => node);
  const kept = job.memory === "low" ? recompute(passes, 1, nodes) : passes;
  const [flatLoss, gradient] = flatten(kept, parameters, before.params);
  const change = (from: ReturnType<typeof vectors>, by: Expr) => {
    const { params, mean, square } = adam(optimizer, from, by, adamRates());
    return {
      params: { before: from.params, after: params },
      mean: { before: from.mean, after: mean },
      square: { before: from.square, after: square },
    };
  };
  const names = ["params", "mean", "square", "gradient"];
  const state = createState(Object.fromEntries(names.map((name) => [name, [count]])), options);
  const shared = { ...options, state };
  const outputs = { loss: flatLoss };
  const inPlace = changesInPlace({ batch: network.batch, microBatch: network.batch }, count);
  const program = await compileStateful(
    inPlace ? { gradient: { before: flat("gradient", count), after: gradient } } : change(before, gradient),
    outputs,
    shared,
  );
  const applying = inPlace
    ? await compileInPlace((length) => change(vectors(length), flat("gradient", length)), count, shared)
    : undefined;
  return {
    load: state.load,
    async step(feeds: Feeds, rates: Feeds): Promise<number> {
      const { loss } = await program.step(applying ? feeds : { ...feeds, ...rates });
      await applying?.run(rates);
      return loss[0];
    },
    endProfile: program.endProfile,
    async close() {
      await state.close();
      await program.close();
      await applying?.close();
    },
  };
}

function compileSampling(job: Job, weights: Float32Array, options: CompileOptions) {
  const { output, parameters } = buildBench(benchNetworks[job.network.name as BenchName]);
  const [baked] = bake([output], parameters, weights);
  return compile({ output: baked }, options);
}

function compileMatmul(size: number, options: CompileOptions) {
  const [a, b] = ["a", "b"].map((name) => input(name, [size, size]));
  return compile({ product: a.matmul(b) }, options);
}

async function ornstein(job: Job): Promise<Engine> {
  const options = { threads: job.threads };
  const given = jobInputs(job);
  const feeds = Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, data]));
  const { target: _, ...seen } = feeds;
  let training: Awaited<ReturnType<typeof compileTraining>> | undefined;
  let sampling: Program | undefined;
  let product: Program | undefined;
  let t = 0;

  const start = async (extra: CompileOptions = {}) => {
    const program = await compileTraining(job, { ...options, ...extra });
    program.load({ params: floats(job.weights) });
    t = 0;
    return program;
  };
  const update = (program: NonNullable<typeof training>) => program.step(feeds, adamFeeds(optimizer, ++t, job.lr));

  return {
    versions: async () => ({ name: "Ornstein" }),
    async step({ count }) {
      const program = (training ??= await start());
      const losses: number[] = [];
      const seconds = await timed(count, async () => void losses.push(await update(program)));
      return { seconds, losses };
    },
    async forward({ count }) {
      const program = (sampling ??= await compileSampling(job, floats(job.weights), options));
      let output = new Float32Array();
      const seconds = await timed(count, async () => {
        ({ output } = (await program.run(seen)) as { output: Float32Array<ArrayBuffer> });
      });
      return { seconds, mean: output.reduce((sum, y) => sum + y * y, 0) / output.length };
    },
    memory: async () => ({ bytes: peakBytes() }),
    async compile() {
      let program: Awaited<ReturnType<typeof start>> | undefined;
      const seconds = await timed(1, async () => {
        program = await compileTraining(job, options);
      });
      await program?.close();
      return { seconds };
    },
    async matmul({ size }) {
      const values = { a: new Float32Array(size * size).fill(0.5), b: new Float32Array(size * size).fill(0.25) };
      const into = { product: new Float32Array(size * size) };
      const program = (product ??= await compileMatmul(size, options));
      const seconds: number[] = [];
      for (let i = 0; i < 4; i++) seconds.push(await timed(1, async () => void (await program.run(values, into))));
      return { flopsPerSecond: (2 * size ** 3) / Math.min(...seconds) };
    },
    async profile({ count }) {
      const prefix = `${job.weights}.trace`;
      const program = await start({ profile: prefix });
      for (let i = 0; i < count; i++) await update(program);
      program.endProfile();
      await program.close();
      const folder = dirname(prefix);
      const file = readdirSync(folder).find((name) => name.startsWith(basename(prefix)))!;
      return profileOf(JSON.parse(readFileSync(join(folder, file), "utf8")) as readonly TraceEvent[]);
    },
  };
}

await serve(ornstein);
