/** Training: a state that moves on one update at a time, with nothing random that does not follow from the seed. */
import { type AugmentSpec, batches, type Dataset, prepare } from "../data/index.ts";
import { arrangeUniforms, type Coefficients, type Draw, type Objective, type TimestepLaw } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { sizeOf } from "../graph/index.ts";
import { initialize, layout, type Parameter, parameterCount } from "../nn/index.ts";
import { stream } from "../random/index.ts";
import type { CompileOptions, Feeds } from "../runtime/index.ts";
import type { ConsistencyTargetSpec } from "./consistency-target.ts";
import { type CouplingSpec, openCoupling, type PoolMatcher } from "./coupling.ts";
import { type EmaSpec, emaDecay } from "./ema.ts";
import { type LearningRateSpec, learningRate } from "./learning-rate.ts";
import { type ModelSpec, oneHot } from "./model.ts";
import { adamFeeds, type OptimizerSpec } from "./optimizer.ts";
import { type PowerAverages, powerAverages } from "./power-averages.ts";
import { type PreparedBatch, PreparedBatches, type Preparer } from "./preparation.ts";
import type { NamedArray, Safetensors } from "./safetensors.ts";
import { noiseOf } from "./sample-noise.ts";
import { compileStableTarget, type StableTargetSpec } from "./stable-target.ts";
import { compileUpdate, type StateName, stateNames, type Updater } from "./step.ts";
import type { MovedTarget, TargetRows } from "./target.ts";
import type { TeacherTargetSpec } from "./teacher-target.ts";
import { varianceFeeds } from "./variance-loss.ts";

export interface TrainerSpec {
  readonly model: ModelSpec;
  readonly objective: Objective;
  readonly optimizer: OptimizerSpec;
  readonly learningRate: LearningRateSpec;
  readonly ema: EmaSpec;
  /** Relative lengths of power-function averages that are kept besides. */
  readonly averages?: readonly number[];
  readonly batch: number;
  readonly microBatch: number;
  readonly clip?: number;
  /** The share of labels that are left out in training, which classifier-free guidance needs. */
  readonly labelDropout: number;
  /** The range from which each sample's weight of guidance is drawn, for a network that is told it. */
  readonly guidance?: readonly [low: number, high: number];
  /** Which noise meets which example; each its own by default. */
  readonly coupling?: CouplingSpec;
  /** Mirrors half of the images. */
  readonly flip: boolean;
  /** What else is done to images; the network is told if the model has room for it. */
  readonly augment?: AugmentSpec;
  /** What the network is asked for; its own sample by default. */
  readonly target?: TargetSpec;
  readonly seed: number;
}

/** What the network is asked for: what its own sample says, what many samples say, what a teacher says, or what it says itself at less noise. */
export type TargetSpec = { readonly type: "dsm" } | StableTargetSpec | TeacherTargetSpec | ConsistencyTargetSpec;

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
  /** One update. Throws {@link NonFiniteError} and keeps the state before it if the loss or the gradient is not finite. */
  advance(): Promise<StepRecord>;
  /** The averaged parameters, flat; what samples are drawn with. */
  readonly ema: Float32Array;
  readonly params: Float32Array;
  /** The averages that {@link TrainerSpec.averages} asks for, as they are stored. */
  readonly averages: PowerAverages["tensors"];
  /** Everything that a bit-for-bit continuation needs. The arrays are views of the present state: write them out before the next update. */
  checkpoint(): Safetensors;
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
}

