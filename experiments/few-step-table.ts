/**
 * Few-step students against their teacher's solvers: distils a run to 32, 16, 8, 4, 2 and 1 steps with three seeds, measures each
 * student, and the teacher under DDIM, Heun and DPM-Solver++ at as many evaluations of D. Prints a table in Markdown and writes
 * it with a plot and JSON. What is there already is not done again, so it can be stopped.
 *
 *   node dist/experiments/few-step-table.js TEACHER OUT [--n 512] [--duration 1536,1536,2k,3k,4k,4k] [--guidance 1.5]
 *        [--budgets 1,2,4,8,16] [--students-only] [--save DIR]
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { linePlot } from "../src/analysis/index.ts";
import { cli } from "../src/cli/cli.ts";
import { type Repetitions, repetitions } from "../src/metrics/index.ts";
import { studentLevels } from "../src/recipe/index.ts";
import { type Evaluation, RunFolder } from "../src/runs/index.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    n: { type: "string", default: "512" },
    duration: { type: "string", default: "1536,1536,2k,3k,4k,4k" },
    guidance: { type: "string", default: "1.5" },
    budgets: { type: "string", default: "1,2,4,8,16" },
    save: { type: "string" },
  },
});
const [teacher, out] = positionals;
const { n, duration, guidance } = values;
const save = values.save ?? out;
const budgets = values.budgets.split(",").map(Number);
const seeds = [0, 1, 2];

interface Cell {
  readonly nfe: number;
  readonly what: string;
  /** Calls of the network for a sample: guidance makes two of each. */
  readonly calls: number;
  readonly metrics: Readonly<Record<string, Repetitions>>;
}

const cacheFile = join(out, "cells.json");
mkdirSync(out, { recursive: true });
const cells: Record<string, Cell> = existsSync(cacheFile) ? JSON.parse(readFileSync(cacheFile, "utf8")) : {};

async function command(...args: string[]): Promise<unknown[]> {
  let text = "";
  const code = await cli([...args, "--json"], {
    out: { write: (more: string) => (text += more) },
    err: { write: (more: string) => process.stderr.write(more) },
  });
  if (code !== 0) throw new Error(`ornstein ${args.join(" ")} ended with ${code}.`);
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

/** fd and class accuracy of a run, one value a seed. */
async function judged(run: string, count: number, ...flags: string[]): Promise<Record<string, readonly number[]>> {
  const args = ["eval", run, "--n", n, "--seeds", String(count), "--metrics", "fd,accuracy", "--batch", "64", ...flags];
  const evaluation = (await command(...args)).at(-1) as Evaluation;
  return Object.fromEntries(evaluation.measurements.map(({ name, values: each }) => [name, each]));
}

async function cell(
  key: string,
  make: () => Promise<Omit<Cell, "metrics"> & { readonly each: Record<string, readonly number[]> }>,
) {
  if (!cells[key]) {
    const { each, ...what } = await make();
    const metrics = Object.fromEntries(Object.entries(each).map(([name, found]) => [name, repetitions(found)]));
    cells[key] = { ...what, metrics };
    writeFileSync(cacheFile, JSON.stringify(cells, null, 2));
  }
  const { what, nfe, metrics } = cells[key];
  process.stderr.write(`${what}, NFE ${nfe}: ${text(metrics["fd"])}\n`);
}

const studentPath = (seed: number, steps: number) => join(out, `s${seed}`, `steps-${steps}`);
for (const seed of seeds) {
  const folder = join(out, `s${seed}`);
  if (existsSync(studentPath(seed, 1)) && RunFolder.open(studentPath(seed, 1)).isComplete()) continue;
  const begun = existsSync(join(folder, "distill.json"));
  const fresh = [
    teacher,
    "--from",
    "64",
    "--to",
    "1",
    "--guidance",
    guidance,
    "--duration",
    duration,
    "--seed",
    `${seed}`,
  ];
  await command("distill", ...(begun ? ["--resume"] : fresh), "--out", folder);
}

for (const steps of budgets)
  await cell(`student ${steps}`, async () => {
    const found: Record<string, readonly number[]>[] = [];
    for (const seed of seeds) found.push(await judged(studentPath(seed, steps), 1));
    const names = Object.keys(found[0]);
    const each = Object.fromEntries(names.map((name) => [name, found.map((one) => one[name][0])]));
    return { nfe: steps, calls: steps, what: "student, DDIM", each };
  });

const weight = ["--guidance", guidance];
for (const nfe of budgets) {
  const levels = join(out, `levels-${nfe}.json`);
  const own = studentLevels(RunFolder.open(studentPath(0, nfe)).describe().recipe);
  writeFileSync(levels, JSON.stringify(own?.toReversed()));
  const half = Math.max(1, nfe / 2);
  const halved = join(out, `levels-${half}.json`);
  const solvers = [
    { name: "DDIM", sampler: "ddim", steps: nfe, evaluations: nfe, file: levels },
    ...(nfe > 1 ? [{ name: "DPM-Solver++(2M)", sampler: "dpm++2m", steps: nfe, evaluations: nfe, file: levels }] : []),
    ...(nfe > 2 ? [{ name: "Heun", sampler: "heun", steps: half, evaluations: nfe - 1, file: halved }] : []),
  ];
  for (const { name, sampler, steps, evaluations, file } of solvers)
    for (const grid of nfe === 1 ? ["karras"] : ["karras", "cosine"])
      await cell(`${sampler} ${steps} ${grid}`, async () => {
        const at = grid === "karras" ? ["--grid", "karras", "--steps", String(steps)] : ["--grid", file];
        const each = await judged(teacher, seeds.length, "--sampler", sampler, ...at, ...weight);
        return { nfe: evaluations, calls: 2 * evaluations, what: `teacher, ${name}, ${grid} levels`, each };
      });
}

function text({ mean, high }: Repetitions, digits = 2): string {
  return `${mean.toFixed(digits)} ± ${(high - mean).toFixed(digits)}`;
}

const all = Object.values(cells).sort((a, b) => a.nfe - b.nfe || a.metrics["fd"].mean - b.metrics["fd"].mean);
const lines = [
  "| NFE | network calls | what                                    | Fréchet distance | class as asked, % |",
  "| --: | --: | --- | --- | --- |",
  ...all.map(({ nfe, calls, what, metrics }) => {
    const { mean, high } = metrics["accuracy"];
    return `| ${nfe} | ${calls} | ${what} | ${text(metrics["fd"])} | ${(100 * mean).toFixed(1)} ± ${(100 * (high - mean)).toFixed(1)} |`;
  }),
];
console.log(lines.join("\n"));

const names = [...new Set(all.map(({ what }) => what))];
const plot = linePlot({
  title: "Students and their teacher's solvers",
  xLabel: "log₂ of evaluations (NFE)",
  yLabel: "Fréchet distance",
  log: true,
  legend: "outside",
  width: 860,
  series: names.map((name) => {
    const own = all.filter(({ what }) => what === name);
    return {
      name: name.replace("teacher, ", "").replace(" levels", "").replace("-Solver++(2M)", "++ 2M"),
      x: own.map(({ nfe }) => Math.log2(nfe)),
      y: own.map(({ metrics }) => metrics["fd"].mean),
      dashed: name.includes("karras"),
    };
  }),
});
writeFileSync(join(save, "few-step-table.svg"), plot);
writeFileSync(
  join(save, "few-step-table.json"),
  `${JSON.stringify({ n: Number(n), seeds, guidance, duration, cells: all }, null, 2)}\n`,
);
writeFileSync(join(save, "few-step-table.md"), `${lines.join("\n")}\n`);
