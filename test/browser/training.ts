/** A few updates, in Node or in a browser. */
import { trainerOf } from "../../src/recipe/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { createTrainer } from "../../src/training/index.ts";
import { factsOf, images, moons, tinyImages, tinyPoints } from "../training/tiny.ts";

/** What is trained, by name. */
const cases = {
  points: [tinyPoints(), moons],
  "points in micro-batches": [tinyPoints("training.microBatch=4"), moons],
  "a U-Net": [tinyImages("edm", "model.network.numBlocks=1"), images],
} as const;
export type Case = keyof typeof cases;
export const caseNames = Object.keys(cases) as readonly Case[];

/** The losses and the last parameters. */
export async function train(name: Case, device: Device): Promise<{ losses: number[]; params: number[] }> {
  const [recipe, dataset] = cases[name];
  const trainer = await createTrainer(trainerOf(recipe, factsOf(dataset)), dataset, { device, threads: 1 });
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) losses.push((await trainer.advance()).loss);
  const params = [...(await trainer.read("params"))];
  await trainer.close();
  return { losses, params };
}
