import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { normals } from "../../src/random/index.ts";
import { trainerOf } from "../../src/recipe/index.ts";
import { openPoolMatcher, RunFolder, trainRun } from "../../src/runs/index.ts";
import { createTrainer, encodeSafetensors } from "../../src/training/index.ts";
import { matchPool, type Pool } from "../../src/transport/index.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

const pool = (seed: number): Pool => ({
  samples: Float32Array.from(normals(seed, "samples", 0, 200)),
  noise: Float32Array.from(normals(seed, "noise", 0, 200)),
  dims: 5,
  labels: Array.from({ length: 40 }, (_, i) => i % 3),
});

test("pools come back as they would from here, in any number", async () => {
  const { match, close } = openPoolMatcher();
  const matched = await Promise.all([1, 2, 3].map((seed) => match(pool(seed))));
  assert.deepEqual(
    matched,
    [1, 2, 3].map((seed) => matchPool(pool(seed))),
  );
  await close();
});

test("mistakes come back too, and the thread lives on", async () => {
  const { match, close } = openPoolMatcher();
  await assert.rejects(match({ ...pool(1), labels: [1] }), /labels/);
  assert.deepEqual(await match(pool(1)), matchPool(pool(1)));
  await close();
});

test("what is not finished when the thread ends, fails", async () => {
  const { match, close } = openPoolMatcher();
  const unfinished = assert.rejects(match(pool(1)), /has ended/);
  await close();
  await unfinished;
  await assert.rejects(match(pool(2)), /has ended/);
});

test("a run whose pools are matched in a thread, stopped and resumed, is the run without, bit for bit", async () => {
  const recipe = tinyImages("edm-aot", "training.coupling.pool=10", "training.images=40");
  const path = mkdtempSync(join(tmpdir(), "ornstein-pools-"));
  try {
    const data = { ...factsOf(images), name: images.name };
    const folder = RunFolder.create(join(path, "run"), { recipe, data });
    for await (const event of trainRun(folder, images, { threads: 1, sheets: 0 }))
      if (event.type === "step" && event.step === 4) break;
    for await (const event of trainRun(folder, images, { threads: 1, sheets: 0 }))
      if (event.type === "ready") assert.equal(event.step, 4);

    const trainer = await createTrainer(trainerOf(recipe, data), images, { threads: 1 });
    for (let i = 0; i < 10; i++) await trainer.advance();
    const expected = Buffer.concat(encodeSafetensors(await trainer.checkpoint()));
    assert.ok(expected.equals(readFileSync(folder.load().path)));
    await trainer.close();
  } finally {
    rmSync(path, { recursive: true });
  }
});
