import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Precision } from "../../src/graph/index.ts";
import { defineRecipe, resolveRecipe, setField } from "../../src/recipe/index.ts";
import { drawSamples, RunFolder, trainRun } from "../../src/runs/index.ts";
import { factsOf, moons, tinyPoints } from "../training/tiny.ts";

test("a float16 run keeps its loss scale in statistics and checkpoints, and goes on from it; evaluations tell its samples apart", async () => {
  const path = mkdtempSync(join(tmpdir(), "ornstein-float16-"));
  try {
    const asked = tinyPoints("training.precision=float16", "training.images=160");
    const recipe = resolveRecipe(asked, moons);
    const folder = RunFolder.create(join(path, "run"), { recipe, data: { ...factsOf(moons), name: moons.name } });
    const train = async () => {
      for await (const _ of trainRun(folder, moons, { sheets: 0, threads: 1 }));
      return Number(folder.load().checkpoint.metadata.lossScale);
    };
    const first = await train();
    folder.replaceRecipe(defineRecipe(setField(recipe, "training.images=320")));
    const second = await train();
    assert.ok(Math.abs(second - first - 0.02) < 1e-9, "20 good updates");
    assert.deepEqual(
      folder.stats().map(({ step, lossScale }) => [step, lossScale]),
      [10, 20, 30, 40].map((step) => [step, Math.floor(first)]),
    );

    const { sampling } = recipe;
    const which = {
      checkpoint: "latest",
      weights: "ema",
      sampling,
      n: 20,
      seeds: [0],
      batch: 20,
      rounding: "edm",
    } as const;
    const drawn = async (precision: Precision) => {
      const drawing = drawSamples(folder, moons, { ...which, precision }, { threads: 1 });
      let [next, steps] = [await drawing.next(), 0];
      for (; !next.done; next = await drawing.next()) steps++;
      return { ...next.value, steps };
    };
    const full = await drawn("float32");
    const half = await drawn("float16");
    assert.ok(half.steps > 0, "samples in float32 are no samples in float16");
    assert.ok(half.subject.type === "run" && half.subject.precision === "float16");
    assert.ok(full.subject.type === "run" && full.subject.precision === undefined);
    const [a, b] = [full, half].map(({ sets: [{ data }] }) => data);
    const furthest = Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
    assert.ok(furthest > 0 && furthest < 0.05, `${furthest}`);
  } finally {
    rmSync(path, { recursive: true });
  }
});
