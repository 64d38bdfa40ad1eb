/**
 * Few-step students against their teacher's solvers: halves a run from 64 steps to 1 with three seeds, and teaches others four
 * steps from 16 at once; measures each student, and the teacher under DDIM, Heun and DPM-Solver++ at as many evaluations of D. At
 * four it measures again with more samples, students and the best solvers from the same starts, and prints the differences in
 * pairs. Prints a table in Markdown and writes it with a plot and JSON. What is there already is not done again, so it can be
 * stopped.
 *
 *   node dist/experiments/few-step-table.js TEACHER OUT [--n 512] [--pairs 2000] [--guidance 1.5] [--budgets 1,2,4,8,16]
 *        [--duration 1536,1536,2k,3k,4k,4k] [--direct 7k] [--consistency 5k|0] [--save DIR]
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
    pairs: { type: "string", default: "2000" },
    duration: { type: "string", default: "1536,1536,2k,3k,4k,4k" },
    direct: { type: "string", default: "7k" },
    consistency: { type: "string", default: "5k" },
    guidance: { type: "string", default: "1.5" },
    budgets: { type: "string", default: "1,2,4,8,16" },
    save: { type: "string" },
  },
});
const [teacher, out] = positionals;
const { n, pairs, duration, guidance } = values;
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
async function judged(run: string, samples: string, ...flags: string[]): Promise<Record<string, readonly number[]>> {
  const shared = ["--seeds", String(seeds.length), "--metrics", "fd,kid,accuracy", "--batch", "64"];
  const args = ["eval", run, "--n", samples, ...shared, ...flags];
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

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const studentPath = (seed: number, steps: number) => join(out, `s${seed}`, `steps-${steps}`);
/** Four of the teacher's steps in one, straight from the guided teacher. */
const directPath = (seed: number) => join(out, `d${seed}`, "steps-4");
const consistencyPath = (seed: number) => join(out, `c${seed}`, "consistency");

async function taught(run: string, ...flags: string[]) {
  if (existsSync(run) && RunFolder.open(run).isComplete()) return;
  const folder = join(run, "..");
  const begun = existsSync(join(folder, "distill.json"));
  await command("distill", ...(begun ? ["--resume"] : [teacher, "--guidance", guidance, ...flags]), "--out", folder);
}

for (const seed of seeds) {
  await taught(studentPath(seed, 1), "--from", "64", "--to", "1", "--duration", duration, "--seed", `${seed}`);
  const direct = ["--from", "16", "--to", "4", "--factor", "4", "--duration", values.direct, "--learning-rate", "1e-3"];
  await taught(directPath(seed), ...direct, "--seed", `${seed}`);
}

/** Means over sets of samples, a number for each student. */
async function judgedStudents(path: (seed: number) => string, ...flags: string[]) {
  const found: Record<string, readonly number[]>[] = [];
  for (const seed of seeds) found.push(await judged(path(seed), n, ...flags));
  return Object.fromEntries(Object.keys(found[0]).map((name) => [name, found.map((one) => mean(one[name]))]));
}

const weight = ["--guidance", guidance];
/** The levels of a student, as a file for the teacher's solvers. */
function levelsFile(nfe: number): string {
  const file = join(out, `levels-${nfe}.json`);
  const own = studentLevels(RunFolder.open(studentPath(0, nfe)).describe().recipe);
  writeFileSync(file, JSON.stringify(own?.toReversed()));
  return file;
}

/** Differences from a solver of the teacher's, from the same starts: of each student, and of each set of samples. */
async function differences(nfe: number, sampler: string): Promise<string[]> {
  const theirs = await judged(
    teacher,
    pairs,
    "--sampler",
    sampler,
    "--grid",
    join(out, `levels-${nfe}.json`),
    ...weight,
  );
  const own: Record<string, readonly number[]>[] = [];
  for (const seed of seeds) own.push(await judged(directPath(seed), pairs));
  const wider = (a: Repetitions, b: Repetitions) => (a.high - a.low > b.high - b.low ? a : b);
  return ["fd", "kid"].map((name) => {
    const less = own.map((student) => student[name].map((value, j) => value - theirs[name][j]));
    const ofStudents = repetitions(less.map(mean));
    const ofSamples = repetitions(seeds.map((_, j) => mean(less.map((student) => student[j]))));
    const students = mean(own.map((student) => mean(student[name])));
    const digits = name === "kid" ? 4 : 2;
    const levels = `${students.toFixed(digits)} against ${mean(theirs[name]).toFixed(digits)}`;
    return `NFE ${nfe}, ${name}, students against ${sampler} on the same levels: ${text(wider(ofStudents, ofSamples), digits)} (${levels})`;
  });
}

const compared: string[] = [];
if (Number(pairs) > 0) for (const sampler of ["dpm++2m", "ddim"]) compared.push(...(await differences(4, sampler)));

for (const steps of budgets) {
  await cell(`student ${steps}`, async () => {
    const each = await judgedStudents((seed) => studentPath(seed, steps));
    return { nfe: steps, calls: steps, what: "student, DDIM", each };
  });
  if (steps === 4)
    await cell("direct 4", async () => {
      const each = await judgedStudents(directPath);
      return { nfe: steps, calls: steps, what: "student, DDIM, four steps in one", each };
    });
}

for (const nfe of budgets) {
  const levels = levelsFile(nfe);
  const half = Math.max(1, nfe / 2);
  const halved = levelsFile(half);
  const solvers = [
    { name: "DDIM", sampler: "ddim", steps: nfe, evaluations: nfe, file: levels },
    ...(nfe > 1 ? [{ name: "DPM-Solver++(2M)", sampler: "dpm++2m", steps: nfe, evaluations: nfe, file: levels }] : []),
    ...(nfe > 2 ? [{ name: "Heun", sampler: "heun", steps: half, evaluations: nfe - 1, file: halved }] : []),
  ];
  for (const { name, sampler, steps, evaluations, file } of solvers)
    for (const grid of nfe === 1 ? ["karras"] : ["karras", "cosine"])
      await cell(`${sampler} ${steps} ${grid}`, async () => {
        const at = grid === "karras" ? ["--grid", "karras", "--steps", String(steps)] : ["--grid", file];
        const each = await judged(teacher, n, "--sampler", sampler, ...at, ...weight);
        return { nfe: evaluations, calls: 2 * evaluations, what: `teacher, ${name}, ${grid} levels`, each };
      });
}

function text({ mean, high }: Repetitions, digits = 2): string {
  return `${mean.toFixed(digits)} ± ${(high - mean).toFixed(digits)}`;
}

if (values.consistency !== "0") {
  for (const seed of seeds) {
    const flags = ["--method", "consistency", "--loss", "pseudo-huber", "--learning-rate", "5e-4"];
    await taught(consistencyPath(seed), ...flags, "--duration", values.consistency, "--seed", `${seed}`);
  }
  for (const steps of budgets.filter((steps) => steps <= 4))
    await cell(`consistency ${steps}`, async () => {
      const each = await judgedStudents(consistencyPath, "--steps", `${steps}`);
      return { nfe: steps, calls: steps, what: "student, consistency", each };
    });
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
console.log([...lines, "", ...compared].join("\n"));

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
  `${JSON.stringify({ n: Number(n), seeds, guidance, duration, direct: values.direct, cells: all, pairs: compared }, null, 2)}\n`,
);
writeFileSync(join(save, "few-step-table.md"), `${[...lines, "", ...compared].join("\n")}\n`);
