/** `ornstein analyze w2-decay`: how soon the forward process makes two sets of images alike. */
import { type DecayPoint, significantTime, w2Decay } from "../analysis/index.ts";
import { elements, subset } from "../data/index.ts";
import { type PathSpec, path } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { stream } from "../random/index.ts";
import { analyzeFlags, cells, choose, numbers, show, writeAnalysis } from "./analyze.ts";
import { command, grouped } from "./command.ts";
import { loadSource, sourceFlags } from "./sources.ts";

export const analyzeW2Decay = command({
  name: "analyze w2-decay",
  summary: "Plot W₂ between two sets of images along the forward process, beside its baseline, and find t_δ.",
  argument: { name: "SOURCE", help: "Data; two sources, or one and --classes", required: true, many: true },
  examples: ["analyze w2-decay mnist --classes 1,8", "analyze w2-decay photos/ drawings/ --size 32 --process flow"],
  flags: {
    ...grouped("What to measure", {
      classes: { type: "string", value: "A,B", help: "Compare two classes of one source, by number" },
      n: { type: "integer", default: 512, min: 8, help: "Images of each set" },
      process: { type: "choice", choices: ["vp", "ou", "flow", "sub-vp"], default: "vp", help: "The forward process" },
      points: { type: "integer", default: 11, min: 2, help: "Times to look at" },
      estimator: { type: "choice", choices: ["exact", "sinkhorn"], default: "exact", help: "Of W₂ between samples" },
      delta: { type: "number", default: 0.1, min: 1e-6, max: 0.999, help: "Find the time at which this share is left" },
    }),
    ...sourceFlags,
    ...analyzeFlags,
  },
  async run(source, flags, terminal, [other, ...more]) {
    if (more.length > 0 || (other === undefined) === (flags.classes === undefined))
      throw new ConfigError("analyze w2-decay: needs two sources, or one source and --classes A,B.");
    const first = await loadSource(source ?? "", flags, terminal);
    const second = other === undefined ? first : await loadSource(other, flags, terminal);
    if (second.shape.join() !== first.shape.join())
      throw new ConfigError(
        `analyze w2-decay: ${second.name} has examples of [${second.shape}], ${first.name} of [${first.shape}] (the same expected). Give --size and --channels.`,
      );
    const ofClass = (label: number) => {
      if (!first.label || !first.classes?.[label])
        throw new ConfigError(
          `--classes: ${first.name} has no class ${label} (${first.classes?.length ?? 0} classes).`,
        );
      const members = Array.from({ length: first.size }, (_unused, i) => i).filter((i) => first.label?.(i) === label);
      return subset(first, members, `${first.name}, class ${first.classes[label]}`);
    };
    const [a, b] =
      flags.classes === undefined
        ? [first, second]
        : numbers("--classes", flags.classes, Number.isInteger, "two numbers such as 1,8").map(ofClass);
    if (b === undefined) throw new ConfigError("--classes: must be two numbers such as 1,8; got one.");
    const dims = elements(first.shape);
    const twice = choose(a, 2 * flags.n, flags.seed, "first set");
    const draws = stream(flags.seed, "forward noise");
    const times = Array.from({ length: flags.points }, (_unused, i) => i / (flags.points - 1));
    const found: DecayPoint[] = [];
    terminal.print(
      `${a.name} and ${b.name}: ${flags.n} each, ${dims} dimensions, ${flags.process}, ${flags.estimator} W₂`,
    );
    terminal.print(cells("t", "W₂", "baseline", "excess"));
    const decaying = w2Decay({
      x: twice.subarray(0, flags.n * dims),
      y: choose(b, flags.n, flags.seed, "second set"),
      again: twice.subarray(flags.n * dims),
      dims,
      process: path({ type: flags.process } as PathSpec),
      times,
      noise: (count) => draws.fillNormal(new Float64Array(count)),
      estimator: { type: flags.estimator as "exact" | "sinkhorn" },
    });
    for await (const point of decaying) {
      found.push(point);
      terminal.signal.throwIfAborted();
      terminal.print(cells(point.t, point.w2, point.baseline, point.excess));
    }
    const time = significantTime(found, flags.delta);
    terminal.print(
      time === undefined
        ? `More than ${flags.delta} of the excess is left at the end: no t_δ.`
        : `t_δ = ${show(time)} for δ = ${flags.delta}: the significant part of the process, as Bernoulli timesteps use it.`,
    );
    terminal.print(
      "The excess is √(W₂² − baseline²): W₂ itself does not fall to 0 between samples, even of one distribution.",
    );
    const line = (name: string, value: (point: DecayPoint) => number, dashed = false) => ({
      name,
      x: times,
      y: found.map(value),
      dashed,
    });
    await writeAnalysis(
      flags.out,
      "w2-decay",
      {
        sets: [a.name, b.name],
        n: flags.n,
        dims,
        process: flags.process,
        estimator: flags.estimator,
        points: found,
        delta: flags.delta,
        significantTime: time ?? null,
      },
      {
        "w2-decay": {
          title: `${a.name} and ${b.name} along the forward process (${flags.process})`,
          xLabel: "t",
          yLabel: "distance",
          yRange: [0, 1.4 * Math.max(...found.map(({ w2, baseline }) => Math.max(w2, baseline)))],
          series: [
            line("W₂ between the sets", ({ w2 }) => w2),
            line("between samples of one set", ({ baseline }) => baseline, true),
            line("excess", ({ excess }) => excess),
          ],
        },
      },
      terminal,
    );
  },
});
