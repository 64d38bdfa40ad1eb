/** WebGPU without a GPU: SwiftShader, the Vulkan driver that comes with Chromium, computes on the processor. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trainerOf } from "../../src/recipe/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

const folder = "/usr/lib/chromium";
const [driver, loader] = [join(folder, "vk_swiftshader_icd.json"), join(folder, "libvulkan.so.1")];

/** Why there is no such driver; false if there is one. */
export const missing: string | false =
  existsSync(driver) && existsSync(loader) ? false : `SwiftShader is not installed (${driver} of Debian's chromium)`;

/** What is trained, by name. */
const cases = {
  points: [tinyPoints("training.batch=512"), moons],
  "points in low memory": [tinyPoints("training.batch=512", "training.memory=low"), moons],
  "a U-Net": [tinyImages("edm", "model.network.numBlocks=1", "model.network.dropout=0.2"), images],
  "a U-Net in low memory": [
    tinyImages("edm", "model.network.numBlocks=1", "training.batch=16", "training.memory=low"),
    images,
  ],
} as const;
export type Case = keyof typeof cases;

/** Losses and gradient norms of two updates. */
async function train(name: Case, device: Device): Promise<number[]> {
  const [recipe, dataset] = cases[name];
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset, { device, threads: 1 });
  const numbers: number[] = [];
  for (let i = 0; i < 2; i++) {
    const { loss, gradientNorm } = await trainer.advance();
    numbers.push(loss, gradientNorm);
  }
  await trainer.close();
  return numbers;
}

/** Trains here on the processor and in a process of its own on the driver; both must agree to a relative 10⁻⁵. */
export async function agree(name: Case): Promise<void> {
  const expected = await train(name, "cpu");
  const libraries = mkdtempSync(join(tmpdir(), "vulkan-"));
  try {
    symlinkSync(loader, join(libraries, "libvulkan.so.1"));
    const env = { ...process.env, LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: driver };
    const { stdout, stderr, status } = spawnSync(process.execPath, [import.meta.filename, name], {
      env,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    const found = JSON.parse(stdout) as number[];
    assert.equal(found.length, expected.length);
    for (const [i, value] of expected.entries())
      assert.ok(
        Math.abs(found[i] / value - 1) <= 1e-5,
        `${name}: ${found.join(", ")} (${expected.join(", ")} on the processor)`,
      );
  } finally {
    rmSync(libraries, { recursive: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const name = process.argv[2];
  if (!(name in cases)) throw new Error(`${name} is none of ${Object.keys(cases).join(", ")}`);
  console.log(JSON.stringify(await train(name as Case, "webgpu")));
}
