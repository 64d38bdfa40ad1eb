import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { npyBytes } from "../../src/data/files/index.ts";
import { presetNames, type Recipe } from "../../src/recipe/index.ts";
import { inProcess, tinyRun } from "./command-line.ts";

test("explain works on every preset", async () => {
  for (const name of presetNames) {
    const { code, stdout, stderr } = await inProcess(["explain", name, "--no-measure", "--set", "data.examples=64"]);
    assert.equal(code, 0, `${name}: ${stderr}`);
    assert.match(stdout, /objective .*-prediction/);
    assert.match(stdout, /bound {5}(an ELBO|the ELBO|no ELBO)/);
    assert.ok(!/NaN|undefined/.test(stdout), `${name}: ${stdout}`);
  }
});

test("a preset that is told the class is made for data without labels, unless that field is set", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ornstein-unlabelled-"));
  try {
    const data = join(folder, "x.npy");
    const values = Float32Array.from({ length: 8 * 3 * 16 * 16 }, (_, i) => Math.sin(i));
    writeFileSync(data, npyBytes({ dims: [8, 3, 16, 16], values }));
    // One of them is drawn with guidance between the two answers.
    for (const name of ["edm", "first-picture"]) {
      const { code, stdout, stderr } = await inProcess(["train", name, "--data", data, "--dry-run"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /x\.npy has no labels: training without them, as with --set model\.conditional=false\.\n$/);
      const { model, training, sampling } = JSON.parse(stdout) as Recipe;
      assert.deepEqual([model.conditional, training.labelDropout, sampling.guidance], [false, 0, undefined]);
      const meant = await inProcess(["train", name, "--data", data, "--dry-run", "--set", "model.conditional=true"]);
      assert.equal(meant.code, 2);
      assert.match(meant.stderr, /model\.conditional: the data has no labels/);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a float16 recipe is explained, and takes less memory; the processor does not measure it", async () => {
  const [full, half] = await Promise.all(
    ["float32", "float16"].map((precision) =>
      inProcess([
        "explain",
        ...tinyRun,
        "--set",
        "training.batch=512",
        "--json",
        "--no-measure",
        "--precision",
        precision,
      ]),
    ),
  );
  const expenses = [full, half].map(
    ({ stdout }) => (JSON.parse(stdout) as { expense: Record<string, number> }).expense,
  );
  assert.ok(expenses[1].stepBytes < expenses[0].stepBytes);
  assert.equal(expenses[1].stateBytes, expenses[0].stateBytes);
  const { code, stdout } = await inProcess(["explain", ...tinyRun, "--precision", "float16"]);
  assert.equal(code, 0);
  assert.match(stdout, /precision float16 in the network/);
  assert.match(stdout, /here {6}not measured: float16 is for GPUs/);
});

test("recipes that are one objective are told so, and plots are written", async () => {
  const out = mkdtempSync(join(tmpdir(), "ornstein-explain-"));
  try {
    const args = ["--no-measure", "--set", "data.examples=64"];
    const flow = await inProcess(["explain", "flow", "--against", "v-cosine", "--out", out, ...args]);
    assert.match(flow.stdout, /against {3}v-cosine: the same objective up to a factor/);
    for (const plot of ["schedule", "density", "weighting", "mixture"])
      for (const end of ["svg", "png"]) assert.ok(existsSync(join(out, `${plot}.${end}`)), plot);
    const uniform = ["--set", "objective.timesteps.p=0.8", ...args];
    const bernoulli = await inProcess(["explain", "adm-bs", "--against", "adm", ...uniform]);
    assert.match(bernoulli.stdout, /the same objective/);
    assert.match(bernoulli.stdout, /note {6}bernoulli: .* is the uniform law/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("of a run explain measures how the loss spreads over noise levels, and what an adaptive law would do", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ornstein-explain-run-"));
  try {
    const [run, out] = [join(folder, "run"), join(folder, "plots")];
    const adaptive = '{"type":"adaptive","logSnrMin":-10,"logSnrMax":14,"bins":24,"decay":0.9}';
    const sets = [
      "--set",
      `objective.timesteps=${adaptive}`,
      "--set",
      'objective.loss={"weighting":{"type":"sigmoid"}}',
    ];
    const made = await inProcess(["train", ...tinyRun, ...sets, "--duration", "4800", "--out", run]);
    assert.equal(made.code, 0, made.stderr);
    const explained = async (...flags: string[]) => {
      const { code, stdout, stderr } = await inProcess(["explain", run, "--n", "40", "--json", ...flags]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "").loss;
    };
    const { step, spreads, adaptive: ideal } = await explained("--out", out);
    assert.equal(step, 300);
    const { bins, variance, between, within } = spreads[run];
    assert.equal(bins.length, 32);
    const total = (values: readonly number[]) => values.reduce((a, b) => a + b);
    assert.ok(Math.abs(total(bins.map((bin: { share: number }) => bin.share)) - 1) < 1e-9);
    assert.ok(Math.abs(variance.mean - between.mean - within.mean) < 1e-9 && variance.error > 0);
    assert.ok(ideal.between.mean < 1e-9 && ideal.variance.mean < variance.mean);
    for (const end of ["svg", "png"]) assert.ok(existsSync(join(out, `loss-spread.${end}`)));
    // The law has learned: begun anew it leaves more variance between noise levels.
    const anew = await explained("--set", "objective.timesteps.decay=0.8");
    assert.ok(anew.spreads[run].between.mean > 1.5 * between.mean, `${anew.spreads[run].between.mean} ${between.mean}`);
    const other = await inProcess(["explain", run, "--set", "model.network.width=8"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /the network that was trained is another than asked for/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
