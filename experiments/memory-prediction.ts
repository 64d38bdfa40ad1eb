/**
 * How far is the memory that `ornstein explain` predicts from what training takes? Trains six batches of each recipe, and a
 * sheet of samples, in a process of its own, and prints the table of docs/training.md.
 *
 * Run it as `node dist/experiments/memory-prediction.js [PART]` after a build, on Linux: some minutes on two cores. PART keeps
 * to recipes whose line has it.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processPeak } from "./process-peak.ts";

const wide = "--set model.network.modelChannels=64";
const deep = `${wide} --set model.network.numBlocks=2`;
const recipes = [
  "points --batch 256",
  "points",
  "first-picture",
  "edm --data emoji --batch 16",
  "edm --data emoji",
  "edm --data emoji --micro-batch 16",
  "edm --data emoji --memory low",
  `edm --data emoji --batch 16 ${deep}`,
  `edm --data emoji --batch 32 ${deep}`,
  `edm --data emoji --batch 32 --memory low ${deep}`,
  "edm --data emoji --batch 32 --micro-batch 8 --set model.network.modelChannels=96 --set model.network.numBlocks=2 --set sampling.steps=5",
  "adm --data emoji --batch 32",
  "adm --data emoji",
  `adm --data emoji --batch 16 ${wide}`,
  "flow --data emoji --batch 16 --set model.network.modelChannels=128 --set sampling.steps=20",
  "edm-stf --data emoji --batch 16",
].filter((recipe) => recipe.includes(process.argv[2] ?? ""));

interface Explained {
  readonly predicted: number;
  readonly recipe: { readonly training: { readonly batch: number } };
}

const main = new URL("../src/cli/main.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "ornstein-memory-"));
try {
  console.log("| recipe | predicted | measured | off by |\n| - | -: | -: | -: |");
  for (const [i, line] of recipes.entries()) {
    const recipe = line.split(" ");
    const { stdout } = spawnSync(process.execPath, [main, "explain", ...recipe, "--no-measure", "--json"]);
    const explained = JSON.parse(stdout.toString()) as Explained;
    const images = String(6 * explained.recipe.training.batch);
    const out = join(folder, String(i));
    const measured = await processPeak(["train", ...recipe, "--duration", images, "--sheets", "0", "--out", out]);
    const mebibytes = (n: number) => `${Math.round(n / 2 ** 20)} MiB`;
    const off = Math.round(100 * (explained.predicted / measured - 1));
    console.log(`| \`${line}\` | ${mebibytes(explained.predicted)} | ${mebibytes(measured)} | ${off}% |`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
