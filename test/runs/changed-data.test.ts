import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { type Dataset, points, subset } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors/index.ts";
import { dataFingerprint, RunFolder, trainRun } from "../../src/runs/index.ts";
import { folderOf } from "../data/files/temporary.ts";
import { tinyPoints } from "../training/tiny.ts";

const moons = points("moons", { size: 50 });
const changed: Dataset = {
  ...moons,
  read(index, out, offset) {
    moons.read(index, out, offset);
    if (index === 33) out[offset] += 1e-3;
  },
};

test("a run goes on with its own data only, even if others are as many", async () => {
  const description = {
    recipe: tinyPoints("training.images=80"),
    data: { shape: [2], classes: 2, name: "moons", examples: 50, hash: dataFingerprint(moons) },
  };
  const folder = RunFolder.create(join(folderOf(), "run"), description);
  const train = async (data: Dataset) => {
    for await (const _ of trainRun(folder, data, { sheets: 0 }));
  };
  await train(moons);
  const reversed = subset(
    moons,
    Array.from({ length: 50 }, (_, i) => 49 - i),
  );
  for (const other of [changed, reversed])
    await assert.rejects(train(other), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /as many examples .* but they are others, or in another order/);
      return true;
    });
  await train(moons);
});

test("very large sets are remembered by a part of their examples", () => {
  let reads = 0;
  const huge: Dataset = {
    name: "huge",
    size: 1e12,
    shape: [2 ** 20],
    read: () => {
      reads++;
    },
  };
  assert.match(dataFingerprint(huge), /^[0-9a-f]{64}$/);
  assert.equal(reads, 512);
});
