import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RunFolder } from "../../src/runs/index.ts";
import { inProcess, ornstein, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-cli-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
/** The records that --json prints. */
const recordsOf = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

test("trains and samples; nothing else is written anywhere, and nobody is told", async () => {
  const home = at("home");
  const env = { HOME: home };
  const trained = await ornstein(["train", ...tinyRun, "--duration", "160", "--out", at("run")], { env });
  assert.equal(trained.code, 0, trained.stderr);
  assert.equal(trained.stdout, "");
  assert.ok(trained.stderr.endsWith(`160 images. Draw with: npx ornstein sample ${at("run")}\n`), trained.stderr);
  const drawn = await ornstein(["sample", at("run"), "--n", "5", "--out", at("five.png")], { env });
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.match(drawn.stdout, /^5 samples in [\d.]+ s \(35 network calls\): .*five\.png\n$/);
  assert.deepEqual(readdirSync(folder).sort(), ["five.png", "run"]);
  assert.deepEqual(readdirSync(at("run")).sort(), [
    "checkpoint-000000010.safetensors",
    "checkpoint-best.safetensors",
    "recipe.json",
    "samples",
    "stats.jsonl",
  ]);
});

test("--json prints records and nothing else", async () => {
  const { code, stdout, stderr } = await inProcess([
    "train",
    ...tinyRun,
    "--duration",
    "160",
    "--json",
    "--out",
    at("json"),
  ]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  const records = recordsOf(stdout);
  assert.equal(records[0].type, "ready");
  const steps = records.filter(({ type }) => type === "step");
  assert.deepEqual(
    steps.map(({ images }) => images),
    Array.from({ length: 10 }, (_, i) => 16 * (i + 1)),
  );
  assert.deepEqual(
    steps.map(({ share }) => share),
    Array.from({ length: 10 }, (_, i) => (i + 1) / 10),
  );
  assert.ok(steps.slice(1).every(({ imagesPerSecond, secondsLeft }) => imagesPerSecond > 0 && secondsLeft >= 0));
  const { step, images, why } = records.at(-1);
  assert.deepEqual({ step, images, why }, { step: 10, images: 160, why: "complete" });
});

test("--dry-run prints the resolved recipe, which trains to the same parameters", async () => {
  const args = ["train", ...tinyRun, "--duration", "160", "--seed", "3"];
  const { code, stdout } = await inProcess([...args, "--dry-run", "--json"]);
  assert.equal(code, 0);
  const file = at("recipe.json");
  writeFileSync(file, stdout);
  assert.ok(!existsSync("runs"));
  assert.equal((await inProcess([...args, "--out", at("from-flags")])).code, 0);
  assert.equal((await inProcess(["train", file, "--out", at("from-file")])).code, 0);
  const bytes = (run: string) => readFileSync(at(run, "checkpoint-000000010.safetensors"));
  assert.deepEqual(bytes("from-file"), bytes("from-flags"));
});

test("a duration stretches what the recipe counts in images", async () => {
  const { stdout } = await inProcess(["train", ...tinyRun, "--duration", "200k", "--dry-run", "--json"]);
  const { training } = JSON.parse(stdout);
  assert.equal(training.images, 200_000);
  assert.equal(training.learningRate.decay.to, 200_000);
  assert.equal(training.ema.images, 2_000);
});

test("a time ends training with a checkpoint, and resuming goes on from it", async () => {
  const args = ["--checkpoint-every", "1000", "--json"];
  const first = await inProcess(["train", ...tinyRun, "--duration", "0.3s", ...args, "--out", at("timed")]);
  assert.equal(first.code, 0, first.stderr);
  const done = recordsOf(first.stdout).at(-1);
  assert.equal(done.why, "time");
  assert.ok(done.step > 0);
  const more = await inProcess(["train", "--resume", "--out", at("timed"), "--duration", "0.2s", ...args]);
  const records = recordsOf(more.stdout);
  assert.equal(records[0].step, done.step);
  assert.ok(records.at(-1).step > done.step);
});

for (const [signal, what] of [
  ["SIGINT", "Ctrl-C"],
  ["SIGTERM", "a polite kill"],
] as const)
  test(`${what} saves and exits 130`, async () => {
    let last = 0;
    const run = at(signal);
    const { code, stdout } = await ornstein(["train", ...tinyRun, "--json", "--out", run], {
      onLine: (line, child) => {
        const record = JSON.parse(line);
        if (record.type === "step" && record.step === 20) child.kill(signal);
        if (record.type === "step") last = record.step;
      },
    });
    assert.equal(code, 130);
    assert.equal(recordsOf(stdout).at(-1).why, "signal");
    assert.ok(existsSync(join(run, `checkpoint-${String(last).padStart(9, "0")}.safetensors`)));
  });

/** A run whose sheets of samples take minutes. */
const slowSheets = [
  ...["train", ...tinyRun, "--duration", "160", "--checkpoint-every", "1000", "--json"],
  ...["--set", "sampling.steps=50000"],
];
test("a signal while a sheet is drawn is answered at the sampler's next step", async () => {
  const run = at("amid");
  // A sheet is due after half of 10 updates.
  const { code, stdout, stderr } = await ornstein([...slowSheets, "--sheets", "1", "--out", run], {
    onLine: (line, child) => {
      if (JSON.parse(line).step === 5) child.kill("SIGTERM");
    },
  });
  assert.equal(code, 130, stderr);
  const done = { type: "done", step: 5, images: 80, why: "signal" };
  assert.deepEqual(recordsOf(stdout).at(-1), done);
  assert.deepEqual(readdirSync(join(run, "samples")), []);
  assert.ok(existsSync(join(run, "checkpoint-000000005.safetensors")));
});

test("the last sheet, when a signal came upon it, is drawn by resuming", async () => {
  const run = at("last");
  const { code, stdout, stderr } = await ornstein([...slowSheets, "--sheets", "0", "--out", run], {
    onLine: (line, child) => {
      if (JSON.parse(line).type === "checkpoint") child.kill("SIGINT");
    },
  });
  assert.equal(code, 130, stderr);
  assert.deepEqual(recordsOf(stdout).at(-1), { type: "done", step: 10, images: 160, why: "signal" });
  assert.deepEqual(readdirSync(join(run, "samples")), []);
  const folder = RunFolder.open(run);
  const { recipe } = folder.describe();
  folder.replaceRecipe({ ...recipe, sampling: { ...recipe.sampling, steps: 4 } });
  const resumed = await inProcess(["train", "--resume", "--out", run]);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.deepEqual(readdirSync(join(run, "samples")), ["images-000000160.png"]);
});

test("Ctrl-C before a command begins, and before it has anything to keep, is answered too", async () => {
  // Ctrl-C as soon as somebody listens to it.
  const soon =
    "process.on('newListener', (name) => name === 'SIGINT' && setImmediate(() => process.kill(process.pid, name)));";
  const options = { env: { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(soon)}"` } };
  const early = await ornstein(["sample", at("run")], { ...options, program: "bin/ornstein.js" });
  assert.equal(early.code, 130, early.stderr);
  assert.match(early.stderr, /(^|\n)Stopped before anything was begun\.\n$/);
  const late = await ornstein(["sample", at("run"), "--n", "5", "--out", at("never.png")], options);
  assert.equal(late.code, 130, late.stderr);
  assert.match(late.stderr, /Stopped before the end; give the same command again to have it all\.\n$/);
  assert.ok(!existsSync(at("never.png")));
});

test("without a command, and with --help, there is help", async () => {
  const { code, stdout } = await inProcess([]);
  assert.equal(code, 0);
  assert.match(stdout, /^ {2}train {3,}Train a model/m);
  const train = await inProcess(["train", "--help"]);
  assert.match(train.stdout, /--micro-batch N\|auto/);
});

test("help can be asked for by its word, and the version in both cases", async () => {
  assert.equal((await inProcess(["help", "sample"])).stdout, (await inProcess(["sample", "--help"])).stdout);
  assert.equal((await inProcess(["help"])).stdout, (await inProcess([])).stdout);
  assert.equal((await inProcess(["help", "smaple"])).code, 2);
  assert.equal((await inProcess(["-v"])).stdout, (await inProcess(["-V"])).stdout);
});

test("help of a word that several commands begin with lists them", async () => {
  const { code, stdout } = await inProcess(["data", "--help"]);
  assert.equal(code, 0);
  assert.deepEqual(
    [...stdout.matchAll(/^ {2}(data \w+) /gm)].map(([, name]) => name),
    ["data inspect", "data build", "data split"],
  );
});

test("--version is that of the package", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  assert.equal((await inProcess(["--version"])).stdout, `${version}\n`);
});

test("explain lists the presets, and says what one takes", async () => {
  const all = await inProcess(["explain"]);
  assert.equal(all.code, 0);
  assert.match(all.stdout, /^edm +\S/m);
  const fields = tinyRun.slice(1);
  const { code, stdout } = await inProcess(["explain", "points", ...fields]);
  assert.equal(code, 0);
  for (const title of ["data", "network", "work", "memory", "training", "sampling", "here"])
    assert.match(stdout, new RegExp(`^  ${title} +\\S`, "m"), title);
  const counted = await inProcess(["explain", "points", ...fields, "--no-measure", "--json"]);
  const { expense, speed } = JSON.parse(counted.stdout);
  assert.equal(speed, undefined);
  assert.ok(expense.parameters > 1000 && expense.trainingFlops > expense.forwardFlops);
});
