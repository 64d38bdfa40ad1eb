/** `ornstein compare`: runs side by side, as one page. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { ConfigError } from "../../errors/index.ts";
import { cost, simplify } from "../../graph/index.ts";
import { parameterCount } from "../../nn/index.ts";
import { drawingExpense, modelOf } from "../../recipe/index.ts";
import { RunFolder, readEvaluations } from "../../runs/index.ts";
import { networkOf } from "../../training/index.ts";
import { command } from "../command.ts";
import { describeEvaluation } from "../evaluation-text.ts";
import { drawingText, lineageOf, secondsOf } from "../explain.ts";
import { writeTo } from "../places.ts";
import { program } from "../program.ts";
import { amount, duration } from "../terminal.ts";
import { differences } from "./differences.ts";
import { type ComparedRun, page } from "./page.ts";
import { describeTest, pairTests } from "./tests.ts";

export const compare = command({
  name: "compare",
  summary: "Put runs side by side: recipes, training, metrics, samples, as one HTML page.",
  argument: { name: "RUN", help: "Two run folders or more", required: true, many: true },
  examples: ["compare runs/mnist runs/mnist-adaptive", "compare runs/a runs/b runs/c --out three.html"],
  flags: {
    out: {
      type: "string",
      value: "FILE.html",
      default: "compare.html",
      writes: ".html",
      help: "Where to write the page",
    },
  },
  async run(first = "", { out }, terminal, rest) {
    const paths = [first, ...rest];
    if (paths.length < 2) throw new ConfigError("compare: needs two runs or more; got one.");
    const folders = paths.map((path) => RunFolder.open(path));
    const names = distinct(paths);
    const runs = folders.map((folder, i) => comparedRun(folder, names[i]));
    const { differ, same } = differences(folders.map((folder) => folder.describe().recipe));
    const tests = pairTests(runs);
    writeTo(out, page({ runs, differ, same, tests }));

    const width = Math.max(5, ...differ.map(({ path }) => path.length));
    terminal.print(
      `${differ.length === 1 ? "1 field of the recipes differs" : `${differ.length} fields of the recipes differ`}, ${same} are equal.`,
    );
    for (const { path, values } of differ)
      terminal.print(`  ${path.padEnd(width)}  ${values.map((value) => value ?? "–").join("  |  ")}`);
    for (const { name, evaluations, lineage, parameters, images, stats, drawing } of runs) {
      terminal.print(`${name}:${evaluations.length === 0 ? ` not evaluated; ${program()} eval does` : ""}`);
      if (lineage) terminal.print(`  ${lineage}`);
      const time = stats.length > 0 ? ` in ${duration(secondsOf(stats))}` : "";
      terminal.print(`  ${amount(parameters)} parameters, ${amount(images)} images${time}${drawingText(drawing)}`);
      const [latest] = evaluations.slice(-1);
      if (latest) for (const line of describeEvaluation(latest)) terminal.print(`  ${line}`);
    }
    for (const test of tests)
      terminal.print(`${test.metric}: ${names[test.second]} against ${names[test.first]}: ${describeTest(test)}`);
    terminal.print(`Page: ${out}`);
    const lineages = Object.fromEntries(runs.flatMap(({ name, lineage }) => (lineage ? [[name, lineage]] : [])));
    const drawings = Object.fromEntries(runs.flatMap(({ name, drawing }) => (drawing ? [[name, drawing]] : [])));
    terminal.record({ out, runs: names, differ, same, tests, lineages, drawings });
  },
});

function comparedRun(folder: RunFolder, name: string): ComparedRun {
  const { recipe, data } = folder.describe();
  const step = folder.checkpoints().at(-1) ?? 0;
  const sheet = latestSheet(folder);
  const lineage = lineageOf(folder.path);
  const network = networkOf(modelOf(recipe, data));
  const drawing =
    recipe.task === "classify"
      ? undefined
      : drawingExpense(recipe, { forwardFlops: cost(simplify([network.output])).flops });
  return {
    name,
    step,
    images: folder.imagesSeen(),
    parameters: parameterCount(network.parameters),
    data: `${data.name}, ${data.shape.join("×")}`,
    stats: folder.stats(),
    evaluations: readEvaluations(join(folder.path, "eval.jsonl")),
    ...(sheet && { sheet }),
    ...(lineage && { lineage }),
    ...(drawing && { drawing }),
  };
}

/** The sheet that was drawn last in training. */
function latestSheet({ path }: RunFolder): ComparedRun["sheet"] {
  const folder = join(path, "samples");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^images-\d+\.png$/.test(name)) : [];
  const last = names.sort().at(-1);
  return last === undefined
    ? undefined
    : { png: readFileSync(join(folder, last)), images: Number(/\d+/.exec(last)![0]) };
}

/** As much of the ends of the paths as tells them apart. */
function distinct(paths: readonly string[]): string[] {
  const short = paths.map((path) => basename(resolve(path)));
  if (new Set(short).size === short.length) return short;
  return paths.map((path) => resolve(path).split("/").slice(-2).join("/"));
}
