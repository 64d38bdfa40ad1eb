import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { test } from "node:test";
import {
  emojiGroup,
  emojiGroups,
  type LoadOptions,
  loadDataset,
  loaded,
  sources,
} from "../../../src/data/files/index.ts";
import { type Dataset, example, labelCounts, pointsNames, statistics } from "../../../src/data/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";
import { folderOf } from "./temporary.ts";

const load = (source: string, options?: LoadOptions) => loaded(loadDataset(source, options));
const refused = (pattern: RegExp) => (error: unknown) => error instanceof ConfigError && pattern.test(error.message);

test("mnist has its known sizes, labels and moments", async () => {
  const train = await load("mnist");
  assert.deepEqual([train.name, train.size, ...train.shape], ["mnist train", 60_000, 1, 28, 28]);
  assert.deepEqual(train.classes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  assert.deepEqual(labelCounts(train), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  // 0.1307 and 0.3081 are the well-known moments on [0, 1].
  const { mean, std } = statistics(train);
  assert.ok(Math.abs((mean + 1) / 2 - 0.1307) < 1e-4 && Math.abs(std / 2 - 0.3081) < 1e-4);
  for (const test of [await load("mnist:test"), await load("mnist", { split: "test" })])
    assert.deepEqual([test.name, test.size, test.label?.(0)], ["mnist test", 10_000, 7]);
});

test("mnist is framed, not resampled, and can have three channels", async () => {
  const [plain, framed] = [await load("mnist:test"), await load("mnist:test", { size: 32, channels: 3 })];
  assert.deepEqual(framed.shape, [3, 32, 32]);
  const [small, large] = [example(plain, 5), example(framed, 5)];
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < 32; y++)
      for (let x = 0; x < 32; x++) {
        const inside = y >= 2 && y < 30 && x >= 2 && x < 30;
        assert.equal(large[(c * 32 + y) * 32 + x], inside ? small[(y - 2) * 28 + x - 2] : -1);
      }
  await assert.rejects(load("mnist", { size: 16 }), refused(/cannot pad 28×28 images to 16×16/));
});

test("fashion-mnist is found where it is installed, or the way to get it is told", async () => {
  if (existsSync("/usr/share/datasets/fashion-mnist")) {
    const set = await load("fashion-mnist:test");
    assert.deepEqual([set.size, set.classes?.[0]], [10_000, "t-shirt"]);
    assert.deepEqual(labelCounts(set), Array(10).fill(1000));
  } else await assert.rejects(load("fashion-mnist"), refused(/Install Debian's package dataset-fashion-mnist/));
});

test("points come by name, in any number", async () => {
  for (const name of pointsNames) {
    const set = await load(`points:${name}`, { examples: 50, seed: 3 });
    assert.deepEqual([set.size, ...set.shape], [50, 2]);
  }
  const [a, b] = [await load("points:rings", { split: "test" }), await load("points:rings")];
  assert.notDeepEqual(example(a, 0), example(b, 0));
});

test("fewer examples are a random choice that seed decides", async () => {
  const all = await load("mnist:test");
  const some = await load("mnist:test", { examples: 500, seed: 1 });
  assert.equal(some.size, 500);
  assert.ok(labelCounts(some)?.every((count) => count > 20));
  const first = (set: Dataset) => example(set, 0).join();
  assert.equal(first(some), first(await load("mnist:test", { examples: 500, seed: 1 })));
  assert.notEqual(first(some), first(await load("mnist:test", { examples: 500, seed: 2 })));
  assert.equal((await load("mnist:test", { examples: 1e9 })).size, all.size);
  assert.equal((await load("mnist:test", { labels: "none" })).label, undefined);
});

test("sources that do not exist are refused, with the nearest name", async () => {
  await assert.rejects(load("mnits"), refused(/data: must be one of mnist, .*; got "mnits"\. Did you mean "mnist"\?/));
  await assert.rejects(load("mnist:tset"), refused(/Did you mean "test"\?/));
  await assert.rejects(load("points:moon"), refused(/Did you mean "moons"\?/));
  await assert.rejects(load("points"), refused(/points:: must be one of|points: must be one of/));
  await assert.rejects(load("./absent"), refused(/there is no such file or folder/));
  await assert.rejects(load("toString"), ConfigError);
  await assert.rejects(load(""), ConfigError);
});

test("options that a source does not have, or impossible ones, are refused", async () => {
  const cases: [string, LoadOptions, RegExp][] = [
    ["mnist", { labels: "folder" }, /mnist: has no option labels; got "folder"/],
    ["mnist:test", { split: "train" }, /given twice/],
    ["emoji", { split: "test" }, /emoji: has no option split/],
    ["emoji:64", { size: 32 }, /given twice/],
    ["emoji:0", {}, /must be one or two whole numbers/],
    ["emoji:big", {}, /must be one or two whole numbers/],
    ["points:moons", { size: 3 }, /points: has no option size/],
    ["points:moons", { channels: 1 }, /points: has no option channels/],
    ["mnist", { size: 0 }, /size: must be/],
    ["mnist", { size: 99999 }, /size: must be/],
    ["mnist", { size: [32, 1.5] }, /size: must be/],
    ["mnist", { examples: 0 }, /examples must be/],
    ["mnist", { channels: 2 }, /mnist train: channels: got 2 \(the array has 1, and can give 3\)/],
    ["mnist", { channels: 17 }, /channels: must be a whole number from 1 to 16; got 17/],
    ["mnist", { crop: "adm" }, /mnist: has no option crop/],
    ["mnist", { split: "validate" as "test" }, /split: must be one of train, test/],
    ["mnist", { labels: "name" as "none" }, /labels: must be one of/],
  ];
  for (const [source, options, pattern] of cases) await assert.rejects(load(source, options), refused(pattern));
});

test("a loader can be left at any step", async () => {
  for await (const { what } of loadDataset("mnist")) {
    assert.match(what, /mnist/);
    break;
  }
});

test("a path may have the name of a source", async () => {
  const here = process.cwd();
  process.chdir(folderOf({ "mnist/notes.txt": "no image" }));
  try {
    await assert.rejects(load("./mnist"), refused(/holds no images/));
    assert.equal((await load("mnist:test")).size, 10_000);
  } finally {
    process.chdir(here);
  }
});

test("every source has a summary", () => {
  for (const [name, { summary, variant }] of Object.entries(sources)) assert.ok(summary && variant, name);
});

test("every emoji has a group, and every group has emoji", () => {
  const folder = dirname(createRequire(import.meta.url).resolve("@twemoji/svg/package.json"));
  const counts = emojiGroups.map(() => 0);
  for (const file of readdirSync(folder)) if (file.endsWith(".svg")) counts[emojiGroup(file.replace(".svg", ""))]++;
  assert.equal(counts.length, 9);
  assert.ok(
    counts.every((count) => count > 50),
    String(counts),
  );
});

test("emoji are in the groups one expects", () => {
  const expected: Record<string, string[]> = {
    faces: ["1f600", "1f47b", "263a", "1f648", "1fae0", "1f636-200d-1f32b-fe0f"],
    people: ["1f468-200d-1f469-200d-1f467", "1f44d-1f3fd", "1f9d1-1f3ff-200d-1f680", "270c"],
    nature: ["1f98a", "1f332", "1f308", "2744", "1f408-200d-2b1b"],
    food: ["1f355", "1f34e", "2615", "1fad0"],
    travel: ["1f680", "1f5fc", "2708", "1f3e0"],
    activities: ["26bd", "1f3c6", "1f3a8", "1f579", "1f383"],
    objects: ["1f4a1", "1f5a5", "231a", "1f451"],
    symbols: ["2764", "1f49a", "23-20e3", "a9", "1f1e6", "1f7e9", "25b6"],
    flags: ["1f1eb-1f1f7", "1f3f4-200d-2620-fe0f", "1f3f3-fe0f-200d-1f308"],
  };
  assert.deepEqual(Object.keys(expected), emojiGroups);
  for (const [group, codes] of Object.entries(expected))
    for (const code of codes) assert.equal(emojiGroups[emojiGroup(code)], group, code);
});
