import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { processPeak } from "../../experiments/process-peak.ts";
import { npyBytes } from "../../src/data/files/index.ts";
import { inProcess } from "./command-line.ts";

const folder = mkdtempSync(join(tmpdir(), "ornstein-memory-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const images = join(folder, "images.npy");
const values = Float32Array.from({ length: 32 * 3 * 16 * 16 }, (_, i) => Math.sin(i));
writeFileSync(images, npyBytes({ dims: [32, 3, 16, 16], values }));

describe("explain predicts the memory of training", { skip: process.platform !== "linux" }, () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    points: ["points", "--batch", "256", "--set", "sampling.steps=3"],
    images: ["edm", "--data", images, "--set", "data.size=16", "--batch", "16", "--set", "sampling.steps=3"],
  };
  for (const [name, recipe] of Object.entries(cases))
    test(`${name}: to 20%, of the whole process`, async () => {
      const { code, stdout, stderr } = await inProcess(["explain", ...recipe, "--no-measure", "--json"]);
      assert.equal(code, 0, stderr);
      const { predicted } = JSON.parse(stdout) as { predicted: number };
      const out = join(folder, name);
      const measured = await processPeak(["train", ...recipe, "--duration", "512", "--sheets", "0", "--out", out]);
      assert.ok(Math.abs(predicted / measured - 1) < 0.2, `${predicted} predicted, ${measured} measured`);
    });
});