/** Prepares training from scratch; {@link Trainer.restore} goes on from a checkpoint. */
export async function createTrainer(
  spec: TrainerSpec,
  dataset: Dataset,
  { matcher, preparer, start, target: teacher, ...options }: TrainerOptions = {},
): Promise<Trainer> {
  checkData(spec.model, dataset);
  checkTarget(spec, teacher);
  const perturbed = spec.objective.noise.perturbation > 0;
  const updater = await compileUpdate(
    { ...spec, perturbed, shifted: isMoved(spec.target), curved: isCurved(spec.target) },
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

  return {
    spec,
    parameters: parameterCount(updater.parameters),
    get step() {
      return step;
    },
    get images() {
      return images;
    },
    get ema() {
      return updater.state.ema;
    },
    get params() {
      return updater.state.params;
    },
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
          const { shift, effectiveSampleSize } = await moved.shift(target, { step, ema: updater.state.ema });
          micro.push({ ...feeds, shift });
          if (effectiveSampleSize)
            effective = (effective ?? 0) + effectiveSampleSize.reduce((sum, size) => sum + size, 0) / batch;
        }
      }
      if (preparer)
        prepared.begin(Array.from({ length: batch / microBatch }, (_, i) => images + batch + i * microBatch));
      const lr = rate(now);
      const rates = { ...adamFeeds(spec.optimizer, step + 1, lr), emaDecay: [decay(now)] };
      const { losses, gradientNorm } = await updater.update(micro, rates);
      const loss = losses.reduce((a, b) => a + b, 0) / batch;
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        const where = blame(updater, losses);
        updater.undo();
        throw new NonFiniteError(
          `step ${step + 1}: the loss is ${loss} and the gradient's norm ${gradientNorm}: ${where}. ` +
            "The last good state is kept. A lower training.learningRate.peak or a smaller training.clip usually helps.",
        );
      }
      sampler.observe(
        lawState,
        draws.map(({ value }) => value),
        draws.map(({ feedback }, i) => losses[i] * feedback),
      );
      averages.update(updater.state.params, now);
      moved?.memory?.update(updater.state.params, step);
      step++;
      images += batch;
      return {
        step,
        images,
        loss,
        gradientNorm,
        lr,
        ...(effective !== undefined && { effectiveSampleSize: effective }),
      };
    },
    checkpoint() {
      const tensors: Record<string, NamedArray> = { "timesteps/state": { shape: [lawState.length], data: lawState } };
      for (const name of stateNames)
        for (const { path, offset, shape } of layout(updater.parameters))
          tensors[`${name}/${path}`] = { shape, data: updater.state[name].subarray(offset, offset + sizeOf(shape)) };
      Object.assign(tensors, averages.tensors, moved?.memory?.tensors);
      return { tensors, metadata: { format: "ornstein checkpoint 1", step: String(step), images: String(images) } };
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
      if (!averages.restore(tensors)) throw new ConfigError(`${where}: has not the averages of training.averages.`);
      if (moved?.memory?.restore(tensors) === false)
        throw new ConfigError(`${where}: has not the target network of training.target.`);
      updater.load(state);
      lawState.set(law.data);
      [step, images] = counts;
    },
    async close() {
      await prepared.settle();
      await coupling.close();
      await updater.close();
      await moved?.close();
    },
  };
}

/** c of the pseudo-Huber loss, which only consistency has. */
const curveOf = (target: TargetSpec | undefined): number | undefined =>
  target && "metric" in target && target.metric?.type === "pseudo-huber" ? (target.metric.c ?? 0.00054) : undefined;
const isCurved = (target: TargetSpec | undefined): boolean => curveOf(target) !== undefined;

const isMoved = (target: TargetSpec | undefined): boolean => target !== undefined && target.type !== "dsm";

/** Refuses what stable targets would get wrong, and a student without a teacher. */
function checkTarget({ target, augment, objective }: TrainerSpec, teacher: MovedTarget | undefined): void {
  if (target?.type !== "stf") {
    if (isMoved(target) !== (teacher !== undefined))
      throw new ConfigError(
        teacher
          ? "training.target: targets are given, and the recipe asks for none. Take progressive or consistency."
          : `training.target: ${target?.type} needs ${target?.type === "consistency" ? "its targets: consistencyTargets makes them" : "a teacher. ornstein distill makes such runs"}.`,
      );
    return;
  }
  if (augment)
    throw new ConfigError(
      "training.target: stf compares images as they are, and augmentation makes each another kind of image: targets would mix what the network is told to keep apart. Leave data.augment out (data.flip works), or take dsm.",
    );
  if (objective.noise.offset > 0)
    throw new ConfigError(
      "training.target: stf weighs samples by noise that is independent from pixel to pixel, which objective.noise.offset is not. Leave one of them out.",
    );
}

function checkData({ shape, classes: told, classifies }: ModelSpec, dataset: Dataset): void {
  const classes = classifies === undefined ? told : classifies * Math.max(told, 1);
  if (dataset.shape.join() !== shape.join())
    throw new ConfigError(`data: examples of ${dataset.name} are [${dataset.shape}] (the model takes [${shape}]).`);
  const labels = dataset.classes?.length ?? 0;
  if (classes > 0 && labels !== classes)
    throw new ConfigError(`data: ${dataset.name} has ${labels} classes (the model was made for ${classes}).`);
}

/** The noise levels of one update. Uniform numbers of samples come from their own streams, those of a batch from its step's. */
function drawsOf(
  { objective, seed, batch }: TrainerSpec,
  law: TimestepLaw,
  { step, images }: { readonly step: number; readonly images: number },
  moved: MovedTarget | undefined,
): Draw[] {
  const shared = objective.uniforms.type === "low-discrepancy";
  const given = shared
    ? [stream(seed, "timestep of batch", step).uniform()]
    : Array.from({ length: batch }, (_, i) => stream(seed, "timestep", images + i).uniform());
  return Array.from(arrangeUniforms(objective.uniforms, given, { size: batch }), (u) =>
    objective.draw(law, moved?.place ? moved.place(u, step) : u),
  );
}

