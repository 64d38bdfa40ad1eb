import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  featureStatisticsBytes,
  holdsFeatureStatistics,
  npzBytes,
  readFeatureStatistics,
} from "../../../src/data/files/index.ts";
import { ConfigError } from "../../../src/errors/index.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-statistics-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

const gaussian = (n: number) => ({
  mean: Float64Array.from({ length: n }, (_, i) => i / 3),
  covariance: Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 2 : 0.1)),
});
const images = { shape: [3, 1, 2], count: 2, data: Uint8Array.from({ length: 12 }, (_, i) => i) };

describe("statistics", () => {
  for (const layout of ["edm", "adm"] as const)
    test(`are read as they were written, in ${layout}'s layout`, async () => {
      const path = at(`${layout}.npz`);
      const [features, spatial] = [gaussian(4), gaussian(3)];
      writeFileSync(path, featureStatisticsBytes({ features, spatial }, layout, images));
      assert.ok(await holdsFeatureStatistics(path));
      assert.deepEqual(await readFeatureStatistics(path), layout === "adm" ? { features, spatial } : { features });
    });

  test("are NumPy's own, both ways", async (t) => {
    const script = (code: string) => spawnSync("python3", ["-c", `import numpy as np\n${code}`], { encoding: "utf8" });
    if (script("").status !== 0) return t.skip("Python with NumPy is not here");
    const made = script(
      `np.savez_compressed(${JSON.stringify(at("np.npz"))}, mu=np.arange(3) / 7, sigma=np.eye(3, dtype=np.float32), mu_s=np.ones(2), sigma_s=np.eye(2), arr_0=np.zeros((2, 4, 4, 3), np.uint8))`,
    );
    assert.equal(made.status, 0, made.stderr);
    const { features, spatial } = await readFeatureStatistics(at("np.npz"));
    assert.deepEqual([...features.mean], [0, 1 / 7, 2 / 7]);
    assert.deepEqual([...spatial!.covariance], [1, 0, 0, 1]);

    writeFileSync(
      at("ours.npz"),
      featureStatisticsBytes({ features: gaussian(4), spatial: gaussian(3) }, "adm", images),
    );
    const { stdout, stderr } = script(
      `f = np.load(${JSON.stringify(at("ours.npz"))})\nprint(sorted(f.files), f["mu"].dtype, f["sigma"].shape, f["sigma_s"].shape, f["arr_0"].shape, f["arr_0"].tolist())`,
    );
    assert.equal(
      stdout.trim(),
      "['arr_0', 'mu', 'mu_s', 'sigma', 'sigma_s'] float64 (4, 4) (3, 3) (2, 1, 2, 3) [[[[0, 2, 4], [1, 3, 5]]], [[[6, 8, 10], [7, 9, 11]]]]",
      stderr,
    );
  });

  const refused: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
    "no archive": [new TextEncoder().encode("mu and sigma"), /is not a zip archive/],
    "other arrays": [npzBytes({ x: { dims: [2], values: new Float64Array(2) } }), /holds no statistics: .*it has x/],
    "sizes that do not fit": [
      npzBytes({
        mu: { dims: [2], values: new Float64Array(2) },
        sigma: { dims: [3, 3], values: new Float64Array(9) },
      }),
      /mu is \[2\] and sigma is \[3, 3\] \(\[n\] and \[n, n\]\)/,
    ],
  };
  for (const [name, [bytes, pattern]] of Object.entries(refused))
    test(`${name} are refused`, async () => {
      writeFileSync(at("bad.npz"), bytes);
      await assert.rejects(readFeatureStatistics(at("bad.npz")), (error: Error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, pattern);
        return true;
      });
    });
});
