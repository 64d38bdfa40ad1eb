/**
 * Few-step students against their teacher's solvers. Distils a run from 64 steps with three seeds: to 16, 4 and 1, each student
 * the next one's teacher, and from the same 16 to 8 and 2. Measures every student, and the teacher under DDIM, Heun and
 * DPM-Solver++ at as many evaluations of D, on the students' levels and the last also on Karras'. At four it measures again with
 * more samples, students and solvers from the same starts, and takes the differences in pairs. Prints a table in Markdown and
 * writes it with a plot and JSON. What is there already is not done again, so it can be stopped.
 *
 *   node dist/experiments/few-step-table.js TEACHER OUT [--n 512] [--pairs 2000] [--guidance 1.5] [--duration 6k,24k,6k]
 *        [--consistency 5k|0] [--save DIR]
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
    guidance: { type: "string", default: "1.5" },
    duration: { type: "string", default: "6k,24k,6k" },
    consistency: { type: "string", default: "0" },
    save: { type: "string" },
  },
});
const [teacher, out] = positionals;
const { n, pairs, guidance, duration, consistency } = values;
const save = values.save ?? out;
const seeds = [0, 1, 2];
mkdirSync(out, { recursive: true });

async function command(...args: string[]): Promise<unknown[]> {
  let text = "";
  const code = await cli([...args, "--json"], {
    out: { write: (more: string) => (text += more) },
    err: { write: (more: string) => process.stderr.write(more) },
  });
  if (code !== 0) throw new Error(`ornstein ${args.join(" ")} ended with ${code}.`);
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

// Students.

/** Every phase after the first two is as long as the third. */
const lastDuration = duration.split(",").at(-1) ?? duration;
const weight = ["--guidance", guidance];
/** A folder of students: its own teacher, how they are made, and the last one's run, which tells that it is complete. */
const chains = {
  main: (seed: number) => ({
    folder: join(out, `seed-${seed}`),
    last: "steps-1",
    args: [teacher, "--from", "64", "--to", "16,4,1", ...weight, "--duration", duration, "--learning-rate", "1e-3"],
  }),
  between: (seed: number) => ({
    folder: join(out, `seed-${seed}-between`),
    last: "steps-2",
    args: [studentPath(16, seed), "--to", "8,2", "--duration", lastDuration, "--learning-rate", "1e-3"],
  }),
  consistency: (seed: number) => ({
    folder: join(out, `seed-${seed}-consistency`),
    last: "consistency",
    args: [
      ...[teacher, "--method", "consistency", "--loss", "pseudo-huber", ...weight],
      ...["--duration", consistency, "--learning-rate", "5e-4"],
    ],
  }),
} as const;

function studentPath(steps: number, seed: number): string {
  const { folder } = chains[steps === 8 || steps === 2 ? "between" : "main"](seed);
  return join(folder, `steps-${steps}`);
}

async function teach(chain: keyof typeof chains) {
  for (const seed of seeds) {
    const { folder, last, args } = chains[chain](seed);
    if (RunFolder.exists(join(folder, last)) && RunFolder.open(join(folder, last)).isComplete()) continue;
    const begun = existsSync(join(folder, "distill.json"));
    await command("distill", ...(begun ? ["--resume"] : [...args, "--seed", `${seed}`]), "--out", folder);
  }
}

/** The noise levels of students, as a file for the teacher's solvers. */
function levelsFile(steps: number): string {
  const file = join(out, `levels-${steps}.json`);
  const own = studentLevels(RunFolder.open(studentPath(steps, 0)).describe().recipe);
  writeFileSync(file, JSON.stringify(own?.toReversed()));
  return file;
}

// Measurements: metrics by name, one value for each set of samples.

type Measured = Readonly<Record<string, readonly number[]>>;
const cacheFile = join(out, "measured.json");
const cache: Record<string, Measured> = existsSync(cacheFile) ? JSON.parse(readFileSync(cacheFile, "utf8")) : {};

