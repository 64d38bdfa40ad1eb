import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RunFolder } from "../../src/runs/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-distill-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const teacher = join(folder, "teacher");
const out = join(folder, "students");

before(async () => {
  const made = await inProcess(["train", ...tinyRun, "--duration", "800", "--out", teacher]);
  assert.equal(made.code, 0, made.stderr);
  const distilled = await inProcess([
    "distill",
    teacher,
    "--from",
    "8",
    "--to",
    "4,2",
    "--duration",
    "160,320",
    "--out",
    out,
  ]);
  assert.equal(distilled.code, 0, distilled.stderr);
});

test("makes a run of every phase, each of which knows its teachers", () => {
  assert.deepEqual(readdirSync(out).sort(), ["distill.json", "steps-2", "steps-4"]);
  const { recipe, teacher: of } = RunFolder.open(join(out, "steps-2")).describe();
  assert.equal(recipe.training.images, 320);
  assert.equal(of?.run, "../steps-4");
  assert.equal(of?.recipe.sampling.steps, 4);
  assert.equal(of?.teacher?.run, "../../teacher");
  assert.equal(of?.teacher?.images, 800);
});

test("a student draws with its own steps, whatever has become of its teacher", async () => {
  const alone = join(folder, "alone");
  cpSync(join(out, "steps-2"), alone, { recursive: true });
  const { code, stdout, stderr } = await inProcess(["sample", alone, "--n", "16"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /2 network calls/);
  const explained = await inProcess(["explain", join(alone, "recipe.json"), "--no-measure"]);
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /student of \.\.\/steps-4 \(4 steps, 160 images\), of \.\.\/\.\.\/teacher/);
});

test("goes on where it stopped, to the same parameters", async () => {
  const again = join(folder, "again");
  cpSync(out, again, { recursive: true });
  rmSync(join(again, "steps-2"), { recursive: true });
  const { code, stderr } = await inProcess(["distill", "--resume", "--out", again]);
  assert.equal(code, 0, stderr);
  const weights = (path: string) => readFileSync(RunFolder.open(join(path, "steps-2")).checkpointPath(20));
  assert.ok(weights(again).equals(weights(out)));
});

test("draws the last sheet of a phase that was stopped at it", async () => {
  const again = join(folder, "unseen");
  cpSync(out, again, { recursive: true });
  const sheet = join(again, "steps-2", "samples", "images-000000320.png");
  rmSync(sheet);
  const { code, stderr } = await inProcess(["distill", "--resume", "--out", again]);
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(sheet));
});

test("goes any whole factor from phase to phase, the last one longer", async () => {
  const { code, stdout, stderr } = await inProcess([
    ...["distill", teacher, "--from", "24", "--to", "12,3,1", "--duration", "160,320", "--dry-run", "--json"],
    ...["--out", join(folder, "never")],
  ]);
  assert.equal(code, 0, stderr);
  const phases = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    phases.map(({ sampling, training }) => [sampling.steps, training.target.levels.length, training.images]),
    [
      [12, 24, 160],
      [3, 12, 320],
      [1, 3, 320],
    ],
  );
});

test("the teacher's levels are those of a grid, or of a file", async () => {
  const file = join(folder, "levels.json");
  writeFileSync(file, "[10, 3, 1, 0.5]");
  const levels = async (grid: string) => {
    const flags = ["--from", "4", "--to", "2", "--grid", grid, "--dry-run", "--json", "--out", join(folder, "never")];
    const { code, stdout, stderr } = await inProcess(["distill", teacher, ...flags]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).training.target.levels;
  };
  assert.deepEqual(await levels(file), [0.5, 1, 3, 10]);
  assert.notDeepEqual(await levels("karras"), await levels("cosine"));
  assert.equal((await levels("own")).length, 4);
});

test("a distilled run is a teacher for fewer steps yet", async () => {
  const { code, stderr } = await inProcess(["distill", join(out, "steps-2"), "--to", "1", "--duration", "160"]);
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(join(out, "steps-2-distilled", "steps-1", "recipe.json")));
});

