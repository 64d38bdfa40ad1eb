import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RunFolder } from "../../src/runs/index.ts";
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

test("what is no discriminator, and a weight for none, are refused", async () => {
  const wrong = await inProcess(["sample", run, "--discriminator", run]);
  assert.equal(wrong.code, 2);
  const alone = await inProcess(["sample", run, "--discriminator-weight", "2"]);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /needs --discriminator/);
});
