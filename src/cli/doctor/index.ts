/** `ornstein doctor`: looks for what makes results wrong without saying so. */
import type { LoadedDataset } from "../../data/files/index.ts";
import { ConfigError } from "../../errors/index.ts";
import { presetNames } from "../../recipe/index.ts";
import { RunFolder } from "../../runs/index.ts";
import { command, givenOf, type Terminal } from "../command.ts";
import { computeFlags } from "../compute-flags.ts";
import { loadData, readRecipe } from "../recipes.ts";
import { loadSource, sourceFlags } from "../sources.ts";
import { counted } from "../terminal.ts";
import { checkData } from "./data.ts";
import type { Finding, Severity } from "./finding.ts";
import { checkMachine } from "./machine.ts";
import { checkRecipe } from "./recipe.ts";
import { checkRun } from "./run.ts";
import { checkSamplers } from "./sampling.ts";

const marks: { readonly [S in Severity]: string } = { ok: "✓", note: "·", warning: "!", error: "✗" };

export const doctor = command({
  name: "doctor",
  summary: "Look for what makes results wrong without saying so. Exit code 1 if something is.",
  argument: {
    name: "RUN|DATA|RECIPE",
    help: "A run folder, a data set, a preset or a recipe's file; this machine and the samplers if left out",
    required: false,
  },
  examples: ["doctor", "doctor edm", "doctor runs/mnist", "doctor photos/ --size 64", "doctor runs/mnist --json"],
  flags: {
    samples: { type: "integer", default: 64, min: 0, max: 4096, help: "Samples of a run to look at; 0 draws none" },
    threads: computeFlags.threads,
    ...sourceFlags,
  },
  async run(target, flags, terminal) {
    const counts = { ok: 0, note: 0, warning: 0, error: 0 };
    const tell = (finding: Finding) => {
      counts[finding.severity]++;
      terminal.print(`${marks[finding.severity]} ${finding.check.padEnd(12)} ${finding.text}`);
      if (finding.advice) terminal.print(`${" ".repeat(15)}→ ${finding.advice}`);
      terminal.record(finding);
    };
    for await (const finding of findings(target, flags, terminal)) tell(finding);
    const { error, warning } = counts;
    terminal.print(
      `${counted(error, "error")}, ${counted(warning, "warning")}, ${counted(counts.ok, "check")} passed.`,
    );
    if (error > 0) terminal.exit(1);
  },
});

type DoctorFlags = Parameters<typeof loadSource>[1] & { readonly samples: number; readonly threads: number };

async function* findings(target: string | undefined, flags: DoctorFlags, terminal: Terminal): AsyncGenerator<Finding> {
  const unused =
    target === undefined || isRecipe(target) || RunFolder.exists(target) ? givenOf(sourceFlags, flags) : undefined;
  if (unused !== undefined) throw new ConfigError(`doctor: ${unused} is of a data set. Name one, or leave it out.`);
  if (target === undefined) {
    yield* checkMachine();
    yield await checkSamplers();
    return;
  }
  // What loading says is among the findings.
  const quiet = { ...terminal, say: () => {} };
  if (RunFolder.exists(target)) {
    const folder = RunFolder.open(target);
    const { recipe, data } = folder.describe();
    yield* checkRecipe(recipe, data);
    let dataset: LoadedDataset | undefined;
    try {
      dataset = await loadData(recipe, quiet);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      yield {
        check: "data",
        severity: "warning",
        text: error.message,
        advice: "Without its data the run can be sampled, not continued.",
      };
    }
    if (dataset) yield* await checkData(dataset, recipe, terminal);
    yield* checkRun(folder, dataset, flags, terminal);
    return;
  }
  if (isRecipe(target)) {
    yield* checkRecipe(readRecipe(target));
    return;
  }
  const dataset = await loadSource(target, flags, quiet);
  yield* await checkData(dataset, undefined, terminal);
}

const isRecipe = (target: string): boolean =>
  target.endsWith(".json") || (presetNames as readonly string[]).includes(target);
