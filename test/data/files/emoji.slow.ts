import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { loadDataset, loaded } from "../../../src/data/files/index.ts";
import { example, labelCounts, statistics } from "../../../src/data/index.ts";
import { folderOf } from "./temporary.ts";

test("emoji are drawn once, in colour on white, at the size asked for", async () => {
  const cache = folderOf();
  const progress: number[] = [];
  const loading = loadDataset("emoji:16", { cache });
  let step = await loading.next();
  for (; !step.done; step = await loading.next()) progress.push(step.value.done);
  const set = step.value;
  assert.ok(progress.length > 20 && progress.every((done, i) => i === 0 || done >= progress[i - 1]));
  assert.deepEqual([set.size, ...set.shape], [3720, 3, 16, 16]);
  assert.deepEqual(set.report, { notes: [], skipped: [] });
  assert.equal(labelCounts(set)?.length, 9);
  const { std, min, max } = statistics(set);
  assert.ok(std > 0.4 && min === -1 && max === 1);
  // The corners of most are white, as nothing reaches there.
  const white = Array.from({ length: set.size }, (_, i) => example(set, i)[0] === 1).filter(Boolean).length;
  assert.ok(white > 2500, `${white}`);

  assert.equal(readdirSync(cache).length, 1);
  const again = await loaded(loadDataset("emoji", { cache, size: 16 }));
  assert.equal(readdirSync(cache).length, 1);
  for (const i of [0, 1000, 3719]) {
    assert.deepEqual(example(again, i), example(set, i));
    assert.equal(again.label?.(i), set.label?.(i));
  }
});
