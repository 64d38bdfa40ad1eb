import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Evaluation, RunFolder } from "../../src/runs/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-discriminate-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");
const judge = join(folder, "judge");
const made = (out: string) => [
  ...["discriminate", run, "--fakes", "100", "--duration", "640", "--train-batch", "32", "--steps", "4"],
  ...["--aot", "--pool", "32", "--tests", "4", "--out", out],
];

before(async () => {
  const trained = await inProcess(["train", ...tinyRun, "--duration", "800", "--out", run]);
  assert.equal(trained.code, 0, trained.stderr);
  const { code, stderr } = await inProcess(made(judge));
  assert.equal(code, 0, stderr);
});

test("keeps its tests and the best state", () => {
  const tests = readFileSync(join(judge, "validation.jsonl"), "utf8").trim().split("\n");
  assert.deepEqual(
    tests.map((line) => JSON.parse(line).images),
    [160, 320, 480, 640],
  );
  assert.ok(readdirSync(judge).includes("checkpoint-best.safetensors"));
});

test("goes on where it stopped, to the same parameters", async () => {
  const again = join(folder, "again");
  cpSync(judge, again, { recursive: true });
  const last = RunFolder.open(judge).checkpoints().at(-1) ?? 0;
  rmSync(RunFolder.open(again).checkpointPath(last));
  const { code, stderr } = await inProcess(made(again));
  assert.equal(code, 0, stderr);
  const weights = (path: string) => readFileSync(RunFolder.open(path).checkpointPath(last));
  assert.ok(weights(again).equals(weights(judge)));
});

test("corrects samples of any solver; weight 0 changes nothing", async () => {
  const draw = async (name: string, ...flags: string[]) => {
    const out = join(folder, `${name}.png`);
    const { code, stderr } = await inProcess(["sample", run, "--n", "16", "--steps", "4", "--out", out, ...flags]);
    assert.equal(code, 0, stderr);
    return readFileSync(out);
  };
  for (const sampler of ["heun", "ddim", "dpm++2m"]) {
    const by = ["--sampler", sampler, "--discriminator", judge];
    const plain = await draw("plain", "--sampler", sampler);
    assert.ok(plain.equals(await draw("none", ...by, "--discriminator-weight", "0")));
    assert.ok(!plain.equals(await draw("corrected", ...by, "--discriminator-weight", "50")));
  }
});

test("a second weight, a window and boosting reach Heun's steps, and no other sampler's", async () => {
  const draw = async (...flags: string[]) => {
    const out = join(folder, "heun.png");
    const args = ["sample", run, "--n", "16", "--steps", "4", "--sampler", "heun", "--out", out];
    const { code, stderr } = await inProcess([...args, "--discriminator", judge, ...flags]);
    assert.equal(code, 0, stderr);
    return readFileSync(out).toString("base64");
  };
  const weight = (text: string) => ["--discriminator-weight", text];
  const seen = [
    await draw(...weight("50")),
    await draw(...weight("50,0")),
    await draw(...weight("50,0"), "--discriminator-window", "0.3,0.6"),
    await draw(...weight("50,0"), "--discriminator-boost"),
  ];
  assert.equal(new Set(seen).size, seen.length);
  assert.equal(await draw(...weight("50,50")), seen[0]);
  for (const [flags, message] of [
    [["--sampler", "ddim", ...weight("2,0")], /Take heun/],
    [weight("2,x"), /must be numbers/],
    [["--discriminator-window", "0.6,0.3"], /rising times/],
  ] as const) {
    const { code, stderr } = await inProcess(["sample", run, "--discriminator", judge, ...flags]);
    assert.equal(code, 2);
    assert.match(stderr, message);
  }
});

test("samples are judged as they were corrected, and remembered so", async () => {
  const judged = async (...flags: string[]) => {
    const args = ["eval", run, "--n", "60", "--seeds", "2", "--steps", "4", "--metrics", "kid", ...flags];
    const { code, stdout, stderr } = await inProcess([...args, "--json"]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Evaluation;
  };
  const corrected = await judged("--discriminator", judge, "--discriminator-weight", "20");
  assert.equal(corrected.subject.type === "run" && corrected.subject.discriminator?.weight, 20);
  const values = ({ measurements }: Evaluation) => measurements[0].values;
  assert.notDeepEqual(values(corrected), values(await judged()));
  assert.deepEqual(values(await judged("--discriminator", judge, "--discriminator-weight", "20")), values(corrected));
});

test("a discriminator that is told the class judges samples of it", async () => {
  const [labelled, told] = [join(folder, "labelled"), join(folder, "told")];
  const set = ["--set", "model.conditional=true", "--set", "training.labelDropout=0.1"];
  const made = await inProcess(["train", ...tinyRun, ...set, "--duration", "320", "--out", labelled]);
  assert.equal(made.code, 0, made.stderr);
  const short = ["--fakes", "60", "--duration", "320", "--train-batch", "16", "--steps", "4", "--tests", "2"];
  const done = await inProcess([
    "discriminate",
    labelled,
    ...short,
    "--conditional",
    "--aot",
    "--pool",
    "16",
    "--out",
    told,
  ]);
  assert.equal(done.code, 0, done.stderr);
  const by = ["--n", "8", "--steps", "4", "--discriminator", told];
  const drawn = await inProcess(["sample", labelled, ...by]);
  assert.equal(drawn.code, 0, drawn.stderr);
  const foreign = await inProcess(["sample", run, ...by]);
  assert.equal(foreign.code, 2);
  assert.match(foreign.stderr, /is told 2 classes/);
  const never = await inProcess(["discriminate", run, ...short, "--conditional", "--out", join(folder, "never")]);
  assert.equal(never.code, 2);
  assert.match(never.stderr, /without labels/);
});

test("what is no discriminator, and a weight for none, are refused", async () => {
  const wrong = await inProcess(["sample", run, "--discriminator", run]);
  assert.equal(wrong.code, 2);
  const alone = await inProcess(["sample", run, "--discriminator-weight", "2"]);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /needs --discriminator/);
});
