/** Measures one network on all engines, interleaved: each repeat runs every engine once, while the others wait. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cost, type Expr, input, meanSquaredError, sizeOf, topological } from "../src/graph/index.ts";
import { flatGradient, parameterCount } from "../src/nn/index.ts";
import type { MemorySpec } from "../src/training/index.ts";
import { calm, disturbing, watchOthers } from "./disturbance.ts";
import { writeJobs } from "./job.ts";
import { type BenchName, type BenchNetwork, benchNetworks, buildBench } from "./networks.ts";
import { type EngineSpec, ornstein } from "./others.ts";
import type { Layout, Profile } from "./protocol.ts";
import { Refused, type Side } from "./side.ts";
import { type Spread, spread } from "./statistics.ts";

export interface MeasureOptions {
  /** Measurements of each kind; at least 1. */
  readonly repeats: number;
  readonly threads: number;
  /** How the library trains; "normal" by default. */
  readonly memory?: MemorySpec;
  /** The engines to compare with. */
  readonly others: readonly EngineSpec[];
}

/** What one engine did on one network; a part that it could not do is missing. */
export interface EngineResult {
  readonly engine: string;
  readonly train?: Timing & {
    /** Most memory the process held in training. */
    readonly peakBytes: number;
    /** Of the first updates. */
    readonly losses: readonly number[];
  };
  readonly sample?: Timing & { readonly mean: number };
  /** From network to program, in fresh processes. */
  readonly compileSeconds?: Spread;
  /** What it could not do, and why. */
  readonly refused: Readonly<Record<string, string>>;
}

export interface Timing {
  readonly layout: Layout;
  /** Of one update, or one pass through the network. */
  readonly seconds: Spread;
  /** This engine's time ÷ the library's, repeat by repeat. */
  readonly ratio: Spread;
  /** The share of the processor that other processes took meanwhile. */
  readonly others: Spread;
}

export interface NetworkResult {
  readonly network: BenchName;
  readonly about: string;
  readonly batch: number;
  readonly parameters: number;
  /** Of the convolutions in one update. */
  readonly convFlops: number;
  /** Of all multiply–adds in one update. */
  readonly flops: number;
  /** Rate of a large matrix product, by the engine that is fastest at it, measured between the updates. */
  readonly matmul: Spread;
  /** The library first. */
  readonly engines: readonly EngineResult[];
  /** The largest relative difference of another engine's first losses from the library's. */
  readonly lossDifference: number;
  /** The same for the mean square of what comes out of the network. */
  readonly outputDifference: number;
  readonly profile: Profile;
}

/** Losses of so many updates are compared. */
const comparedSteps = 3;
/** A measurement repeats fast work until it has taken about this long. */
const sampleSeconds = 1;
/** Rounds that others disturb are repeated, this many times as many rounds at most, each after a wait of at most this. */
const patience = 3;
const patienceSeconds = 15;
const matmulSize = 2048;
const profiledSteps = 5;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An engine's process on one kind of work. */
interface Runner {
  readonly result: Mutable<EngineResult>;
  readonly side: Side;
  readonly layout: Layout;
  /** Seconds of one piece of work when it was tried. */
  readonly tried: number;
  readonly losses: readonly number[];
  readonly mean: number;
}

