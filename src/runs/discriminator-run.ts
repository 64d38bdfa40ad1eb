/** Training a discriminator into a run folder: tested as it goes on examples set aside, and the best state kept. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { type Dataset, subset } from "../data/index.ts";
import { discriminatorLoss, modelOf, trainedDiscriminator, trainerOf } from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { createTrainer, flatFromCheckpoint, networkOf } from "../training/index.ts";
import type { RunFolder } from "./run-folder.ts";

export interface DiscriminatorRunOptions extends CompileOptions {
  /** How often it is tested, over the whole training; 8 by default. */
  readonly tests?: number;
  readonly signal?: AbortSignal;
}

/** One update, or a test. */
export interface DiscriminatorProgress {
  readonly images: number;
  readonly total: number;
  /** Cross-entropy in nats: of the update or, in a test, of examples set aside. */
  readonly loss: number;
  readonly tested: boolean;
  /** Whether it is the best test so far; its checkpoint is then `checkpoint-best`. */
  readonly best?: boolean;
}

/**
 * Trains on nine tenths of the pairs and tests on the last tenth. Goes on from the latest checkpoint, bit for bit, if there is
 * one. Longer is not better: a discriminator that begins to know its examples by heart guides worse.
 */
export async function* trainDiscriminator(
  folder: RunFolder,
  dataset: Dataset,
  { tests = 8, signal, ...options }: DiscriminatorRunOptions = {},
): AsyncGenerator<DiscriminatorProgress, void, void> {
  const { recipe, data } = folder.describe();
  const pairs = dataset.size >> 1;
  const held = Math.max(2 * Math.floor(pairs / 10), 2);
  const range = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, i) => from + i);
  const learnt = subset(dataset, range(0, dataset.size - held));
  const test = subset(dataset, range(dataset.size - held, dataset.size));
  const { images: total, seed } = recipe.training;
  const log = join(folder.path, "validation.jsonl");
  const trainer = await createTrainer(trainerOf(recipe, data), learnt, options);
  let best = Number.POSITIVE_INFINITY;
  const judge = async () => {
    const trained = trainedDiscriminator(recipe, data, await trainer.read("ema"), options);
    const count = Math.min(test.size, 1024);
    const loss = await discriminatorLoss(trained, test, { count, seed, batch: Math.min(64, count) });
    await trained.close();
    const isBest = loss < best;
    best = Math.min(best, loss);
    const { tensors, metadata } = await trainer.checkpoint();
    folder.save({ tensors, metadata: { ...metadata, best: String(best) } }, trainer.step, isBest);
    appendFileSync(log, `${JSON.stringify({ step: trainer.step, images: trainer.images, loss })}\n`);
    return { images: trainer.images, total, loss, tested: true, best: isBest };
  };
  try {
    if (folder.checkpoints().length > 0) {
      const { checkpoint, path } = folder.load();
      trainer.restore(checkpoint, path);
      best = Number(checkpoint.metadata["best"] ?? best);
    }
    while (trainer.images < total && !signal?.aborted) {
      const before = Math.floor((tests * trainer.images) / total);
      const { loss, images } = await trainer.advance();
      yield { images, total, loss, tested: false };
      if (Math.floor((tests * images) / total) > before || images >= total) yield await judge();
    }
  } finally {
    await trainer.close();
  }
}

/** The discriminator of a run, by its best test. */
export function openDiscriminator(folder: RunFolder, options: CompileOptions = {}) {
  const { recipe, data } = folder.describe();
  const { checkpoint, path } = folder.load("best");
  const { parameters } = networkOf(modelOf(recipe, data));
  return trainedDiscriminator(recipe, data, flatFromCheckpoint(parameters, checkpoint.tensors, "ema", path), options);
}
