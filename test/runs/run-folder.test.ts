import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { RunFolder } from "../../src/runs/index.ts";
import { folderOf } from "../data/files/temporary.ts";
import { tinyPoints } from "../training/tiny.ts";

const description = {
  recipe: tinyPoints("training.images=800"),
  data: { shape: [2], classes: 2, name: "moons", examples: 50, classNames: ["0", "1"] },
};
const fresh = () => RunFolder.create(join(folderOf(), "run"), description);
const checkpoint = (value: number) => ({
  tensors: { a: { shape: [1], data: Float32Array.of(value) } },
  metadata: { step: String(value) },
});
const stats = (step: number) => ({
  step,
  images: 8 * step,
  loss: 1 / step,
  gradientNorm: 1,
  lr: 1,
  imagesPerSecond: 1,
  memory: 1,
});

test("says what it was made of", () => {
  const folder = fresh();
  assert.deepEqual(folder.describe(), description);
  assert.deepEqual(RunFolder.open(folder.path).describe(), description);
  const longer = tinyPoints("training.images=8000");
  folder.replaceRecipe(longer);
  assert.deepEqual(folder.describe(), { ...description, recipe: longer });
});

test("is trained by one process at a time", () => {
  const folder = fresh();
  const lock = folder.lock();
  assert.throws(
    () => folder.lock(),
    (error) =>
      error instanceof ConfigError && /process \d+ on .* is training this run.*delete .*lock/.test(error.message),
  );
  lock.release();
  // One that was killed, or an empty file.
  writeFileSync(join(folder.path, "lock"), "");
  folder.lock().release();
  assert.deepEqual(readdirSync(folder.path).sort(), ["recipe.json", "samples"]);
});

test("keeps the last three checkpoints and the best", () => {
  const folder = fresh();
  for (let step = 1; step <= 6; step++) folder.save(checkpoint(step), step, step === 2);
  assert.deepEqual(folder.checkpoints(), [4, 5, 6]);
  const value = (which: "latest" | "best" | number) => folder.load(which).checkpoint.tensors["a"].data[0];
  assert.deepEqual([value("latest"), value(5), value("best")], [6, 5, 2]);
  assert.throws(() => folder.load(1), /no checkpoint of step 1 \(steps are 4, 5, 6\)/);
});

test("is complete when every image has been seen", () => {
  const folder = fresh();
  assert.equal(folder.isComplete(), false);
  folder.save(checkpoint(1), 99, false);
  assert.equal(folder.isComplete(), false);
  folder.save(checkpoint(1), 100, false);
  assert.equal(folder.isComplete(), true);
});

test("what a killed process left half written is cleared away", () => {
  const folder = fresh();
  writeFileSync(join(folder.path, "checkpoint-000000003.safetensors.77.tmp"), "half");
  folder.save(checkpoint(4), 4, false);
  assert.deepEqual(
    readdirSync(folder.path).filter((name) => name.endsWith(".tmp")),
    [],
  );
});

test("statistics survive a cut-off last line, and forget what is trained again", () => {
  const folder = fresh();
  for (const step of [10, 20, 30]) folder.log(stats(step));
  appendFileSync(join(folder.path, "stats.jsonl"), '{"step":40,"im');
  assert.deepEqual(
    folder.stats().map(({ step }) => step),
    [10, 20, 30],
  );
  folder.rewind(20);
  assert.deepEqual(folder.stats(), [stats(10), stats(20)]);
});

test("an unused folder is taken away, a used one never", () => {
  const [unused, used] = [fresh(), fresh()];
  unused.removeIfUnused();
  assert.ok(!existsSync(unused.path));
  used.save(checkpoint(1), 1, false);
  used.removeIfUnused();
  assert.deepEqual(used.checkpoints(), [1]);
});