/** Yields lines of progress; returns the measurements. */
export async function* measure(name: BenchName, options: MeasureOptions): AsyncGenerator<string, NetworkResult> {
  const network: BenchNetwork = benchNetworks[name];
  const folder = mkdtempSync(join(tmpdir(), "ornstein-bench-"));
  const open = new Set<Side>();
  try {
    const { parameters, convFlops, flops } = trainingGraph(network);
    const jobs = writeJobs(folder, name, options);
    const results = [ornstein, ...options.others].map((spec) => ({
      spec,
      result: { engine: spec.label, refused: {} } as Mutable<EngineResult>,
    }));
    const begin = (spec: EngineSpec, layout: Layout) => {
      const side = spec.start(jobs[layout]);
      open.add(side);
      return side;
    };
    const end = async (side: Side) => {
      open.delete(side);
      await side.close();
    };

    /** Starts every engine on one kind of work, in its fastest layout. */
    const startAll = async (kind: "step" | "forward"): Promise<Runner[]> => {
      const runners: Runner[] = [];
      for (const { spec, result } of results) {
        let best: Runner | undefined;
        for (const layout of spec.layouts) {
          const side = begin(spec, layout);
          try {
            result.engine = (await side.ask("versions", {})).name;
            const tried = await tryOut(side, kind);
            const slower = best && best.tried <= tried.tried ? side : best?.side;
            if (slower !== side) best = { result, side, layout, ...tried };
            if (slower) await end(slower);
          } catch (error) {
            if (!(error instanceof Refused)) throw error;
            result.refused = { ...result.refused, [kind]: error.message };
            await end(side);
          }
        }
        if (best) runners.push(best);
      }
      return runners;
    };

    // Training.
    yield `${name}: first updates`;
    const trainers = await startAll("step");
    const multipliers = results.map(({ spec }) => begin(spec, spec.layouts[0]));
    const multiply = async () => {
      const rates: number[] = [];
      for (const side of multipliers) rates.push(await multiplied(side));
      return Math.max(...rates);
    };
    const updates = yield* interleave(`${name}: updates`, "step", trainers, options.repeats, multiply);
    for (const side of multipliers) await end(side);
    for (const [i, { result, side, layout, losses }] of trainers.entries()) {
      const { bytes } = await side.ask("memory", {});
      result.train = { layout, ...updates.timings[i], peakBytes: bytes, losses };
      await end(side);
    }

    // Compilation, as long as a user waits for it: in new processes.
    const compiling: number[] = [];
    for (let i = 0; i < options.repeats; i++) {
      yield `${name}: compilation ${i + 1} of ${options.repeats}`;
      const side = begin(ornstein, "nchw");
      compiling.push((await side.ask("compile", {})).seconds);
      await end(side);
    }
    results[0].result.compileSeconds = spread(compiling);

    // Sampling.
    yield `${name}: first passes`;
    const samplers = await startAll("forward");
    const passes = yield* interleave(`${name}: passes`, "forward", samplers, options.repeats);
    for (const [i, { result, side, layout, mean }] of samplers.entries()) {
      result.sample = { layout, ...passes.timings[i], mean };
      await end(side);
    }

    yield `${name}: profile`;
    const profiled = begin(ornstein, "nchw");
    const profile = await profiled.ask("profile", { count: profiledSteps });
    await end(profiled);

    const differences = (values: (result: EngineResult) => readonly number[] | undefined) => {
      const [own = [], ...rest] = results.map(({ result }) => values(result));
      return Math.max(0, ...rest.flatMap((other = []) => other.map((value, i) => Math.abs(value / own[i] - 1))));
    };
    return {
      network: name,
      about: network.about,
      batch: network.batch,
      parameters,
      convFlops,
      flops,
      matmul: spread(updates.between),
      engines: results.map(({ result }) => result),
      lossDifference: differences(({ train }) => train?.losses),
      outputDifference: differences(({ sample }) => sample && [sample.mean]),
      profile,
    };
  } finally {
    for (const side of open) await side.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The first pieces of work, which also warm up; the time is that of the fastest but the first. */
async function tryOut(side: Side, kind: "step" | "forward") {
  const losses: number[] = [];
  const seconds: number[] = [];
  let mean = 0;
  for (let i = 0; i < comparedSteps; i++) {
    const answer = await side.ask(kind, { count: 1 });
    seconds.push(answer.seconds);
    if ("losses" in answer) losses.push(...answer.losses);
    else mean = answer.mean;
  }
  return { tried: Math.min(...seconds.slice(1)), losses, mean };
}

/** The rate of an engine's matrix product; 0 where it has none. */
async function multiplied(side: Side): Promise<number> {
  try {
    return (await side.ask("matmul", { size: matmulSize })).flopsPerSecond;
  } catch (error) {
    if (error instanceof Refused) return 0;
    throw error;
  }
}

/**
 * Every engine in turn, in `repeats` rounds; `between` ends each round. Rounds that other processes disturbed are not
 * counted, unless so many rounds are disturbed that too few are left: then the least disturbed ones are.
 */
async function* interleave(
  what: string,
  kind: "step" | "forward",
  runners: readonly Runner[],
  repeats: number,
  between?: () => Promise<number>,
): AsyncGenerator<string, { timings: Omit<Timing, "layout">[]; between: number[] }> {
  const rounds: { seconds: number[]; others: number; between: number }[] = [];
  const undisturbed = () => rounds.filter(({ others }) => others < disturbing).length;
  const pids = [process.pid, ...runners.map(({ side }) => side.pid)];
  while (undisturbed() < repeats && rounds.length < patience * repeats) {
    yield `${what} ${rounds.length + 1}, ${undisturbed()} of ${repeats} undisturbed`;
    const others = watchOthers(pids);
    const seconds: number[] = [];
    for (const { side, tried } of runners) {
      const count = Math.max(1, Math.round(sampleSeconds / tried));
      // Caches and threads are the last engine's yet, as they are not in a loop of updates or of a sampler's steps.
      await side.ask(kind, { count: 1 });
      seconds.push((await side.ask(kind, { count })).seconds / count);
    }
    const round = { seconds, others: others() ?? 0, between: (await between?.()) ?? 0 };
    rounds.push(round);
    if (round.others >= disturbing) await calm(patienceSeconds);
  }
  const kept = rounds.sort((a, b) => a.others - b.others).slice(0, repeats);
  const timings = runners.map((_, i) => ({
    seconds: spread(kept.map(({ seconds }) => seconds[i])),
    ratio: spread(kept.map(({ seconds }) => seconds[i] / seconds[0])),
    others: spread(kept.map(({ others }) => others)),
  }));
  return { timings, between: kept.map((round) => round.between) };
}

/** Counts of the graph of an update. */
function trainingGraph(network: BenchNetwork) {
  const { output, parameters } = buildBench(network);
  const loss = meanSquaredError(output, input("target", output.shape));
  const gradient = flatGradient(loss, parameters);
  const convFlops = topological([gradient])
    .map(convFlopsOf)
    .reduce((a, b) => a + b, 0);
  return { parameters: parameterCount(parameters), convFlops, flops: 2 * cost([gradient]).macs };
}

/** Two for every multiply–add of a convolution or one of its gradients: each element of y (or dy) meets one filter. */
function convFlopsOf({ op, shape, inputs }: Expr): number {
  if (op === "conv2d") return 2 * sizeOf(shape) * sizeOf(inputs[1].shape.slice(1));
  if (op === "conv2dInputGrad") return 2 * sizeOf(inputs[0].shape) * sizeOf(inputs[1].shape.slice(1));
  if (op === "conv2dFilterGrad") return 2 * sizeOf(inputs[1].shape) * sizeOf(shape.slice(1));
  return 0;
}
