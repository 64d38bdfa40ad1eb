/** Training: a state that moves on one update at a time, with nothing random that does not follow from the seed. */
import { batches, type Dataset, prepare } from "../data/index.ts";
import { ConfigError } from "../errors/index.ts";
import { sizeOf } from "../graph/index.ts";
import { initialize, layout, parameterCount } from "../nn/index.ts";
import type { CompileOptions, Feeds } from "../runtime/index.ts";
import { drawsOf, feedsOf } from "./batch-feeds.ts";
import { openCoupling, type PoolMatcher } from "./coupling.ts";
import { emaDecay } from "./ema.ts";
import { flatFromCheckpoint } from "./flat-state.ts";
import { firstLossScale, leastLossScale, lossScaleOf, nextLossScale } from "./gradient.ts";
import { learningRate } from "./learning-rate.ts";
import type { Distance } from "./loss-graph.ts";
import { adamFeeds } from "./optimizer.ts";
import { type PowerAverages, powerAverages } from "./power-averages.ts";
import { PreparedBatches, type Preparer } from "./preparation.ts";
import type { NamedArray, Safetensors } from "./safetensors.ts";
import { checkData, checkTarget, comparesFeatures, isCurved, isMoved, type TrainerSpec } from "./spec.ts";
import { compileStableTarget } from "./stable-target.ts";
import type { MovedTarget } from "./target.ts";
import { stateNames } from "./update-graphs.ts";
import { compileUpdate, type Rates } from "./updater.ts";

/** What one update came to. */
export interface StepRecord {
  /** Updates made, this one included. */
  readonly step: number;
  /** Examples seen, this update's included. */
  readonly images: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly lr: number;
  /** Samples that a stable target is worth, the mean over the batch; 1 is a target like any other. */
  readonly effectiveSampleSize?: number;
  /** log₂ of the loss scale that the update took, rounded down; in float16 alone. */
  readonly lossScale?: number;
}

/** A loss or gradient that is not a finite number. The trainer's state is the last good one. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
}

export interface Trainer {
  readonly spec: TrainerSpec;
  /** Updates made and examples seen so far. */
  readonly step: number;
  readonly images: number;
  /** Number of parameters. */
  readonly parameters: number;
  /**
   * One update. Throws {@link NonFiniteError} and keeps the state before it if the loss or the gradient is not finite. In
   * float16 a gradient that overflows is no trouble: the update is taken back, and made again with half the loss scale.
   */
  advance(): Promise<StepRecord>;
  /**
   * The parameters, or their average, with which samples are drawn; flat. Treat them as read-only, and use them before the
   * next update.
   */
  read(which: "params" | "ema"): Promise<Float32Array>;
  /** The averages that {@link TrainerSpec.averages} asks for, as they are stored. */
  readonly averages: PowerAverages["tensors"];
  /** Everything that a bit-for-bit continuation needs. The arrays are views of the present state: write them out before the next update. */
  checkpoint(): Promise<Safetensors>;
  restore(checkpoint: Safetensors, where: string): void;
  close(): Promise<void>;
}

export interface TrainerOptions extends CompileOptions {
  /** Matches the noises of the `aot` coupling's pools beside training. The result is the same to the last bit. */
  readonly matcher?: PoolMatcher;
  /** Augments the next update's examples and draws their noise beside the present one. The result is the same to the last bit. */
  readonly preparer?: Preparer;
  /** The parameters that training starts from, in place of random ones. */
  readonly start?: Float32Array;
  /** A teacher's targets or those of consistency, where the spec asks for such; the trainer closes it. */
  readonly target?: MovedTarget;
  /** The distance of features, where the spec's target asks for it. */
  readonly distance?: Distance;
}

