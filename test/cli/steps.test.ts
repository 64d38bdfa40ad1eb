import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { datasetFromArray, subset } from "../../src/data/index.ts";
import { parameterCount } from "../../src/nn/index.ts";
import { normals } from "../../src/random/index.ts";
import { modelOf, selectSteps, trainedModel } from "../../src/recipe/index.ts";
import { networkOf } from "../../src/training/index.ts";
import { tinyImages } from "../training/tiny.ts";
import { inProcess, tinyRun } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-steps-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = join(folder, "run");
const file = join(folder, "grid.json");

before(async () => {
  const made = await inProcess(["train", ...tinyRun, "--duration", "1600", "--out", run]);
  assert.equal(made.code, 0, made.stderr);
});

test("plans beat every usual grid, and draw samples", async () => {
  const flags = [
    "--n",
    "32",
    "--levels",
    "40",
    "--budget",
    "3,6,12",
    "--out",
    file,
    "--plot",
    join(folder, "plot"),
    "--json",
  ];
  const { code, stdout, stderr } = await inProcess(["steps", run, ...flags]);
  assert.equal(code, 0, stderr);
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ steps, sigmas }) => [steps, sigmas.length]),
    [3, 6, 12].map((k) => [k, k]),
  );
  for (const name of ["bounds", "levels"])
    assert.match(readFileSync(join(folder, `plot-${name}.svg`), "utf8"), /karras 7/);
  for (const { bound, usual, unit, sigmas, checked } of records) {
    // Checked on other data: each grid at its own levels, and against the plan example by example.
    assert.deepEqual(Object.keys(checked).slice(0, 3), ["dp", "linspace", "trailing"]);
    assert.equal(checked.dp.more, 0);
    assert.ok(checked.dp.bound !== bound && checked.dp.error > 0);
    for (const [name, other] of Object.entries<Record<string, number>>(checked)) {
      assert.ok(Math.abs(other["bound"] - checked.dp.bound - other["more"]) <= 1e-9 * Math.abs(other["bound"]), name);
      assert.ok(name === "dp" || other["moreError"] > 0);
    }
    assert.equal(unit, "nats/dim");
    assert.ok(Object.keys(usual).length >= 3);
    for (const other of Object.values<{ bound: number }>(usual)) assert.ok(bound <= other.bound + 1e-9);
    assert.ok(sigmas.every((sigma: number, i: number) => i === 0 || sigma < sigmas[i - 1]));
  }
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")).grids[6].sigmas, records[1].sigmas);
  const drawn = await inProcess([
    ...["sample", run, "--grid", file, "--steps", "6", "--sampler", "ddim", "--n", "4"],
    ...["--out", join(folder, "a.png")],
  ]);
  assert.equal(drawn.code, 0, drawn.stderr);
  assert.match(drawn.stdout, /6 network calls/);
});

test("a discrete process is planned over its timesteps, and the plan holds on data that it did not see", async () => {
  const recipe = tinyImages("ddpm", 'objective.schedule.table={"type":"linear-scaled","steps":40}');
  const fitting = { ...recipe, objective: { ...recipe.objective, timesteps: { type: "uniform-steps", steps: 40 } } };
  const facts = { shape: [1, 8, 8], classes: 3 };
  const count = parameterCount(networkOf(modelOf(fitting as typeof recipe, facts)).parameters);
  const params = Float32Array.from(normals(0, "parameters", 0, count), (v) => v / 20);
  const model = trainedModel(fitting as typeof recipe, facts, params);
  const values = Float32Array.from(normals(1, "images", 0, 24 * 64), (v) =>
    Math.min(1, Math.max(-1, Math.round(128 + 50 * v) / 127.5 - 1)),
  );
  const images = datasetFromArray({
    name: "images",
    shape: [1, 8, 8],
    values,
    labels: Array.from({ length: 24 }, (_, i) => i % 3),
  });
  const halves = [0, 12].map((from) =>
    subset(
      images,
      Array.from({ length: 12 }, (_, i) => from + i),
    ),
  );
  const [seen, unseen] = await Promise.all(
    halves.map(async (half) => {
      const selecting = selectSteps(model, half, { count: 12, seed: 0, maxSteps: 20 });
      for (;;) {
        const next = await selecting.next();
        if (next.done) return next.value;
      }
    }),
  );
  assert.equal(seen.levels.length, 40);
  assert.equal(seen.unit, "bits/dim");
  assert.equal(model.calls, 80);
  for (const steps of [5, 10, 20]) {
    const { sigmas } = seen.best(steps);
    const bound = unseen.bound(sigmas);
    assert.ok(bound !== undefined && unseen.best(steps).bound <= bound);
    for (const [name, other] of Object.entries(unseen.usual(steps)))
      assert.ok(bound <= other.bound, `${steps} steps: ${bound} but ${name} ${other.bound}`);
  }
  await model.close();
});

