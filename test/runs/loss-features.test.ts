import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError } from "../../src/errors/index.ts";
import { blankFeatures, consistencyStudent, defineRecipe } from "../../src/recipe/index.ts";
import { type LossFeatures, lossFeatures, RunFolder, trainRun } from "../../src/runs/index.ts";
import { folderOf } from "../data/files/temporary.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

const facts = factsOf(images);
const teacher = tinyImages("edm");

/** A consistency model that learns from the data alone, by features. */
function recipeOf(examples: number) {
  const options = { steps: 1, scales: 18, metric: "features", images: examples, learningRate: 1e-3 } as const;
  const student = consistencyStudent(teacher, facts, options);
  const target = { type: "consistency", endScales: 12, metric: { type: "features", pixels: 0.5 } };
  return defineRecipe({ ...student, training: { ...student.training, target } });
}

const description = { recipe: recipeOf(24), data: { ...facts, name: "twelve", examples: 12 } };

async function train(folder: RunFolder, stopAt = Number.POSITIVE_INFINITY): Promise<string[]> {
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const event of trainRun(folder, images, { threads: 1, sheets: 0, signal: stop.signal })) {
    seen.push(event.type);
    if (event.type === "step" && event.step >= stopAt) stop.abort();
  }
  return seen;
}

test("the classifier of a loss is trained once, and then found", async () => {
  const cache = folderOf();
  const get = async (): Promise<{ steps: number; found: LossFeatures }> => {
    const training = lossFeatures(images, { cache, images: 256, threads: 1 });
    for (let steps = 0; ; steps++) {
      const next = await training.next();
      if (next.done) return { steps, found: next.value };
    }
  };
  const [first, second] = [await get(), await get()];
  assert.deepEqual([first.steps, second.steps], [2, 0]);
  assert.deepEqual(second.found, first.found);
  assert.equal(readdirSync(cache).length, 1);
});

test("a run keeps its classifier, and goes on with it bit for bit", async () => {
  const features = { params: blankFeatures(description.recipe, facts)!, accuracy: 0.5 };
  const folder = RunFolder.create(join(folderOf(), "run"), description);
  folder.saveFeatures(features);
  assert.deepEqual(folder.loadFeatures(), features);
  const half = join(folderOf(), "half");
  cpSync(folder.path, half, { recursive: true });
  assert.ok(!(await train(folder)).includes("features"));
  await train(RunFolder.open(half), 3);
  assert.ok(!RunFolder.open(half).isComplete());
  await train(RunFolder.open(half));
  const last = ({ path }: RunFolder) => readFileSync(RunFolder.open(path).checkpointPath(6));
  assert.ok(last(RunFolder.open(half)).equals(last(folder)));

  const file = folder.featuresPath;
  const whole = readFileSync(file);
  whole[whole.length - 1] ^= 1;
  writeFileSync(file, whole);
  await assert.rejects(train(folder), /is not the classifier that the run began with/);
  rmSync(file);
  await assert.rejects(train(folder), (error) => error instanceof ConfigError && /is missing/.test(error.message));
});

test("without labels there is no classifier, and nothing is trained", async () => {
  const data = { ...description.data, classes: 0 };
  const recipe = { ...description.recipe, model: { ...description.recipe.model, conditional: false } };
  const folder = RunFolder.create(join(folderOf(), "run"), { recipe, data });
  await assert.rejects(train(folder), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /the data have no labels .* Take l2 or pseudo-huber/);
    return true;
  });
});
