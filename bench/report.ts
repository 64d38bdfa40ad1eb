/** The bench's results as rows: what the library does, what another engine does, and what was asked for. */
import { disturbing } from "./disturbance.ts";
import type { EngineResult, NetworkResult, Timing } from "./measure.ts";
import type { BenchName } from "./networks.ts";
import type { Spread } from "./statistics.ts";

/** One line of the table. */
export interface Row {
  readonly network: BenchName;
  readonly what: string;
  /** The library's number, and the other engine's, with units. */
  readonly own: string;
  readonly engine?: string;
  readonly other?: string;
  /** What the goal is about: a ratio, seconds, or a share. */
  readonly value: number;
  /** Its quartiles over the repeats. */
  readonly quartiles?: readonly [number, number];
  /** The ratio between the fastest measurements of each: other work on the machine only makes a measurement slower. */
  readonly fastest?: number;
  readonly goal?: Goal;
  readonly met?: "aim" | "must" | "no";
}

/** A number to reach, and one to reach for; whether from below or from above follows from which is larger. */
export interface Goal {
  readonly must: number;
  readonly aim?: number;
  readonly atMost?: boolean;
}

type Measured = "train" | "sample" | "memory" | "compile" | "convolution";

/** Against PyTorch, or alone. */
const goals: { readonly [N in BenchName]?: { readonly [M in Measured]?: Goal } } = {
  "unet-a": {
    train: { must: 1.4, aim: 1.8 },
    sample: { must: 1.7, aim: 2.2 },
    memory: { must: 1.1, aim: 0.7, atMost: true },
    compile: { must: 1.5, aim: 0.7, atMost: true },
    convolution: { must: 0.6, aim: 0.75 },
  },
  "ddpmpp-64": {
    train: { must: 1.4, aim: 1.8 },
    sample: { must: 1.7, aim: 2.2 },
    memory: { must: 1.1, aim: 0.7, atMost: true },
    convolution: { must: 0.6, aim: 0.75 },
  },
  mlp: { train: { must: 2, aim: 5 } },
};
/** Against any other JavaScript engine. */
const ahead: Goal = { must: 4 };

/** The rows of one network. */
export function rowsOf(result: NetworkResult): Row[] {
  const { network, batch, engines, flops, matmul, profile } = result;
  const [own, ...others] = engines;
  const goal = (of: Measured) => goals[network]?.[of];
  const rows: Row[] = [];
  const add = (row: Omit<Row, "network" | "met" | "goal">, target?: Goal) =>
    rows.push({ network, ...row, ...(target && { goal: target, met: met(row.value, target) }) });

  const speed = (what: string, of: "train" | "sample") => {
    const mine = own[of];
    if (!mine) return;
    const unit = network === "mlp" ? 1 : batch;
    const rate = ({ seconds }: Timing) => `${shown(unit / seconds.median)}/s`;
    const known = others.filter((other) => other[of]);
    if (known.length === 0) add({ what, own: rate(mine), value: unit / mine.seconds.median });
    for (const other of known) {
      const theirs = other[of]!;
      add(
        {
          what,
          own: rate(mine),
          engine: nameOf(other, theirs),
          other: rate(theirs),
          value: theirs.ratio.median,
          quartiles: [theirs.ratio.lower, theirs.ratio.upper],
          fastest: theirs.seconds.least / mine.seconds.least,
        },
        isTorch(other) ? goal(of) : ahead,
      );
    }
  };
  const noun = network === "mlp" ? "steps" : "images";
  speed(`training, ${noun}`, "train");
  speed(`sampling, ${noun}`, "sample");

  if (own.train && !others.some(({ train }) => train))
    add({ what: "peak memory in training", own: mebibytes(own.train.peakBytes), value: own.train.peakBytes });
  for (const other of others)
    if (own.train && other.train)
      add(
        {
          what: "peak memory in training",
          own: mebibytes(own.train.peakBytes),
          engine: nameOf(other, other.train),
          other: mebibytes(other.train.peakBytes),
          value: own.train.peakBytes / other.train.peakBytes,
        },
        isTorch(other) ? goal("memory") : undefined,
      );
  if (own.compileSeconds) {
    const { median, lower, upper } = own.compileSeconds;
    const row = { what: "network to program, seconds", own: `${shown(median)} s`, value: median };
    add({ ...row, quartiles: [lower, upper] }, goal("compile"));
  }
  const rate = (perSecond: number) => `${shown(perSecond / 1e9)} GFLOP/s`;
  if (profile.convFlops > 0) {
    const kernels = profile.convFlops / profile.convSeconds;
    const product = { engine: "best matrix product", other: rate(matmul.most), value: kernels / matmul.most };
    add({ what: "convolution kernels", own: rate(kernels), ...product }, goal("convolution"));
  }
  if (own.train) {
    const overall = flops / own.train.seconds.median;
    const product = { engine: "matrix product", other: rate(matmul.median), value: overall / matmul.median };
    add({ what: "arithmetic of an update", own: rate(overall), ...product });
  }
  return rows;
}

