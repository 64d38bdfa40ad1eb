import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defineRecipe, resolveRecipe, setField } from "../../src/recipe/index.ts";
import { RunFolder, trainRun } from "../../src/runs/index.ts";
import { factsOf, moons, tinyPoints } from "../training/tiny.ts";

test("a float16 run keeps its loss scale in statistics and checkpoints, and goes on from it", async () => {
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
  } finally {
    rmSync(path, { recursive: true });
  }
});