test("grids that cannot be read or used are refused", async () => {
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await inProcess(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  };
  const broken = join(folder, "broken.json");
  writeFileSync(broken, '{"grids":{}}');
  await refused(/has grids of 3, 6, 12 steps; --steps is 7/, "sample", run, "--grid", file, "--steps", "7");
  await refused(/must be a list of noise levels, or a file that ornstein steps wrote/, "sample", run, "--grid", broken);
  await refused(/--grid: must be one of karras.*got "karas"/, "sample", run, "--grid", "karas");
  await refused(/--budget: must be whole numbers such as/, "steps", run, "--budget", "many");
  await refused(
    /a budget of 50 steps from 10 noise levels/,
    "steps",
    run,
    "--n",
    "9",
    "--budget",
    "50",
    "--levels",
    "10",
  );
});

test("a search by gradient finds better steps on data that it did not see, and sample draws with them", async () => {
  const found = join(folder, "search.json");
  const points = join(folder, "points");
  const small = ["--batch", "128", "--set", "model.network.width=32"];
  const made = await inProcess([
    "train",
    "points",
    "--data",
    "points:moons",
    ...small,
    "--duration",
    "60k",
    "--out",
    points,
  ]);
  assert.equal(made.code, 0, made.stderr);
  const search = ["--search", "--budget", "4", "--updates", "40", "--batch", "64", "--out", found, "--json"];
  const { code, stdout, stderr } = await inProcess(["steps", points, ...search]);
  assert.equal(code, 0, stderr);
  const records = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ from }) => from),
    ["log-snr", "karras 7"],
  );
  for (const { change, sigmas, from } of records) {
    assert.ok(change.mean < -3 * change.error, `${from}: ${change.mean} ± ${change.error}`);
    assert.ok(sigmas.every((sigma: number, i: number) => i === 0 || sigma < sigmas[i - 1]));
  }
  const flags = ["--grid", found, "--steps", "4", "--n", "8", "--out", join(folder, "found.png")];
  const drawn = await inProcess(["sample", points, ...flags, "--sampler", "ddim"]);
  assert.equal(drawn.code, 0, drawn.stderr);
  // By the kernel distance, with factors: the file keeps them, and ddim alone takes them.
  const other = await inProcess(["steps", points, ...search, "--loss", "kid", "--factors"]);
  assert.equal(other.code, 0, other.stderr);
  const best = JSON.parse(readFileSync(found, "utf8")).grids[4];
  assert.ok(best.factors.length === 4 && best.factors.every((factor: number) => factor > 0 && factor !== 1));
  assert.ok(best.change.mean < 0, `${best.change.mean}`);
  const withFactors = await inProcess(["sample", points, ...flags, "--sampler", "ddim"]);
  assert.equal(withFactors.code, 0, withFactors.stderr);
  const refused = await inProcess(["sample", points, ...flags, "--sampler", "heun"]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /has factors, which heun has no place for. Take ddim/);
});