const isTorch = ({ engine }: EngineResult) => engine.startsWith("PyTorch");
const nameOf = ({ engine }: EngineResult, { layout }: Timing) =>
  layout === "channels_last" ? `${engine} (channels last)` : engine;

function met(value: number, { must, aim, atMost = false }: Goal): "aim" | "must" | "no" {
  const reaches = (target: number) => (atMost ? value <= target : value >= target);
  if (!reaches(must)) return "no";
  return aim !== undefined && reaches(aim) ? "aim" : "must";
}

const shown = (x: number) => (x >= 100 ? x.toFixed(0) : x.toPrecision(3));
const mebibytes = (n: number) => `${(n / 2 ** 20).toFixed(0)} MiB`;
const seconds = ({ median, lower, upper }: Spread) => `${shown(median)} s (${shown(lower)}–${shown(upper)})`;

const marks = { aim: "reached, and the aim", must: "reached", no: "missed" } as const;

/** A table in Markdown, aligned, so that it reads as text too. */
export function table(rows: readonly Row[]): string[] {
  const head = ["network", "what", "Ornstein", "other", "", "ratio", "quartiles", "of fastest", "must", "aim", ""];
  const cells = rows.map(({ network, what, own, engine, other, value, quartiles, fastest, goal, met: reached }) => {
    const sign = goal?.atMost ? "≤" : "≥";
    return [
      network,
      what,
      own,
      other ?? "",
      engine ?? "",
      engine === undefined ? "" : shown(value),
      quartiles ? quartiles.map(shown).join("–") : "",
      fastest === undefined ? "" : shown(fastest),
      goal ? `${sign} ${goal.must}` : "",
      goal?.aim === undefined ? "" : `${sign} ${goal.aim}`,
      reached ? marks[reached] : "",
    ];
  });
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...cells.map(line)];
}

/** What the table has no column for: times of each engine, losses compared, what was refused, where the time goes. */
export function remarks({
  network,
  engines,
  lossDifference,
  batch,
  parameters,
  about,
  profile,
}: NetworkResult): string[] {
  const lines = [`${network}: ${about}; batch ${batch}, ${parameters.toLocaleString("en")} parameters.`];
  for (const { engine, train, sample, refused } of engines) {
    const parts = [train && `update ${seconds(train.seconds)}`, sample && `pass ${seconds(sample.seconds)}`];
    const done = parts.filter((part) => part !== undefined);
    if (done.length > 0) lines.push(`  ${engine}: ${done.join(", ")}`);
    const disturbed = [train, sample].filter((timing) => (timing?.others.median ?? 0) > disturbing);
    if (engine === engines[0].engine && disturbed.length > 0)
      lines.push(
        `  other processes took ${disturbed.map((timing) => `${(100 * timing!.others.median).toFixed(0)}%`).join(" and ")} of the processor meanwhile: trust no number`,
      );
    for (const [what, reason] of Object.entries(refused)) lines.push(`  ${engine}: no ${what}: ${reason}`);
  }
  if (engines.filter(({ train }) => train).length > 1) {
    const verdict = agrees(lossDifference) ? "agree" : "DISAGREE";
    lines.push(`  first losses ${verdict}: largest relative difference ${lossDifference.toExponential(1)}`);
  }
  lines.push(`  an update op by op, fastest run of each node: ${shown(profile.seconds)} s`);
  for (const { op, nodes, seconds: time } of profile.ops.slice(0, 12)) {
    const share = `${((100 * time) / profile.seconds).toFixed(1).padStart(5)}%`;
    lines.push(
      `    ${op.padEnd(22)}${String(nodes).padStart(5)} nodes ${(1000 * time).toFixed(1).padStart(8)} ms ${share}`,
    );
  }
  return lines;
}

/** Whether losses of two engines from equal weights differ no more than rounding explains. */
export const agrees = (difference: number): boolean => difference <= 1e-4;
