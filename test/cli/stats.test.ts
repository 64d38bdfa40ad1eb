import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { readFeatureStatistics } from "../../src/data/files/index.ts";
import { points } from "../../src/data/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-stats-"));
after(() => rmSync(folder, { recursive: true, force: true }));
process.env["ORNSTEIN_CACHE"] = join(folder, "cache");

test("writes what a data set's features are like", async () => {
  const out = join(folder, "moons.npz");
  const { code, stdout, stderr } = await inProcess(["stats", "points:moons", "--examples", "500", "--out", out]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^moons points: 500 examples, 2 features, total variance [\d.]+: .*moons\.npz\n$/);
  const { features } = await readFeatureStatistics(out);
  const moons = points("moons", { size: 500 });
  const values = new Float32Array(1000);
  for (let i = 0; i < 500; i++) moons.read(i, values, 2 * i);
  for (const d of [0, 1]) {
    const mean = values.filter((_, i) => i % 2 === d).reduce((a, b) => a + b, 0) / 500;
    assert.ok(Math.abs(features.mean[d] - mean) < 1e-6);
  }
});

test("and can be judged against", async () => {
  const out = join(folder, "again.npz");
  await inProcess(["stats", "points:moons", "--examples", "500", "--out", out]);
  const args = ["eval", "points:rings", "--reference", out, "--features", "pixels", "--n", "400", "--json"];
  const { code, stdout, stderr } = await inProcess(args);
  assert.equal(code, 0, stderr);
  assert.ok(JSON.parse(stdout).measurements[0].values[0] > 0.01);
});

describe("mistakes are one line", () => {
  const cases: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    "another ending": [["stats", "points:moons", "--out", "moons.csv"], /--out: must end in \.npz; got "moons\.csv"/],
    "no data": [["stats", "points:moon"], /points:: must be one of .*Did you mean "moons"\?/],
    "a folder that is a file": [
      ["stats", "points:moons", "--out", join(folder, "again.npz", "x.npz")],
      /x\.npz: is below .*again\.npz, which is a file, not a folder/,
    ],
    "a size that is none": [["stats", "mnist", "--size", "big"], /--size: must be a side, .*got "big"/],
  };
  for (const [name, [args, pattern]] of Object.entries(cases))
    test(name, async () => {
      const { code, stderr } = await inProcess(args);
      assert.match(stderr.trimEnd().split("\n").at(-1)!, pattern);
      assert.equal(code, 2);
    });
});
