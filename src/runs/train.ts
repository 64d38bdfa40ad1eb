/** Training into a run folder: checkpoints, statistics, samples, and going on where it stopped. */
import type { Dataset } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { checkFeatures, needsFeatures, trainerOf, trainerOptions } from "../recipe/index.ts";
import type { CompileOptions } from "../runtime/index.ts";
import { createTrainer, matchesPools, type StepRecord } from "../training/index.ts";
import { rewindAverages, saveAverages, storedAverages } from "./averages.ts";
import { openBatchPreparer } from "./batch-preparer.ts";
import { dataFingerprint } from "./data-hash.ts";
import { type LossFeaturesOptions, lossFeatures } from "./loss-features.ts";
import { openPoolMatcher } from "./pool-matcher.ts";
import type { RunDescription, RunFolder } from "./run-folder.ts";
import { drawTrainingSheet } from "./training-sheet.ts";

export interface TrainRunOptions extends CompileOptions {
  /** Seconds between checkpoints; 0 for one after every update. Default 60. */
  readonly checkpointEvery?: number;
  /** Sample sheets in the course of training, spread evenly over it, besides the last. Default 4. */
  readonly sheets?: number;
  /** The latest checkpoints that stay. Default 3. */
  readonly keep?: number;
  /** Updates between lines of statistics. */
  readonly logEvery?: number;
  /** Seconds after which training ends, however far it has come. No limit if left out. */
  readonly seconds?: number;
  readonly signal?: AbortSignal;
  /** Folder where the classifier of a loss that compares features is looked for, and kept for the next run. */
  readonly cache?: string;
}

/** What happens while a run trains. */
export type TrainEvent =
  /** An update of the classifier that the loss looks through, before training itself. */
  | { readonly type: "features"; readonly step: number; readonly steps: number; readonly loss: number }
  | {
      readonly type: "ready";
      readonly parameters: number;
      readonly step: number;
      readonly images: number;
      readonly seconds: number;
    }
  | (StepRecord & {
      readonly type: "step";
      /** How much is done, from 0 to 1. */
      readonly share: number;
      /** NaN as long as there is nothing to tell it from. */
      readonly imagesPerSecond: number;
      readonly secondsLeft: number;
    })
  | { readonly type: "checkpoint"; readonly path: string; readonly step: number }
  | { readonly type: "samples"; readonly path: string; readonly images: number }
  | { readonly type: "done"; readonly step: number; readonly images: number; readonly why: Ending };

/** All images seen, the time is up, or the signal was given. */
export type Ending = "complete" | "time" | "signal";

/** Options with every default filled in. */
type Settled = Required<Omit<TrainRunOptions, keyof CompileOptions | "signal" | "cache">> &
  Pick<TrainRunOptions, "signal">;

/**
 * Trains a run to its end, its time limit or the signal, and leaves a checkpoint. Continues from the latest checkpoint
 * if there is one. The signal ends an update or a solver's step later: a sheet that is being drawn is left out, and the last
 * one is drawn by going on. On an error the last good state is checkpointed before it is thrown.
 */
export async function* trainRun(
  folder: RunFolder,
  dataset: Dataset,
  options: TrainRunOptions = {},
): AsyncGenerator<TrainEvent> {
  const {
    checkpointEvery = 60,
    sheets = 4,
    keep = 3,
    logEvery = 10,
    seconds = Infinity,
    signal,
    cache,
    ...compileOptions
  } = options;
  const lock = folder.lock();
  try {
    if (!(yield* openFeatures(folder, dataset, { ...compileOptions, ...(cache !== undefined && { cache }) }, signal))) {
      yield { type: "done", step: 0, images: 0, why: "signal" };
      return;
    }
    yield* trainLocked(
      folder,
      dataset,
      { checkpointEvery, sheets, keep, logEvery, seconds, ...(signal && { signal }) },
      compileOptions,
    );
  } finally {
    lock.release();
  }
}