/** Prepares training from scratch; {@link Trainer.restore} goes on from a checkpoint. */
export async function createTrainer(
  spec: TrainerSpec,
  dataset: Dataset,
  { matcher, preparer, start, target: teacher, distance, ...options }: TrainerOptions = {},
): Promise<Trainer> {
  checkData(spec.model, dataset);
  checkTarget(spec, teacher);
  if (comparesFeatures(spec.target) !== (distance !== undefined))
    throw new ConfigError(
      `training.target.metric: ${distance ? "a distance is given, and the recipe asks for none. Take features" : "features needs the network that has them. trainRun trains and keeps one"}.`,
    );
  const perturbed = spec.objective.noise.perturbation > 0;
  const updater = await compileUpdate(
    {
      ...spec,
      perturbed,
      shifted: isMoved(spec.target),
      curved: isCurved(spec.target),
      ...(distance && { distance }),
    },
    options,
  );
  const initial = start ?? initialize(updater.parameters, spec.seed);
  updater.load({ params: initial, ema: initial });
  const { seed, flip, augment, coupling: coupled = { type: "independent" } } = spec;
  const coupling = await openCoupling(
    coupled,
    {
      seed,
      assemble: batches(dataset, { seed, flip, ...(augment && { augment }) }),
      shape: dataset.shape,
      ...(matcher && { matcher }),
    },
    options,
  );
  const examples = batches(dataset, { seed, flip });
  const prepared = new PreparedBatches(async (position) => {
    const batch = examples(position, spec.microBatch);
    const task = {
      seed,
      position,
      shape: dataset.shape,
      x: batch.x,
      ...(augment && { augment }),
      noise: coupled.type === "independent",
    };
    const { noise, ...rest } = preparer ? await preparer(task) : prepare(task);
    return { batch: { ...batch, ...rest }, noise: noise ?? (await coupling.noise(position, spec.microBatch)) };
  });
  const moved =
    spec.target?.type === "stf"
      ? await compileStableTarget(spec.target, { dataset, flip, seed, rows: spec.microBatch }, options)
      : teacher;
  moved?.memory?.begin(initial);
  const { sampler } = spec.objective;
  const lawState = sampler.init();
  const rate = learningRate(spec.learningRate);
  const decay = emaDecay(spec.ema);
  const averages = powerAverages(spec.averages ?? [], initial.length);
  let step = 0;
  let images = 0;
  /** log₂, and a fraction that grows from update to update. */
  let lossScale = spec.precision === "float16" ? firstLossScale : undefined;

  const update = async (micro: readonly Feeds[], rates: Rates) => {
    if (lossScale === undefined) return updater.update(micro, rates);
    for (let tried = lossScale; ; tried = nextLossScale(tried, true)) {
      const outcome = await updater.update(micro, rates, lossScaleOf(tried));
      const overflow = outcome.losses.every(Number.isFinite) && !Number.isFinite(outcome.gradientNorm);
      if (!overflow) lossScale = tried;
      if (!overflow || tried < leastLossScale) return outcome;
    }
  };

  return {
    spec,
    parameters: parameterCount(updater.parameters),
    get step() {
      return step;
    },
    get images() {
      return images;
    },
    read: async (which) => (await updater.read(which))[which],
    averages: averages.tensors,
    async advance() {
      const { batch, microBatch } = spec;
      const now = { step, images, batch };
      const law = sampler.law(lawState);
      const draws = drawsOf(spec, law, now, moved);
      const micro: Feeds[] = [];
      let effective: number | undefined;
      for (let at = 0; at < batch; at += microBatch) {
        const rows = draws.slice(at, at + microBatch);
        const { feeds, ...target } = feedsOf(spec, updater, await prepared.take(images + at), images + at, rows);
        if (!moved) micro.push(feeds);
        else {
          const { shift, effectiveSampleSize } = await moved.shift(target, { step });
          micro.push({ ...feeds, shift });
          if (effectiveSampleSize)
            effective = (effective ?? 0) + effectiveSampleSize.reduce((sum, size) => sum + size, 0) / batch;
        }
      }
      if (preparer)
        prepared.begin(Array.from({ length: batch / microBatch }, (_, i) => images + batch + i * microBatch));
      const lr = rate(now);
      const rates = { ...adamFeeds(spec.optimizer, step + 1, lr), emaDecay: [decay(now)] };
      const { losses, gradientNorm, trouble } = await update(micro, rates);
      const loss = losses.reduce((a, b) => a + b, 0) / batch;
      if (trouble !== undefined)
        throw new NonFiniteError(
          `step ${step + 1}: the loss is ${loss} and the gradient's norm ${gradientNorm}: ${trouble}. ` +
            `The last good state is kept. A lower training.learningRate.peak or a smaller training.clip usually helps${spec.precision === "float16" ? ", and so does training.precision float32" : ""}.`,
        );
      sampler.observe(
        lawState,
        draws.map(({ value }) => value),
        draws.map(({ feedback }, i) => losses[i] * feedback),
      );
      if (spec.averages?.length || moved?.memory) {
        const { params } = await updater.read("params");
        averages.update(params, now);
        moved?.memory?.update(params, step);
      }
      const scaled = lossScale === undefined ? {} : { lossScale: Math.floor(lossScale) };
      if (lossScale !== undefined) lossScale = nextLossScale(lossScale, false);
      step++;
      images += batch;
      return {
        step,
        images,
        loss,
        gradientNorm,
        lr,
        ...scaled,
        ...(effective !== undefined && { effectiveSampleSize: effective }),
      };
    },
    async checkpoint() {
      const state = await updater.read(...stateNames);
      const tensors: Record<string, NamedArray> = { "timesteps/state": { shape: [lawState.length], data: lawState } };
      for (const name of stateNames)
        for (const { path, offset, shape } of layout(updater.parameters))
          tensors[`${name}/${path}`] = { shape, data: state[name].subarray(offset, offset + sizeOf(shape)) };
      Object.assign(tensors, averages.tensors, moved?.memory?.tensors);
      const counts = { step: String(step), images: String(images) };
      const scaling = lossScale === undefined ? {} : { lossScale: String(lossScale) };
      return { tensors, metadata: { format: "ornstein checkpoint 1", ...counts, ...scaling } };
    },
    restore({ tensors, metadata }, where) {
      if (metadata.format !== "ornstein checkpoint 1")
        throw new ConfigError(
          `${where}: is no checkpoint of a training run: format ${JSON.stringify(metadata.format)}.`,
        );
      const state = Object.fromEntries(
        stateNames.map((name) => [name, flatFromCheckpoint(updater.parameters, tensors, name, where)]),
      );
      const law = tensors["timesteps/state"];
      if (law?.data.length !== lawState.length)
        throw new ConfigError(
          `${where}: "timesteps/state" has ${law?.data.length} entries (${lawState.length} expected).`,
        );
      const counts = [metadata.step, metadata.images].map(Number);
      if (!counts.every((n) => Number.isSafeInteger(n) && n >= 0))
        throw new ConfigError(
          `${where}: step and images must be whole numbers; got ${metadata.step}, ${metadata.images}.`,
        );
      const scale = Number(metadata.lossScale ?? Number.NaN);
      if (lossScale !== undefined && !Number.isFinite(scale))
        throw new ConfigError(`${where}: has no loss scale. Training in float16 goes on from checkpoints of its own.`);
      if (!averages.restore(tensors)) throw new ConfigError(`${where}: has not the averages of training.averages.`);
      if (moved?.memory?.restore(tensors) === false)
        throw new ConfigError(`${where}: has not the target network of training.target.`);
      updater.load(state);
      lawState.set(law.data);
      [step, images] = counts;
      if (lossScale !== undefined) lossScale = scale;
    },
    async close() {
      await prepared.settle();
      await coupling.close();
      await updater.close();
      await moved?.close();
    },
  };
}