async function measured(run: string, samples: string, ...flags: string[]): Promise<Measured> {
  const args = [run, "--n", samples, ...flags];
  const key = args.join(" ");
  if (!cache[key]) {
    const shared = ["--seeds", String(seeds.length), "--metrics", "fd,kid,accuracy", "--batch", "64"];
    const evaluation = (await command("eval", ...args, ...shared)).at(-1) as Evaluation;
    cache[key] = Object.fromEntries(evaluation.measurements.map(({ name, values: each }) => [name, each]));
    writeFileSync(cacheFile, JSON.stringify(cache, null, 2));
    process.stderr.write(`${key}: ${text(repetitions(cache[key]["fd"]))}\n`);
  }
  return cache[key];
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

function text({ mean, high }: Repetitions, digits = 2): string {
  return `${mean.toFixed(digits)} ± ${(high - mean).toFixed(digits)}`;
}

/** Means over sets of samples, a number for each student. */
async function measuredStudents(path: (seed: number) => string, ...flags: string[]): Promise<Measured> {
  const found: Measured[] = [];
  for (const seed of seeds) found.push(await measured(path(seed), n, ...flags));
  return Object.fromEntries(Object.keys(found[0]).map((name) => [name, found.map((one) => mean(one[name]))]));
}

/** A solver of the teacher's. */
interface Solver {
  readonly what: string;
  readonly evaluations: number;
  readonly flags: readonly string[];
}

/** Those that evaluate D so many times, or once less: Heun, whose last step is Euler's. On one step all are the same. */
function solversAt(nfe: number): Solver[] {
  const on = (name: string, evaluations: number, ...flags: string[]): Solver => ({
    what: `teacher, ${name}`,
    evaluations,
    flags: [...flags, ...weight],
  });
  if (nfe === 1) return [on("DDIM", 1, "--sampler", "ddim", "--grid", levelsFile(1))];
  return [
    on("DDIM", nfe, "--sampler", "ddim", "--grid", levelsFile(nfe)),
    on("DPM-Solver++(2M)", nfe, "--sampler", "dpm++2m", "--grid", levelsFile(nfe)),
    on("DPM-Solver++(2M), karras levels", nfe, "--sampler", "dpm++2m", "--grid", "karras", "--steps", `${nfe}`),
    ...(nfe > 2 ? [on("Heun", nfe - 1, "--sampler", "heun", "--grid", levelsFile(nfe / 2))] : []),
  ];
}

// Four steps in pairs.

/** A student's metric less a solver's, from the same starts. */
interface Compared {
  readonly nfe: number;
  readonly what: string;
  readonly metric: string;
  readonly students: number;
  readonly teacher: number;
  /** Over students or over sets of samples, whichever varies more. */
  readonly difference: Repetitions;
}

async function comparedAt(nfe: number): Promise<Compared[]> {
  const own: Measured[] = [];
  for (const seed of seeds) own.push(await measured(studentPath(nfe, seed), pairs));
  const compared: Compared[] = [];
  for (const { what, flags } of solversAt(nfe).filter(({ evaluations }) => evaluations === nfe)) {
    const theirs = await measured(teacher, pairs, ...flags);
    for (const metric of ["fd", "kid"]) {
      const less = own.map((student) => student[metric].map((value, set) => value - theirs[metric][set]));
      const ofStudents = repetitions(less.map(mean));
      const ofSets = repetitions(seeds.map((_, set) => mean(less.map((student) => student[set]))));
      const difference = ofStudents.high - ofStudents.low > ofSets.high - ofSets.low ? ofStudents : ofSets;
      const students = mean(own.map((student) => mean(student[metric])));
      compared.push({ nfe, what, metric, students, teacher: mean(theirs[metric]), difference });
    }
  }
  return compared.sort((a, b) => a.metric.localeCompare(b.metric) || a.teacher - b.teacher);
}

// The table.

interface Cell {
  readonly nfe: number;
  readonly what: string;
  /** Calls of the network for a sample: guidance makes two of each. */
  readonly calls: number;
  readonly metrics: Readonly<Record<string, Repetitions>>;
}

const cells: Cell[] = [];
function add(cell: Omit<Cell, "metrics">, found: Measured) {
  const metrics = Object.entries(found).map(([name, each]) => [name, repetitions(each)]);
  cells.push({ ...cell, metrics: Object.fromEntries(metrics) });
}

await teach("main");
await teach("between");
const compared = Number(pairs) > 0 ? await comparedAt(4) : [];
for (const nfe of [1, 2, 4, 8, 16]) {
  add({ nfe, calls: nfe, what: "student, DDIM" }, await measuredStudents((seed) => studentPath(nfe, seed)));
  for (const { what, evaluations, flags } of solversAt(nfe))
    add({ nfe: evaluations, calls: 2 * evaluations, what }, await measured(teacher, n, ...flags));
}
if (consistency !== "0") {
  await teach("consistency");
  const path = (seed: number) => join(chains.consistency(seed).folder, "consistency");
  for (const nfe of [4, 2, 1])
    add({ nfe, calls: nfe, what: "student, consistency" }, await measuredStudents(path, "--steps", `${nfe}`));
}
cells.sort((a, b) => a.nfe - b.nfe || a.metrics["fd"].mean - b.metrics["fd"].mean);

const lines = [
  "| NFE | network calls | what | Fréchet distance | class as asked, % |",
  "| --: | --: | --- | --- | --- |",
  ...cells.map(({ nfe, calls, what, metrics }) => {
    const { mean, high } = metrics["accuracy"];
    return `| ${nfe} | ${calls} | ${what} | ${text(metrics["fd"])} | ${(100 * mean).toFixed(1)} ± ${(100 * (high - mean)).toFixed(1)} |`;
  }),
  "",
  ...(compared.length > 0
    ? ["| NFE | students less | metric | students | teacher | difference |", "| --: | --- | --- | --: | --: | --- |"]
    : []),
  ...compared.map(({ nfe, what, metric, students, teacher, difference }) => {
    const digits = metric === "kid" ? 4 : 3;
    return `| ${nfe} | ${what} | ${metric} | ${students.toFixed(digits)} | ${teacher.toFixed(digits)} | ${text(difference, digits)} |`;
  }),
];
console.log(lines.join("\n"));

const plot = linePlot({
  title: "Students and their teacher's solvers",
  xLabel: "log₂ of evaluations (NFE)",
  yLabel: "Fréchet distance",
  log: true,
  legend: "outside",
  width: 860,
  series: [...new Set(cells.map(({ what }) => what))].map((name) => {
    const own = cells.filter(({ what }) => what === name);
    return {
      name: name.replace("teacher, ", "").replace(" levels", "").replace("-Solver++(2M)", "++ 2M"),
      x: own.map(({ nfe }) => Math.log2(nfe)),
      y: own.map(({ metrics }) => metrics["fd"].mean),
      points: true,
      dashed: name.includes("karras"),
    };
  }),
});
writeFileSync(join(save, "few-step-table.svg"), plot);
const settings = { n: Number(n), pairs: Number(pairs), seeds, guidance, duration, consistency };
writeFileSync(join(save, "few-step-table.json"), `${JSON.stringify({ ...settings, cells, compared }, null, 2)}\n`);
writeFileSync(join(save, "few-step-table.md"), `${lines.join("\n")}\n`);
