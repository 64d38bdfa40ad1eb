/**
 * How fast batches are made ready for the network, and what that costs training.
 * `node dist/bench/preparation.js [SECONDS]`: images of 32×32 in colour a second, in this thread and in others; then the time
 * of an update of the preset `edm` with augmentation whose batches are made here, and in threads, in turns. Prints medians
 * over turns, and their quartiles.
 */
import { availableParallelism } from "node:os";
import { batches, imagesFromBytes, prepare } from "../src/data/index.ts";
import { defineRecipe, factsOf, preset, resolveRecipe, setField, trainerOf } from "../src/recipe/index.ts";
import { openBatchPreparer } from "../src/runs/index.ts";
import { createTrainer, type Preparer } from "../src/training/index.ts";
import { spread } from "./statistics.ts";

const shape = [3, 32, 32] as const;
const rows = 64;
const size = 4096;
const dataset = imagesFromBytes({
  name: "made-up images",
  shape,
  pixels: Uint8Array.from({ length: size * 3072 }, (_, i) => (i * 7919) & 255),
});
const assemble = batches(dataset, { seed: 1, flip: true });
const augment = { probability: 0.12 };

async function speed(preparer: Preparer | undefined, augmented: boolean, seconds: number): Promise<number> {
  const one = (position: number) => {
    const task = {
      seed: 1,
      position,
      shape,
      x: assemble(position, rows).x,
      noise: true,
      ...(augmented && { augment }),
    };
    return preparer ? preparer(task) : prepare(task);
  };
  const ahead = 8;
  let done = 0;
  const started = performance.now();
  while (performance.now() - started < 1000 * seconds)
    for (const _ of await Promise.all(Array.from({ length: ahead }, (_, i) => one((done + i) * rows)))) done++;
  return Math.round((done * rows * 1000) / (performance.now() - started));
}

async function measure(seconds: number): Promise<void> {
  const threads = Array.from(new Set([1, Math.min(4, availableParallelism())]));
  for (const augmented of [false, true]) {
    const counts = [`here ${await speed(undefined, augmented, seconds / 20)}`];
    for (const count of threads) {
      const { prepare: preparer, close } = openBatchPreparer(count);
      counts.push(
        `in ${count} ${count === 1 ? "thread" : "threads"} ${await speed(preparer, augmented, seconds / 20)}`,
      );
      await close();
    }
    console.log(`images/s, assembled, with noise${augmented ? ", augmented" : ""}: ${counts.join(", ")}`);
  }
  const fields = [
    "model.conditional=false",
    "training.labelDropout=0",
    "data.flip=true",
    "data.augment.probability=0.12",
  ];
  const recipe = resolveRecipe(defineRecipe(fields.reduce<unknown>(setField, preset("edm")), "edm"), dataset);
  const spec = trainerOf(recipe, factsOf(dataset));
  const { prepare: preparer, close } = openBatchPreparer();
  const sides = [await createTrainer(spec, dataset), await createTrainer(spec, dataset, { preparer })];
  const times: number[][] = [[], []];
  for (const trainer of sides) for (let i = 0; i < 2; i++) await trainer.advance();
  for (const ends = performance.now() + 800 * seconds; performance.now() < ends; )
    for (const [i, trainer] of sides.entries()) {
      const before = performance.now();
      for (let k = 0; k < 2; k++) await trainer.advance();
      times[i].push((performance.now() - before) / 2);
    }
  const [here, there] = times;
  const saved = spread(there.map((time, i) => 100 * (1 - time / here[i])));
  console.log(
    `an update of edm, ${sides[0].parameters} parameters, ${rows} images: ${spread(here).median.toFixed(1)} ms, in threads ${spread(there).median.toFixed(1)} ms: ` +
      `${saved.median.toFixed(1)} % less (${saved.lower.toFixed(1)} to ${saved.upper.toFixed(1)})`,
  );
  for (const trainer of sides) await trainer.close();
  await close();
}

const [seconds = "60"] = process.argv.slice(2);
await measure(Number(seconds));
