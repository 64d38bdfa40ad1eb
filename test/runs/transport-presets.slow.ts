import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { trainerOf } from "../../src/recipe/index.ts";
import { RunFolder, trainRun } from "../../src/runs/index.ts";
import { createTrainer, encodeSafetensors } from "../../src/training/index.ts";
import { factsOf, images, tinyImages } from "../training/tiny.ts";

/** Pools and references that batches of four come to the end of in the middle. */
const pools = { "training.coupling.pool": 10 };
const references = { "training.target.references": 6 };
const presets = {
  "edm-aot": pools,
  "edm-aot-cond": pools,
  "flow-ot": pools,
  "edm-stf": references,
  "ve-stf": references,
  "vp-stf": references,
  "edm-aot+stf": { ...pools, ...references },
} as const;

for (const [name, fields] of Object.entries(presets))
  test(`${name}: stopped twice and resumed, with pools matched in a thread, is one run without, bit for bit`, async () => {
    const sets = Object.entries(fields).map(([field, value]) => `${field}=${value}`);
    const recipe = tinyImages(name, ...sets, "training.images=60");
    const data = { ...factsOf(images), name: images.name };
    const path = mkdtempSync(join(tmpdir(), "ornstein-presets-"));
    try {
      const folder = RunFolder.create(join(path, "run"), { recipe, data });
      for (const stop of [4, 9, 15]) {
        for await (const event of trainRun(folder, images, { threads: 1, sheets: 0 }))
          if (event.type === "step" && event.step === stop) break;
        assert.ok(folder.checkpoints().includes(stop));
      }
      const trainer = await createTrainer(trainerOf(recipe, data), images, { threads: 1 });
      for (let i = 0; i < 15; i++) await trainer.advance();
      const through = Buffer.concat(encodeSafetensors(await trainer.checkpoint()));
      assert.ok(through.equals(readFileSync(folder.load(15).path)));
      await trainer.close();
    } finally {
      rmSync(path, { recursive: true });
    }
  });
