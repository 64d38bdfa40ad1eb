/** Training into a run folder: checkpoints, statistics, samples, and going on where it stopped. */
import { join } from "node:path";
import type { Dataset } from "../data/index.ts";
import { draw, type Recipe, trainerOf } from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { createTrainer, type StepRecord, type Trainer } from "../training/index.ts";
import type { RunFolder } from "./run-folder.ts";
import { writeScatter, writeSheet } from "./sheet.ts";

export interface TrainRunOptions extends CompileOptions {
  /** Seconds between checkpoints. */
  readonly checkpointEvery?: number;
  /** Sample sheets in the course of training, spread evenly over it; 0 for none but the last. */
  readonly sheets?: number;
  /** Updates between lines of statistics. */
  readonly logEvery?: number;
  readonly signal?: AbortSignal;
}

/** What happens while a run trains. */
export type TrainEvent =
  | {
      readonly type: "ready";
      readonly parameters: number;
      readonly step: number;
      readonly images: number;
      readonly seconds: number;
    }
  | ({ readonly type: "step"; readonly imagesPerSecond: number; readonly secondsLeft: number } & StepRecord)
  | { readonly type: "checkpoint"; readonly path: string; readonly step: number }
  | { readonly type: "samples"; readonly path: string; readonly images: number }
  | { readonly type: "done"; readonly step: number; readonly images: number; readonly stopped: boolean };

/**
 * Trains a run to its end, or until the signal, and leaves a checkpoint. Continues from the latest checkpoint if there
 * is one. On an error the last good state is checkpointed before it is thrown.
 */
export async function* trainRun(
  folder: RunFolder,
  dataset: Dataset,
  options: TrainRunOptions = {},
): AsyncGenerator<TrainEvent> {
  const { checkpointEvery = 60, sheets = 4, logEvery = 10, signal, ...compileOptions } = options;
  const { recipe, data } = folder.describe();
  const started = performance.now();
  const trainer = await createTrainer(trainerOf(recipe, data), dataset, compileOptions);
  if (folder.checkpoints().length > 0) {
    const { checkpoint, path } = folder.load();
    trainer.restore(checkpoint, path);
    folder.rewind(trainer.step);
  }
  yield {
    type: "ready",
    parameters: trainer.parameters,
    step: trainer.step,
    images: trainer.images,
    seconds: since(started),
  };

  const { images: total } = recipe.training;
  let bestLoss = Math.min(Infinity, ...folder.stats().map(({ loss }) => loss));
  let window: StepRecord[] = [];
  let windowStarted = performance.now();
  let saved = { at: performance.now(), step: trainer.images === 0 ? -1 : trainer.step };
  let loss = Infinity;
  const speed = new Speed(total);
  const save = () => {
    const best = loss < bestLoss;
    bestLoss = Math.min(bestLoss, loss);
    saved = { at: performance.now(), step: trainer.step };
    return {
      type: "checkpoint",
      path: folder.save(trainer.checkpoint(), trainer.step, best),
      step: trainer.step,
    } as const;
  };

  try {
    while (trainer.images < total && !signal?.aborted) {
      const record = await trainer.advance();
      window.push(record);
      const { imagesPerSecond, secondsLeft } = speed.after(record.images);
      yield { type: "step", ...record, imagesPerSecond, secondsLeft };
      if (record.step % logEvery === 0) {
        const line = mean(window);
        loss = line.loss;
        const seconds = since(windowStarted);
        const rate = (window.length * recipe.training.batch) / seconds;
        folder.log({ ...line, imagesPerSecond: rate, memory: process.memoryUsage().rss });
        window = [];
        windowStarted = performance.now();
      }
      if (since(saved.at) >= checkpointEvery) yield save();
      const part = Math.floor(((sheets + 1) * record.images) / total);
      const before = Math.floor(((sheets + 1) * (record.images - recipe.training.batch)) / total);
      if (part > before && record.images < total && sheets > 0) {
        yield {
          type: "samples",
          path: await samplesOf(folder, recipe, trainer, compileOptions),
          images: record.images,
        };
        speed.pause();
      }
    }
  } finally {
    if (trainer.step !== saved.step) save();
    await trainer.close();
  }
  const stopped = trainer.images < total;
  yield { type: "checkpoint", path: folder.checkpointPath(trainer.step), step: trainer.step };
  if (!stopped)
    yield { type: "samples", path: await samplesOf(folder, recipe, trainer, compileOptions), images: trainer.images };
  yield { type: "done", step: trainer.step, images: trainer.images, stopped };
}

const since = (start: number) => (performance.now() - start) / 1000;

/** Images a second over the last few updates, pauses left out. */
class Speed {
  readonly #total: number;
  #times: { readonly at: number; readonly images: number }[] = [];

  constructor(total: number) {
    this.#total = total;
  }

  after(images: number) {
    this.#times.push({ at: performance.now(), images });
    if (this.#times.length > 50) this.#times.shift();
    const [first, last] = [this.#times[0], this.#times[this.#times.length - 1]];
    const imagesPerSecond = (1000 * (last.images - first.images)) / (last.at - first.at);
    return { imagesPerSecond, secondsLeft: (this.#total - images) / imagesPerSecond };
  }

  pause() {
    this.#times = [];
  }
}

function mean(records: readonly StepRecord[]): StepRecord {
  const last = records[records.length - 1];
  const of = (name: "loss" | "gradientNorm") => records.reduce((sum, record) => sum + record[name], 0) / records.length;
  return { ...last, loss: of("loss"), gradientNorm: of("gradientNorm") };
}

/** A sheet of samples from the averaged parameters, always of the same noise, so that sheets can be compared. */
async function samplesOf(
  folder: RunFolder,
  recipe: Recipe,
  trainer: Trainer,
  options: CompileOptions,
): Promise<string> {
  const { data } = folder.describe();
  const path = join(folder.path, "samples", `images-${String(trainer.images).padStart(9, "0")}.png`);
  const points = data.shape.length === 1;
  const count = points ? 2000 : 32;
  const drawing = draw(recipe, data, trainer.ema, {
    count,
    seed: recipe.training.seed,
    ...options,
    batch: points ? 2000 : 32,
  });
  let next = await drawing.next();
  while (!next.done) next = await drawing.next();
  if (points) await writeScatter(path, next.value);
  else await writeSheet(path, next.value, { shape: data.shape, columns: 8 });
  return path;
}
