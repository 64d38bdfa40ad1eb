import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readEvaluations } from "../../src/runs/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-families-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function run(...args: string[]): Promise<void> {
  const { code, stderr } = await inProcess(args);
  assert.equal(code, 0, stderr);
}

const ends = { sigmaMin: 0.02, sigmaMax: 100 };
const families = {
  vp: { prediction: { type: "vp" }, timesteps: { type: "vp-uniform" }, grid: { type: "vp" } },
  ve: {
    prediction: { type: "ve" },
    timesteps: { type: "log-uniform", ...ends },
    grid: { type: "exponential", ...ends },
  },
};

for (const [name, { prediction, timesteps, grid }] of Object.entries(families))
  test(`a ${name} model that has hardly trained is better for its discriminator, by every flag`, async () => {
    const path = join(folder, name);
    const judge = join(folder, `${name}-judge`);
    const fields = {
      "data.examples": 2000,
      "model.network.width": 64,
      "objective.prediction": prediction,
      "objective.timesteps": timesteps,
      "objective.loss": { multiplier: { type: "simple" } },
      "sampling.grid": grid,
    };
    const set = Object.entries(fields).flatMap(([field, value]) => ["--set", `${field}=${JSON.stringify(value)}`]);
    const few = ["--batch", "128", "--duration", "3k", "--sheets", "0"];
    await run("train", "points", "--data", "points:moons", ...set, ...few, "--out", path);
    const short = ["--fakes", "2000", "--duration", "20000", "--train-batch", "128", "--tests", "2"];
    await run("discriminate", path, ...short, "--steps", "12", "--learning-rate", "3e-3", "--out", judge);
    const settings = {
      none: [],
      half: ["--discriminator-weight", "0.5"],
      whole: ["--discriminator-weight", "1"],
      early: ["--discriminator-weight", "1", "--discriminator-window", "0.2,1"],
      first: ["--discriminator-weight", "1,0"],
      boosted: ["--discriminator-weight", "1,0", "--discriminator-boost"],
    };
    const drawn = ["--sampler", "heun", "--steps", "12", "--n", "500", "--seeds", "2", "--metrics", "fd"];
    const distances: Record<string, number> = {};
    for (const [setting, flags] of Object.entries(settings)) {
      await run("eval", path, ...drawn, ...(flags.length > 0 ? ["--discriminator", judge, ...flags] : []));
      const { measurements } = readEvaluations(join(path, "eval.jsonl")).at(-1)!;
      distances[setting] = measurements[0].over!.mean;
    }
    const { none, half, whole, early, first, boosted } = distances;
    const told = JSON.stringify(distances);
    assert.ok(half < 0.7 * none && whole < half, told);
    for (const other of [early, first, boosted]) assert.ok(other < 0.7 * none, told);
    assert.ok(boosted < first, told);
  });
