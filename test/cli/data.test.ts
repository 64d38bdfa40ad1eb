import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { loadDataset, loaded } from "../../src/data/files/index.ts";
import { example } from "../../src/data/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-data-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);
process.env["ORNSTEIN_CACHE"] = at("cache");

async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await inProcess(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("inspect tells what is there, and draws it", async () => {
  const text = await done("data", "inspect", "mnist:test", "--examples", "500", "--preview", at("p.png"));
  for (const pattern of [/500 examples of \[1, 28, 28\]/, /std, σ_data {2}0\.6/, /10 classes/, /--size 32/])
    assert.match(text, pattern);
  assert.equal(readFileSync(at("p.png")).subarray(1, 4).toString(), "PNG");
  const found = JSON.parse(await done("data", "inspect", "points:moons", "--examples", "100", "--json"));
  assert.deepEqual([found.size, found.shape, found.duplicates, found.skipped], [100, [2], 0, []]);
  assert.equal(found.labels["0"] + found.labels["1"], 100);
  await done("data", "inspect", "points:moons", "--examples", "100", "--preview", at("q.png"));
  assert.ok(existsSync(at("q.png")));
});

test("build writes what train reads", async () => {
  const record = JSON.parse(
    await done("data", "build", "mnist:test", "--examples", "50", "--size", "32", "--out", at("m.ornstein"), "--json"),
  );
  assert.deepEqual([record.size, record.shape], [50, [1, 32, 32]]);
  const [built, source] = [
    await loaded(loadDataset(at("m.ornstein"))),
    await loaded(loadDataset("mnist:test", { examples: 50, size: 32 })),
  ];
  for (let i = 0; i < 50; i++) {
    assert.deepEqual(example(built, i), example(source, i));
    assert.equal(built.label?.(i), source.label?.(i));
  }
  await done("data", "build", "points:rings", "--examples", "10", "--out", folder);
  assert.ok(existsSync(at("rings-points.ornstein")));
});

test("split writes two parts that are found by name", async () => {
  await done("data", "split", "mnist:test", "--examples", "200", "--test", "0.25", "--out", at("parts"));
  const [train, held] = [
    await loaded(loadDataset(at("parts"))),
    await loaded(loadDataset(at("parts"), { split: "test" })),
  ];
  assert.equal(train.size + held.size, 200);
  assert.ok(Math.abs(held.size - 50) <= 5);
  const seen = new Set(Array.from({ length: train.size }, (_, i) => example(train, i).join()));
  for (let i = 0; i < held.size; i++) assert.ok(!seen.has(example(held, i).join()));
});

describe("mistakes are one line", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "no such data": [["data", "inspect", "/no/such"], /no such file or folder/],
    "no command": [["data"], /ornstein data: .*inspect/],
    "another ending": [["data", "build", "points:moons", "--out", "x.npz"], /must end in \.ornstein/],
    "no folder for parts": [["data", "split", "points:moons"], /needs --out DIR/],
    "a preview of another kind": [["data", "inspect", "points:moons", "--preview", "x.jpg"], /must end in \.png/],
    "an empty part": [["data", "split", "points:moons", "--test", "0", "--out", "x"], /between 0 and 1/],
    "a file of another kind": [["data", "build", "points:moons", "--out", "/proc/x.ornstein"], /cannot be written/],
  };
  for (const [name, [args, pattern]] of Object.entries(cases))
    test(name, async () => {
      const { code, stderr } = await inProcess(args);
      assert.equal(code, 2);
      assert.match(stderr, pattern);
      assert.equal(stderr.trim().split("\n").length, 1);
    });
});
