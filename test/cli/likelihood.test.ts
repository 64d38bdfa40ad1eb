import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { datasetFromArray, order } from "../../src/data/index.ts";
import { normalCdf, normalPdf } from "../../src/diffusion/index.ts";
import { defineRecipe, drawFrom, modelOf, runLikelihood, setField, trainedModel } from "../../src/recipe/index.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../../src/training/index.ts";
import { tinyImages } from "../training/tiny.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-likelihood-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");

before(async () => {
  const made = await inProcess(["train", ...tinyRun, "--duration", "1600", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
});

const measured = async (...flags: string[]) => {
  const { code, stdout, stderr } = await inProcess(["likelihood", run, "--n", "20", "--json", ...flags]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
};

test("likelihood of points is in nats, and probes agree with the exact divergence", async () => {
  const exact = await measured("--exact");
  assert.equal(exact.dims, 2);
  assert.equal(exact.bitsPerDim, undefined);
  assert.ok(exact.natsPerDim.error > 0);
  assert.deepEqual((await measured("--exact", "--batch", "20")).natsPerDim, exact.natsPerDim);
  for (const probe of ["rademacher", "gaussian"]) {
    const probed = await measured("--probes", "8", "--probe", probe);
    assert.ok(Math.abs(probed.natsPerDim.mean - exact.natsPerDim.mean) < 0.5, JSON.stringify(probed));
  }
  const { stdout } = await inProcess(["likelihood", run, "--n", "5", "--exact"]);
  assert.match(stdout, /moons points test: 5 examples, exact divergence, σ from 0\.002 to 80/);
  assert.match(stdout, /nats\/dim .* ± .* −ln p\/D in the data's own units, D = 2/);
});

test("the bound of a trained model lies about the likelihood of its flow, and its terms add up", async () => {
  const bound = await measured("--bound", "--levels", "64");
  assert.deepEqual([bound.method, bound.form, bound.unit, bound.levels], ["bound", "continuous", "nats/dim", 64]);
  const terms = bound.prior.mean + bound.reconstruction.mean + bound.diffusion.mean;
  assert.ok(Math.abs(bound.total.mean - terms) < 1e-9);
  assert.deepEqual((await measured("--bound", "--levels", "64", "--batch", "7")).prior, bound.prior);
  const { natsPerDim } = await measured("--exact");
  assert.ok(Math.abs(bound.total.mean - natsPerDim.mean) < 4 * bound.total.error + 0.3, JSON.stringify(bound));
  const { stdout } = await inProcess(["likelihood", run, "--bound", "--n", "5", "--sigma-min", "0.01"]);
  assert.match(stdout, /5 examples, continuous bound, 32 noise levels each, σ from 0\.01 to 80/);
  assert.match(stdout, /nats\/dim .* ± .*\n {2}prior .*\n {2}reconstruction .*\n {2}diffusion .* ± /);
});

test("a run with timesteps and a learned variance is bounded step by step", async () => {
  const steps = join(folder, "steps");
  const made = await inProcess([
    ...["train", "iddpm", "--data", "points:moons", "--out", steps, "--duration", "800", "--batch", "16"],
    ...["--set", "model.conditional=false", "--set", 'model.network={"type":"mlp","width":16,"layers":1}'],
    ...["--set", "data.examples=100", "--set", "objective.schedule.table.steps=50", "--set", "sampling.steps=5"],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const bounded = async (...flags: string[]) => {
    const { code, stdout, stderr } = await inProcess(["likelihood", steps, "--bound", "--n", "20", "--json", ...flags]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  };
  const learned = await bounded("--levels", "100");
  assert.deepEqual([learned.form, learned.variance, learned.levels], ["discrete", "learned-range", 49]);
  assert.ok(Number.isFinite(learned.total.mean) && learned.total.error > 0);
  assert.equal((await bounded("--variance", "fixed-large")).variance, "fixed-large");
  assert.equal((await bounded("--form", "continuous")).form, "continuous");
});

const finished = async <T>(generator: AsyncGenerator<unknown, T>): Promise<T> => {
  for (;;) {
    const next = await generator.next();
    if (next.done) return next.value;
  }
};

test("the density of a trained model of points integrates to 1, and to the shares of its samples", async () => {
  const opened = RunFolder.open(run);
  const { recipe, data } = opened.describe();
  const { checkpoint, path } = opened.load();
  const { parameters } = networkOf(modelOf(recipe, data));
  const model = trainedModel(recipe, data, flatFromCheckpoint(parameters, checkpoint.tensors, "ema", path));
  const [side, cell] = [24, 0.5];
  const values = new Float64Array(2 * side * side);
  for (let i = 0; i < side * side; i++) {
    values[2 * i] = (Math.floor(i / side) - (side - 1) / 2) * cell;
    values[2 * i + 1] = ((i % side) - (side - 1) / 2) * cell;
  }
  const dataset = datasetFromArray({ name: "a square", shape: [2], values });
  const request = { count: side * side, seed: 0, probes: "exact", tolerance: 1e-4, batch: side * side } as const;
  const { examples } = await finished(runLikelihood(model, dataset, request));
  const count = 4000;
  const drawn = await finished(drawFrom(model, { count, seed: 1, batch: count }));
  await model.close();
  const masses = examples.map((nats) => Math.exp(-2 * nats) * cell ** 2);
  const mass = masses.reduce((sum, one) => sum + one, 0);
  assert.ok(Math.abs(mass - 1) < 0.05, `mass ${mass}`);
  // Blocks of 2 by 2 units. Four standard errors of a share of 4,000 are 0.032 at most.
  const block = (x: number, y: number) => `${Math.floor(x / 2)},${Math.floor(y / 2)}`;
  const differences = new Map<string, number>();
  const add = (name: string, share: number) => differences.set(name, (differences.get(name) ?? 0) + share);
  const place = order(0, side * side); // in which runLikelihood takes examples
  for (const [position, one] of masses.entries()) {
    const i = place(position);
    add(block(values[2 * i], values[2 * i + 1]), one);
  }
  for (let i = 0; i < count; i++) add(block(drawn[2 * i], drawn[2 * i + 1]), -1 / count);
  for (const [name, difference] of differences) assert.ok(Math.abs(difference) < 0.04, `block ${name}: ${difference}`);
});

test("bytes are dequantised and have bits a dimension: nats/ln 2 + 7", async () => {
  const recipe = tinyImages("edm");
  const facts = { shape: [1, 8, 8], classes: 0 };
  const unlabelled = defineRecipe(setField(recipe, "model.conditional=false"));
  const { parameters } = networkOf(modelOf(unlabelled, facts));
  const count = parameters.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
  const model = trainedModel(unlabelled, facts, new Float32Array(count)); // F = 0: the best denoiser of N(0, σ_data²)
  const values = Float32Array.from({ length: 5 * 64 }, (_, i) => ((i * 97) % 256) / 127.5 - 1);
  const dataset = datasetFromArray({ name: "bytes", shape: [1, 8, 8], values });
  const all = { count: 5, seed: 0, passes: 3, batch: 4 };
  const { bitsPerDim, natsPerDim, offset, examples } = await finished(runLikelihood(model, dataset, all));
  assert.equal(offset, 7);
  assert.ok(bitsPerDim && Math.abs(bitsPerDim.mean - (natsPerDim.mean / Math.LN2 + 7)) < 1e-12);
  // The exact cross-entropy of uniform bytes under N(0, 0.5²): variance 1/3.
  const expected = Math.log(2 * Math.PI * 0.25) / 2 + 1 / 3 / (2 * 0.25);
  assert.ok(Math.abs(natsPerDim.mean - expected) < 0.05, `${natsPerDim.mean} ${expected}`);
  assert.equal(examples.length, 5);

  // Noise of the lowest level σ, cut off at ±aσ: the cross-entropy under N(0, 0.5² + σ²), less the entropy of the noise.
  const measuring = runLikelihood(model, dataset, { ...all, passes: 20, dequantisation: "truncated-normal" });
  const cut = await finished(measuring);
  const sigma = 0.002;
  const a = 1 / 255 / sigma;
  const mass = 1 - 2 * normalCdf(-a);
  const ofNoise = 1 - (2 * a * normalPdf(a)) / mass; // E z²
  const square = values.reduce((sum, v) => sum + v ** 2 / values.length, 0) + sigma ** 2 * ofNoise;
  const variance = 0.25 + sigma ** 2;
  const entropy = Math.log(sigma * Math.sqrt(2 * Math.PI) * mass) + ofNoise / 2;
  const exact = Math.log(2 * Math.PI * variance) / 2 + square / (2 * variance) - entropy;
  assert.equal(cut.offset, 0);
  assert.ok(Math.abs(cut.natsPerDim.mean - exact) < 0.02, `${cut.natsPerDim.mean} ${exact}`);
  assert.ok(cut.bitsPerDim && Math.abs(cut.bitsPerDim.mean - cut.natsPerDim.mean / Math.LN2) < 1e-12);
  await model.close();
});

test("what cannot be measured is refused", async () => {
  const refused = async (pattern: RegExp, ...flags: string[]) => {
    const { code, stderr } = await inProcess(["likelihood", ...flags]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  };
  await refused(/trained without labels/, run, "--unconditional");
  await refused(/2000 examples of .* \(it has 100\)/, run, "--n", "2000");
  await refused(/--dequantisation has no use beside --bound/, run, "--bound", "--dequantisation", "uniform");
  await refused(/is of images of bytes/, run, "--n", "20", "--dequantisation", "truncated-normal");
  await refused(/--probes has no use beside --bound/, run, "--bound", "--probes", "2");
  await refused(/--levels needs --bound/, run, "--levels", "2");
  await refused(/needs the timesteps of a discrete schedule/, run, "--bound", "--form", "discrete");
  await refused(/is no run/, join(folder, "nothing"));
});
