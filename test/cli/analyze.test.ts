import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-analyze-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");
const out = join(folder, "analysis");

before(async () => {
  const made = await inProcess(["train", ...tinyRun, "--duration", "1600", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
});

/** Carries out an analysis, and returns what it wrote, printed and recorded. */
async function analyze(name: string, args: readonly string[], plots: readonly string[]) {
  const { code, stdout, stderr } = await inProcess(["analyze", name, ...args, "--out", out]);
  assert.equal(code, 0, stderr);
  for (const plot of plots)
    for (const kind of ["svg", "png"]) assert.ok(existsSync(join(out, `${plot}.${kind}`)), `${plot}.${kind}`);
  const written = JSON.parse(readFileSync(join(out, `${name}.json`), "utf8"));
  assert.equal(written.analysis, name);
  return { stdout, written };
}

test("w2-decay: classes come together, and t_δ is between the ends", async () => {
  const { stdout, written } = await analyze(
    "w2-decay",
    ["points:mixture", "--classes", "0,4", "--n", "60", "--points", "5"],
    ["w2-decay"],
  );
  const { points, significantTime } = written;
  assert.ok(points[0].excess > 3 * points[4].excess);
  assert.ok(significantTime > 0 && significantTime <= 1);
  assert.match(stdout, /t_δ = /);
});

test("targets: batches larger than the data are told of", async () => {
  const small = ["--trials", "2", "--levels", "3", "--n", "10", "--out", out];
  const { code, stderr } = await inProcess(["analyze", "targets", "points:moons", "--references", "4,100", ...small]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /drawn with replacement: in a batch of 100, each of 10 examples is about 10 times\./);
});

test("targets: stable ones scatter less, and phases are named", async () => {
  const { stdout, written } = await analyze(
    "targets",
    ["two-gaussians", "--references", "4,16", "--trials", "60", "--levels", "5", "--from", "1", "--n", "50"],
    ["targets", "divergence"],
  );
  for (const { dsm, stable } of written.points.slice(2))
    assert.ok(stable[1].value < stable[0].value && stable[0].value < dsm.value);
  assert.match(stdout, /Three phases/);
});

test("pairing: matched pairs are closer and say more", async () => {
  const { written } = await analyze(
    "pairing",
    ["points:moons", "--pools", "16,64", "--n", "1024", "--levels", "4"],
    ["pairing"],
  );
  const [small, large] = written.distances;
  assert.ok(large.ratio < small.ratio && small.ratio < 0.9);
  const [independent, , matched] = written.curves;
  assert.ok(matched.spread[3] < 0.5 && independent.spread[3] > 0.95);
  assert.ok(matched.noiseAlone > 0.5 && Math.abs(independent.noiseAlone) < 1e-9);
});

test("run: curvature, single steps and denoising of one or several runs", async () => {
  const { stdout, written } = await analyze(
    "run",
    [run, run, "--n", "6", "--steps", "8", "--pool", "20", "--levels", "3"],
    ["curvature", "single-step", "denoising"],
  );
  assert.equal(written.runs.length, 2);
  assert.deepEqual(written.runs[0].denoising, written.runs[1].denoising);
  for (const { sigma, independent, matched } of written.runs[0].denoising)
    assert.ok(sigma > 0 && independent > 0 && matched > 0);
  assert.equal(written.runs[0].levels.length, 8);
  assert.match(stdout, /along a trajectory/);
});

test("low-bit: each bit has an area of one bit", async () => {
  const { written } = await analyze(
    "low-bit",
    ["--bits", "2"],
    ["low-bit-information", "low-bit-loss", "low-bit-gain"],
  );
  for (const { area } of written.rows) assert.ok(Math.abs(area - 1) < 1e-3);
});

test("spectra: fine detail is hidden first", async () => {
  const { written } = await analyze("spectra", ["emoji", "--size", "16", "--n", "30"], ["spectra", "spectra-bands"]);
  assert.ok(written.crossing[0] > 2 * written.crossing[6]);
});

test("mistakes are one line that says what to do", async () => {
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await inProcess(["analyze", ...args, "--out", out]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  };
  await refused(/needs two sources, or one source and --classes/, "w2-decay", "points:moons");
  await refused(/has no class 9/, "w2-decay", "points:moons", "--classes", "0,9");
  await refused(/--references: must be whole numbers/, "targets", "points:moons", "--references", "many");
  await refused(/at least two pools of 512/, "pairing", "points:moons", "--n", "100");
  await refused(/images expected/, "spectra", "points:moons");
  await refused(/analyze: must be one of .*got "pairng"/, "pairng");
});
