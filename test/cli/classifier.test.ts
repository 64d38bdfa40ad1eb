import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openClassifier } from "../../src/cli/accuracy.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { normals } from "../../src/random/index.ts";
import { classifierRecipe, type DrawRequest, drawFrom, modelOf, preset, trainedModel } from "../../src/recipe/index.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../../src/training/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-classifier-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");
const guide = join(folder, "guide");
const moons = ["points", "--data", "points:moons", "--batch", "128", "--set", "model.network.width=32"];

before(async () => {
  for (const [args, out] of [
    [[...moons, "--duration", "60k"], run],
    [[...moons, "--duration", "60k", "--objective", "classifier"], guide],
  ] as const) {
    const made = await inProcess(["train", ...args, "--out", out]);
    assert.equal(made.code, 0, made.stderr);
  }
});

test("a classifier is a run: right where there is little noise, guessing where there is much", async () => {
  const { recipe } = RunFolder.open(guide).describe();
  assert.equal(recipe.task, "classify");
  const { levels } = JSON.parse(readFileSync(join(guide, "accuracy.json"), "utf8"));
  assert.equal(levels.length, 9);
  assert.ok(levels[0].accuracy > 0.95, `σ ${levels[0].sigma}: ${levels[0].accuracy}`);
  assert.ok(Math.abs(levels[8].accuracy - 0.5) < 0.12, `σ ${levels[8].sigma}: ${levels[8].accuracy}`);
  assert.ok(!existsSync(join(guide, "samples", "images-000060000.png")));
});

test("its gradient is that of ln p(y | x), example by example", async () => {
  const trained = openClassifier(RunFolder.open(guide), {});
  const [batch, dims, sigma, h] = [4, 2, 0.5, 1e-2];
  const classifier = await trained.classifier(batch);
  const labels = [0, 1, 1, undefined];
  const x = normals(3, "points", 0, batch * dims);
  const logProbability = async (at: Float64Array) => {
    const logits = await classifier.logits(at, sigma);
    return labels.map((label, row) => {
      const [a, b] = [logits[2 * row], logits[2 * row + 1]];
      return label === undefined ? 0 : (label === 0 ? a : b) - Math.log(Math.exp(a) + Math.exp(b));
    });
  };
  const gradient = await classifier.gradient(labels)(x, sigma);
  for (let i = 0; i < x.length; i++) {
    const [up, down] = [x.slice(), x.slice()];
    up[i] += h;
    down[i] -= h;
    const row = Math.floor(i / dims);
    const slope = ((await logProbability(up))[row] - (await logProbability(down))[row]) / (2 * h);
    assert.ok(Math.abs(slope - gradient[i]) < 1e-2 * (1 + Math.abs(slope)), `${i}: ${gradient[i]}, ${slope}`);
  }
  await trained.close();
});

test("samples of a model without labels go to the class that is asked for", async () => {
  const open = RunFolder.open(run);
  const { recipe, data } = open.describe();
  const { checkpoint, path } = open.load();
  const params = flatFromCheckpoint(networkOf(modelOf(recipe, data)).parameters, checkpoint.tensors, "ema", path);
  const model = trainedModel(recipe, data, params);
  const classifier = openClassifier(RunFolder.open(guide), {});
  const count = 128;
  const share = async (request: Partial<DrawRequest>) => {
    const drawing = drawFrom(model, { count, seed: 0, batch: count, ...request });
    let next = await drawing.next();
    while (!next.done) next = await drawing.next();
    const logits = await (await classifier.classifier(count)).logits(next.value, 0.01);
    return Array.from({ length: count }, (_, i) => (logits[2 * i + 1] > logits[2 * i] ? 1 : 0)).reduce<number>(
      (sum, one) => sum + one / count,
      0,
    );
  };
  const free = await share({});
  assert.ok(free > 0.3 && free < 0.7, `unguided ${free}`);
  for (const sampler of ["heun", "dpm++2m", "ddim"] as const) {
    const sampling = { ...recipe.sampling, sampler };
    const guided = await share({ sampling, label: () => 1, towards: { classifier, scale: 2 } });
    assert.ok(guided > 0.9, `${sampler}: ${guided}`);
  }
  await model.close();
  await classifier.close();

  const out = join(folder, "guided.png");
  const flags = ["--classifier", guide, "--classifier-scale", "2", "--class", "1", "--n", "16", "--out", out];
  const drawn = await inProcess(["sample", run, ...flags]);
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.ok(existsSync(out));
});

test("samples are evaluated with guidance, apart from those without", async () => {
  const few = ["eval", run, "--n", "30", "--seeds", "1", "--steps", "4", "--json"];
  const judged = async (...flags: readonly string[]) => {
    const { code, stdout, stderr } = await inProcess([...few, ...flags]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  };
  const free = await judged();
  const guided = await judged("--classifier", guide, "--classifier-scale", "2");
  assert.equal(free.subject.classifier, undefined);
  assert.equal(guided.subject.classifier.scale, 2);
  assert.equal(guided.subject.classifier.parameters.length, 64);
  assert.equal(guided.subject.classes, "as in the data");
  const values = ({ measurements }: { readonly measurements: readonly { readonly values: readonly number[] }[] }) =>
    measurements.map(({ values: [first] }) => first);
  assert.notDeepEqual(values(guided), values(free));
  assert.deepEqual(values(await judged("--classifier", guide, "--classifier-scale", "2")), values(guided));
});

test("what cannot guide or be guided is refused", async () => {
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await inProcess(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  };
  await refused(/is a classifier's, which cannot denoise/, "sample", guide, "--n", "1");
  await refused(/is a denoiser's/, "sample", run, "--n", "1", "--classifier", run);
  await refused(/--classifier-scale needs --classifier/, "sample", run, "--classifier-scale", "2");
  await refused(/eval: --classifier-scale needs --classifier/, "eval", run, "--classifier-scale", "2");
  await refused(/--class: .* add --classifier/, "sample", run, "--class", "1");
  await refused(
    /classify needs labelled data/,
    ...["train", "points", "--data", "points:swiss-roll", "--objective", "classifier", "--out", join(folder, "no")],
  );
  assert.throws(
    () => modelOf({ ...preset("edm"), task: "classify" }, { shape: [1, 8, 8], classes: 3 }),
    (error) => error instanceof ConfigError && /not told the class/.test(error.message),
  );
});

test("every image preset has a classifier on ADM's encoder", () => {
  for (const name of ["edm", "ddpm", "iddpm", "adm-bs+ip", "edm-stf", "edm-aot-cond", "flow", "first-picture"]) {
    const recipe = classifierRecipe(preset(name));
    const resolved = { ...recipe, data: { ...recipe.data, sigmaData: 0.5 } };
    const { output } = networkOf(modelOf(resolved, { shape: [1, 32, 32], classes: 10 }), 2);
    assert.deepEqual(output.shape, [2, 10], name);
  }
});