/** The inputs of one micro-batch, whose first sample is at `position` of the run. */
function feedsOf(
  { model, objective, labelDropout, guidance: range, seed, target }: TrainerSpec,
  { uniforms }: Updater,
  { batch, noise }: PreparedBatch,
  position: number,
  draws: readonly Draw[],
): TargetRows & { readonly feeds: Feeds } {
  const size = draws.length;
  const { x, labels, augment } = batch;
  const noises = noiseOf(objective.noise, { seed, position, shape: [size, ...model.shape] }, noise);
  const all = draws.map((draw) => objective.coefficients(draw));
  const c = curveOf(target);
  const column = (value: (c: Coefficients) => number) => Float32Array.from(all, value);
  const kept = Array.from(labels ?? [], (label, i) =>
    labelDropout > 0 && stream(seed, "label dropout", position + i).uniform() < labelDropout ? undefined : label,
  );
  const guidance = range && guidanceWeights(range, seed, position, size);
  const answers = model.classifies ?? 1;
  const told = model.classes > 0 ? kept.map((label) => label && Math.floor(label / answers)) : [];
  const feeds: Feeds = {
    x,
    ...noises,
    ...(model.classifies !== undefined
      ? {
          answers: oneHot(
            Array.from(labels ?? [], (label) => label % answers),
            answers,
            size,
          ),
        }
      : {
          targetX: column((c) => c.targetX),
          targetNoise: column((c) => c.targetNoise),
          ...(c === undefined ? { weight: column(({ weight }) => weight) } : curveFeeds(all, c)),
        }),
    ...Object.fromEntries(uniforms.map(({ name, shape }) => [name, dropoutUniforms(seed, name, position, shape)])),
    ...(model.classes > 0 && { labels: oneHot(told, model.classes, size) }),
    ...(model.augment && augment && { augment }),
    ...(guidance && { guidance }),
    inX: column((c) => c.inX),
    inNoise: column((c) => c.inNoise),
    cNoise: column((c) => c.cNoise),
    ...(model.variance && varianceFeeds(all.flatMap(({ variance }) => variance ?? []))),
  };
  return {
    feeds,
    batch,
    noise: noises.noise,
    sigma: draws.map(({ sigma }) => sigma),
    steps: draws.map(({ step }) => step),
    scale: all.map(({ targetShift }) => targetShift),
    labels: told,
    ...(guidance && { guidance }),
  };
}

/** Each sample's weight of guidance, even in its range. */
const guidanceWeights = ([low, high]: readonly [number, number], seed: number, position: number, size: number) =>
  Float32Array.from({ length: size }, (_, i) => low + (high - low) * stream(seed, "guidance", position + i).uniform());

/** √(‖error of x‖² + c²) − c, the error and c in root mean squares, from the mean square of the network's error. */
function curveFeeds(all: readonly Coefficients[], c: number): Feeds {
  return {
    weight: Float32Array.from(all, ({ weight, targetShift }) => weight * targetShift ** 2 * c),
    curve: Float32Array.from(all, ({ targetShift }) => (targetShift * c) ** -2),
  };
}

/** Dropout's numbers, from each sample's own stream. */
function dropoutUniforms(seed: number, name: string, position: number, shape: readonly number[]): Float32Array {
  const out = new Float32Array(sizeOf(shape));
  const stride = out.length / shape[0];
  for (let i = 0; i < shape[0]; i++)
    stream(seed, name, position + i).fillUniform(out.subarray(i * stride, (i + 1) * stride));
  return out;
}

/** The first thing that went wrong: a sample's loss, or a parameter's gradient (seen in Adam's mean of gradients). */
function blame({ state, parameters }: Updater, losses: Float32Array): string {
  const sample = losses.findIndex((loss) => !Number.isFinite(loss));
  if (sample >= 0) return `the loss of sample ${sample} of the batch is ${losses[sample]}`;
  const broken = layout(parameters).find(({ offset, shape }) =>
    state.mean.subarray(offset, offset + sizeOf(shape)).some((value) => !Number.isFinite(value)),
  );
  return broken
    ? `the gradient of ${broken.path} [${broken.shape}] is not finite`
    : "the gradient overflowed when squared";
}

/** One flat array of the state from a checkpoint's tensors, each checked against its parameter. */
export function flatFromCheckpoint(
  parameters: readonly Parameter[],
  tensors: Safetensors["tensors"],
  name: StateName,
  where: string,
): Float32Array {
  const flat = new Float32Array(parameterCount(parameters));
  for (const { path, offset, shape } of layout(parameters)) {
    const found = tensors[`${name}/${path}`];
    if (!found) throw new ConfigError(`${where}: has no "${name}/${path}" [${shape}]. Is it of another model?`);
    if (found.shape.join() !== shape.join())
      throw new ConfigError(`${where}: "${name}/${path}" is [${found.shape}] (the model has [${shape}]).`);
    flat.set(found.data, offset);
  }
  return flat;
}