/** Sees to it that a run has the classifier that its loss looks through, if it does; false if the signal came before. */
async function* openFeatures(
  folder: RunFolder,
  dataset: Dataset,
  options: LossFeaturesOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, boolean> {
  const { recipe, data } = folder.describe();
  if (!needsFeatures(recipe) || folder.loadFeatures()) return true;
  checkFeatures(data);
  checkData(folder, data, dataset);
  const training = lossFeatures(dataset, options);
  try {
    while (!signal?.aborted) {
      const next = await training.next();
      if (next.done) {
        folder.saveFeatures(next.value);
        return true;
      }
      yield { type: "features", ...next.value };
    }
    return false;
  } finally {
    // What was stopped in between cleans up.
    await training.return(undefined as never);
  }
}

async function* trainLocked(
  folder: RunFolder,
  dataset: Dataset,
  { checkpointEvery, sheets, keep, logEvery, seconds, signal }: Settled,
  compileOptions: CompileOptions,
): AsyncGenerator<TrainEvent> {
  const { recipe, data, teacher } = folder.describe();
  checkData(folder, data, dataset);
  const started = performance.now();
  const features = folder.loadFeatures();
  const learning = await trainerOptions(
    recipe,
    data,
    teacher && { params: folder.loadTeacher(), recipe: teacher.recipe },
    { ...compileOptions, ...(features && { features: features.params }) },
  );
  const pools = matchesPools(recipe.training.coupling) ? openPoolMatcher() : undefined;
  const preparer = data.shape.length > 1 ? openBatchPreparer() : undefined;
  const closeThreads = async () => {
    await pools?.close();
    await preparer?.close();
  };
  const trainer = await createTrainer(trainerOf(recipe, data), dataset, {
    ...compileOptions,
    ...learning,
    ...(pools && { matcher: pools.match }),
    ...(preparer && { preparer: preparer.prepare }),
  }).catch(async (error: unknown) => {
    await closeThreads();
    throw error;
  });
  const close = async () => {
    await trainer.close();
    await closeThreads();
  };
  const { images: total, batch } = recipe.training;
  try {
    if (folder.checkpoints().length > 0) {
      const { checkpoint, path } = folder.load();
      trainer.restore(checkpoint, path);
      folder.rewind(trainer.step);
      rewindAverages(folder, trainer.images);
    }
  } catch (error) {
    await close();
    throw error;
  }

  let bestLoss = Math.min(Infinity, ...folder.stats().map(({ loss }) => loss));
  let loss = Infinity;
  let saved = { at: performance.now(), step: trainer.step === 0 ? -1 : trainer.step };
  const save = async () => {
    const best = loss < bestLoss;
    bestLoss = Math.min(bestLoss, loss);
    saved = { at: performance.now(), step: trainer.step };
    return {
      type: "checkpoint",
      path: folder.save(await trainer.checkpoint(), trainer.step, best, keep),
      step: trainer.step,
    } as const;
  };
  // A classifier has no samples to show.
  const shows = recipe.task === undefined;
  const { averages } = recipe.training;
  /** Stores the averages when their time has come, and at the end. */
  const store = (before: number, last: boolean) => {
    if (!averages) return;
    const turn = (images: number) => Math.floor((averages.snapshots * images) / total);
    if (!last && turn(trainer.images) === turn(before)) return;
    if (storedAverages(folder).at(-1) !== trainer.images) saveAverages(folder, trainer.averages, trainer);
  };
  const share = () => Math.min(1, Math.max(trainer.images / total, since(started) / seconds));
  const ending = (): Ending | undefined =>
    trainer.images >= total ? "complete" : signal?.aborted ? "signal" : since(started) >= seconds ? "time" : undefined;
  /** Whether there was time to draw it. */
  const drawSheet = async function* (): AsyncGenerator<TrainEvent, boolean> {
    const path = await drawTrainingSheet(folder, trainer, { ...compileOptions, ...(signal && { signal }) });
    if (path !== undefined) yield { type: "samples", path, images: trainer.images };
    return path !== undefined;
  };
  const speed = new Speed();
  let window: StepRecord[] = [];
  let windowSeconds = 0;

  try {
    yield {
      type: "ready",
      parameters: trainer.parameters,
      step: trainer.step,
      images: trainer.images,
      seconds: since(started),
    };
    while (!ending()) {
      const [before, shareBefore] = [performance.now(), share()];
      const record = await trainer.advance();
      store(record.images - batch, false);
      windowSeconds += since(before);
      window.push(record);
      const imagesPerSecond = speed.after(record.images);
      const secondsLeft = Math.min((total - record.images) / imagesPerSecond, Math.max(0, seconds - since(started)));
      yield { type: "step", ...record, share: share(), imagesPerSecond, secondsLeft };
      if (record.step % logEvery === 0) {
        const line = mean(window);
        loss = line.loss;
        const rate = (window.length * batch) / windowSeconds;
        folder.log({ ...line, imagesPerSecond: rate, memory: process.memoryUsage().rss });
        [window, windowSeconds] = [[], 0];
      }
      if (since(saved.at) >= checkpointEvery) yield await save();
      const sheet = (at: number) => Math.floor((sheets + 1) * at);
      if (shows && sheet(share()) > sheet(shareBefore) && !ending()) {
        yield* drawSheet();
        speed.pause();
      }
    }
    if (trainer.step > 0) store(trainer.images, true);
    if (trainer.step !== saved.step) yield await save();
    const why = ending() ?? "signal";
    const { step, images } = trainer;
    const isDone = !shows || (why !== "signal" && (yield* drawSheet()));
    yield { type: "done", step, images, why: isDone ? why : "signal" };
  } finally {
    try {
      if (trainer.step !== saved.step) await save();
    } finally {
      await close();
    }
  }
}

const since = (start: number) => (performance.now() - start) / 1000;

/** A run goes on with the data it began with. */
function checkData(folder: RunFolder, { name, examples, hash }: RunDescription["data"], dataset: Dataset): void {
  const { path } = folder;
  if (examples !== undefined && examples !== dataset.size)
    throw new ConfigError(
      `${path}: ${dataset.name} has ${dataset.size} examples (the run began with ${examples} of ${name}). Bring the data back, or start a new run.`,
    );
  if (hash !== undefined && folder.checkpoints().length > 0 && dataFingerprint(dataset) !== hash)
    throw new ConfigError(
      `${path}: ${dataset.name} has as many examples as the data that the run began with, but they are others, or in another order. Bring the data back, or start a new run.`,
    );
}

/** Images a second over the last few updates, pauses left out. */
class Speed {
  #times: { readonly at: number; readonly images: number }[] = [];
  #imagesPerSecond = Number.NaN;

  after(images: number): number {
    this.#times.push({ at: performance.now(), images });
    if (this.#times.length > 50) this.#times.shift();
    const [first, last] = [this.#times[0], this.#times[this.#times.length - 1]];
    if (last.at > first.at) this.#imagesPerSecond = (1000 * (last.images - first.images)) / (last.at - first.at);
    return this.#imagesPerSecond;
  }

  /** Forgets the times, but not the speed: the next update follows something else. */
  pause() {
    this.#times = [];
  }
}

function mean(records: readonly StepRecord[]): StepRecord {
  const last = records[records.length - 1];
  const of = (value: (record: StepRecord) => number) =>
    records.reduce((sum, record) => sum + value(record), 0) / records.length;
  return {
    ...last,
    loss: of(({ loss }) => loss),
    gradientNorm: of(({ gradientNorm }) => gradientNorm),
    ...(last.effectiveSampleSize !== undefined && {
      effectiveSampleSize: of(({ effectiveSampleSize = 1 }) => effectiveSampleSize),
    }),
  };
}