test("students that are told the weight of guidance draw with any of its range", async () => {
  const [run, students] = [join(folder, "labelled"), join(folder, "told")];
  const labelled = ["--set", "model.conditional=true", "--set", "training.labelDropout=0.1"];
  const made = await inProcess(["train", ...tinyRun, ...labelled, "--duration", "320", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
  const flags = ["--from", "4", "--to", "2", "--guidance", "1..4", "--duration", "160"];
  const { code, stderr } = await inProcess(["distill", run, ...flags, "--out", students]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(students).sort(), ["distill.json", "guided", "steps-2"]);
  const few = join(students, "steps-2");
  for (const more of [[], ["--guidance", "3.5"], ["--sampler", "renoised-ddim"]]) {
    const drawn = await inProcess(["sample", few, "--n", "8", ...more]);
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.match(drawn.stdout, /2 network calls/);
  }
  const beyond = await inProcess(["sample", few, "--n", "8", "--guidance", "5"]);
  assert.equal(beyond.code, 2);
  assert.match(beyond.stderr, /weights of 1 to 4; got 5/);
  const again = await inProcess(["distill", few, "--to", "1", "--duration", "160"]);
  assert.equal(again.code, 0, again.stderr);
});

test("a consistency model draws in one step or more, and goes on where it stopped", async () => {
  const student = join(folder, "consistent");
  const made = await inProcess(["distill", teacher, "--method", "consistency", "--duration", "320", "--out", student]);
  assert.equal(made.code, 0, made.stderr);
  const path = join(student, "consistency");
  assert.equal(RunFolder.open(path).describe().teacher?.run, "../../teacher");
  for (const [more, calls] of [
    [[], /1 network call/],
    [["--steps", "3"], /3 network calls/],
  ] as const) {
    const { code, stdout, stderr } = await inProcess(["sample", path, "--n", "16", ...more]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, calls);
  }
  const told = await inProcess(["explain", path, "--no-measure"]);
  assert.match(told.stdout, /target {4}its own answer at the next of 18 noise levels, .*; distance l2/);
  const again = join(folder, "consistent-again");
  cpSync(student, again, { recursive: true });
  rmSync(join(again, "consistency"), { recursive: true });
  const { code, stderr } = await inProcess(["distill", "--resume", "--out", again]);
  assert.equal(code, 0, stderr);
  const weights = (of: string) => readFileSync(RunFolder.open(join(of, "consistency")).checkpointPath(20));
  assert.ok(weights(again).equals(weights(student)));
});

test("a consistency model learns from the data alone, by the fields that the documentation gives", async () => {
  const page = readFileSync(new URL("../../../docs/distillation.md", import.meta.url), "utf8");
  const { objective, training, sampling } = JSON.parse(/```json\n(.*?)```/s.exec(page)?.[1] ?? "") as Record<
    string,
    Readonly<Record<string, unknown>>
  >;
  const fields = Object.entries({ objective, training, sampling }).flatMap(([part, given]) =>
    Object.entries(given).flatMap(([name, value]) => ["--set", `${part}.${name}=${JSON.stringify(value)}`]),
  );
  const path = join(folder, "from-data");
  const made = await inProcess(["train", ...tinyRun, ...fields, "--duration", "160", "--out", path]);
  assert.equal(made.code, 0, made.stderr);
  const more = await inProcess(["sample", path, "--n", "8", "--steps", "2"]);
  assert.equal(more.code, 0, more.stderr);
  assert.match(more.stdout, /2 network calls/);
});

test("a folder that holds anything is left as it is", async () => {
  const full = join(folder, "full");
  mkdirSync(full);
  writeFileSync(join(full, "notes.txt"), "mine");
  for (const [path, message] of [
    [full, /full: is not empty\. Choose another --out\.\n$/],
    [out, /students: holds a distillation already\. Continue it with --resume/],
    [teacher, /teacher: is not empty\./],
  ] as const) {
    const before = readdirSync(path);
    const { code, stderr } = await inProcess(["distill", teacher, "--from", "8", "--to", "4", "--out", path]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.deepEqual(readdirSync(path), before);
  }
});

test("mistakes are told before anything is made", async () => {
  const free = join(folder, "free");
  for (const [args, message] of [
    [[teacher, "--from", "12", "--to", "6,4"], /--to: 6 steps of a teacher do not divide into 4/],
    [[teacher, "--from", "8", "--to", "4,4"], /--to: 4 steps of a teacher do not divide into 4/],
    [[teacher, "--to", "16,,4"], /--to: must be whole numbers/],
    [[teacher, "--to", "16,4.5"], /--to: must be whole numbers/],
    [[teacher, "--to", "0"], /--to: must be whole numbers/],
    [[teacher, "--method", "consistency", "--to", "4,2"], /a list is of progressive/],
    [[teacher, "--guidance", "2"], /without labels/],
    [[teacher, "--guidance", "1..4"], /without labels/],
    [[teacher, "--guidance", "2..4"], /a range that holds 1/],
    [[teacher, "--guidance", "1..4", "--method", "consistency"], /a range is of progressive/],
    [[join(out, "steps-4"), "--from", "64"], /student of 4 steps/],
    [[teacher, "--method", "consistency", "--grid", "own"], /--grid: is of progressive/],
    [[teacher, "--method", "consistency", "--loss", "trunc-snr"], /l2 or pseudo-huber/],
    [[teacher, "--method", "consistency", "--loss", "features"], /the data are points, no images/],
    [[teacher, "--loss", "l2"], /is a consistency model's/],
    [[], /needs a RUN/],
    [["--resume"], /no distillation/],
    [["--resume", "--to", "4"], /leave --to out/],
    [["--resume", teacher], /leave .*teacher out/],
  ] as const) {
    const { code, stderr } = await inProcess(["distill", ...args, "--out", free]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.ok(!existsSync(free));
  }
});
