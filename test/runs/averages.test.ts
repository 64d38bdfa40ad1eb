import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { points } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { modelOf } from "../../src/recipe/index.ts";
import { averageOfLength, RunFolder, storedAverages, trainRun } from "../../src/runs/index.ts";
import { flatFromCheckpoint, networkOf } from "../../src/training/index.ts";
import { folderOf } from "../data/files/temporary.ts";
import { tinyPoints } from "../training/tiny.ts";

const moons = points("moons", { size: 50 });

async function trained(path: string, images: number, ...fields: string[]): Promise<RunFolder> {
  const recipe = tinyPoints("training.images=8000", 'training.averages={"stds":[0.05,0.1],"snapshots":16}', ...fields);
  const data = { shape: [2], classes: 2, name: "moons", examples: 50 };
  const folder = RunFolder.exists(path) ? RunFolder.open(path) : RunFolder.create(path, { recipe, data });
  const stop = new AbortController();
  for await (const event of trainRun(folder, moons, { sheets: 0, signal: stop.signal }))
    if (event.type === "step" && event.images >= images) stop.abort();
  return folder;
}

const emaOf = (folder: RunFolder): Float32Array => {
  const { recipe, data } = folder.describe();
  const { checkpoint, path } = folder.load();
  return flatFromCheckpoint(networkOf(modelOf(recipe, data)).parameters, checkpoint.tensors, "ema", path);
};

/** ‖a − b‖ / ‖b‖. */
function apart(a: Float32Array, b: Float32Array): number {
  let [difference, length] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    length += b[i] ** 2;
  }
  return Math.sqrt(difference / length);
}

test("averages of lengths that were not kept come out as if they had been", async () => {
  for (const std of [0.07, 0.15]) {
    const folder = await trained(join(folderOf(), "run"), 8000, `training.ema={"type":"power-function","std":${std}}`);
    assert.equal(storedAverages(folder).length, 16);
    const direct = emaOf(folder);
    const { params, images, step } = averageOfLength(folder, std);
    assert.deepEqual([images, step], [8000, 1000]);
    const [error, other] = [apart(params, direct), apart(averageOfLength(folder, 0.05).params, direct)];
    assert.ok(error < 0.002 && error < other / 10, `${std}: ${error}, and ${other} of the length 0.05`);
  }
});

test("a run that was stopped goes on with its averages, bit for bit", async () => {
  const [whole, broken] = [join(folderOf(), "a"), join(folderOf(), "b")];
  const through = await trained(whole, 8000);
  await trained(broken, 2500);
  const resumed = await trained(broken, 8000);
  assert.deepEqual(averageOfLength(resumed, 0.05).params.length, averageOfLength(through, 0.05).params.length);
  const [a, b] = [through, resumed].map((folder) => folder.load().checkpoint.tensors);
  for (const name of ["average/0.05", "average/0.1"]) assert.deepEqual(a[name].data, b[name].data);
});

test("earlier times can be asked for, and what cannot be had is refused", async () => {
  const folder = await trained(join(folderOf(), "run"), 8000);
  assert.equal(averageOfLength(folder, 0.08, 4100).images, 4000);
  const refuses = (ask: () => unknown, pattern: RegExp) =>
    assert.throws(ask, (error) => error instanceof ConfigError && pattern.test(error.message));
  refuses(() => averageOfLength(folder, 0.5), /at most 0\.28; got 0\.5/);
  refuses(() => averageOfLength(folder, 0.1, 3), /the first is of 504 images/);
  const bare = RunFolder.create(join(folderOf(), "bare"), { ...folder.describe() });
  refuses(() => averageOfLength(bare, 0.1), /has no averages.*training\.averages/);
});
