import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SplitOptions, splitByHash } from "../../../src/data/files/index.ts";
import { type Dataset, datasetFromArray, example, subset } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";

async function split(dataset: Dataset, options: Partial<SplitOptions> = {}) {
  const splitting = splitByHash(dataset, { test: 0.2, seed: 0, ...options });
  for (;;) {
    const step = await splitting.next();
    if (step.done) return step.value;
  }
}

const count = 300;
const labels = Array.from({ length: count }, (_, i) => (i < 200 ? 0 : 1));
const set = datasetFromArray({
  name: "n",
  values: Float32Array.from({ length: 2 * count }, (_, i) => Math.sin(i)),
  shape: [2],
  labels,
});

test("each class is split alike, and every example is in one part", async () => {
  const { train, test: held } = await split(set);
  assert.deepEqual([held.filter((i) => i < 200).length, held.filter((i) => i >= 200).length], [40, 20]);
  assert.deepEqual(
    [...train, ...held].sort((a, b) => a - b),
    Array.from({ length: count }, (_, i) => i),
  );
});

test("what an example holds decides, not where it stands", async () => {
  const numbers = fc.noShrink(
    fc.shuffledSubarray(
      Array.from({ length: count }, (_, i) => i),
      { minLength: count },
    ),
  );
  const held = new Set((await split(set)).test);
  await fc.assert(
    fc.asyncProperty(numbers, async (order) => {
      const { test: found } = await split(subset(set, order));
      assert.deepEqual(new Set(Array.from(found, (i) => order[i])), held);
    }),
    { numRuns: 10 },
  );
  assert.notDeepEqual(new Set((await split(set, { seed: 1 })).test), held);
});

test("equal examples of a class are in the same part", async () => {
  const twice = subset(
    set,
    Array.from({ length: 3 * count }, (_, i) => i % count),
  );
  const { test: held } = await split(twice, { test: 0.37 });
  const chosen = new Set(held);
  for (let i = 0; i < count; i++)
    for (const copy of [i + count, i + 2 * count]) {
      assert.deepEqual(example(twice, copy), example(twice, i));
      assert.equal(chosen.has(copy), chosen.has(i));
    }
});

test("shares that leave a part empty are refused", async () => {
  for (const test of [0, 1, Number.NaN]) await assert.rejects(split(set, { test }), ConfigError);
  await assert.rejects(split(subset(set, [0, 1])), /leave 2 to train on/);
  await assert.rejects(split(subset(set, [0])), /has 1 example/);
});
