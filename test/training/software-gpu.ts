/** Training on WebGPU and on the processor, compared. */
import assert from "node:assert/strict";
import { trainerOf } from "../../src/recipe/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { onSoftwareGpu } from "../software-gpu.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "./tiny.ts";

/** What is trained, by name. */
const cases = {
  points: [tinyPoints("training.batch=512"), moons],
  "points in low memory": [tinyPoints("training.batch=512", "training.memory=low"), moons],
  "points in float16": [tinyPoints("training.batch=512", "training.precision=float16"), moons],
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
  const found = JSON.parse(onSoftwareGpu(import.meta.filename, name)) as number[];
  assert.equal(found.length, expected.length);
  for (const [i, value] of expected.entries())
    assert.ok(
      Math.abs(found[i] / value - 1) <= 1e-5,
      `${name}: ${found.join(", ")} (${expected.join(", ")} on the processor)`,
    );
}

/** The driver has no float16, and training with it must say so. */
export function refuse(name: Case): void {
  assert.throws(
    () => onSoftwareGpu(import.meta.filename, name),
    /SessionError: --precision float16: this GPU, or its driver, has no float16 .* Leave it out/,
  );
}

if (process.argv[1] === import.meta.filename) {
  const name = process.argv[2];
  if (!(name in cases)) throw new Error(`${name} is none of ${Object.keys(cases).join(", ")}`);
  console.log(JSON.stringify(await train(name as Case, "webgpu")));
}
