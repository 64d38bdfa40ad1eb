/**
 * One update as graphs. Every objective is a weighted squared error of the network's output F against a target that is
 * a combination of image and noise; the per-sample coefficients come from the recipe, computed in float64:
 *   L = mean over samples of  weight · mean over elements of (F(c_in (x + σ̃ ε); c_noise) − (targetX x + targetNoise ε))².
 * A classifier's loss is the cross-entropy of its logits instead. Stable targets add "shift" to the target; the pseudo-Huber loss is a root of the squared error; a distance of features takes its place altogether. A learned variance adds its own term; under input perturbation the network sees other noise than it is asked for.
 */
import { ConfigError } from "../errors/index.ts";
import {
  type Expr,
  inFloat16,
  input,
  type Precision,
  recompute,
  sameShape,
  showShape,
  sizeOf,
} from "../graph/index.ts";
import { flatGradient, flatten, layout, type NoiseInput, type Parameter, parameterCount } from "../nn/index.ts";
import {
  type Carried,
  type CompileOptions,
  compileInPlace,
  compileStateful,
  createState,
  type Feeds,
  type State,
} from "../runtime/index.ts";
import { logProbability } from "./classifier.ts";
import { clipScale, globalNorm } from "./gradient.ts";
import { buildModel, type ModelSpec, modelInputs } from "./model.ts";
import { type AdamState, adam, adamRates, type OptimizerSpec } from "./optimizer.ts";
import { varianceInputs, varianceLoss } from "./variance-loss.ts";

/**
 * What is kept from the forward to the backward pass: all that gradients want, or little, and the rest is computed a second
 * time. The gradient is the same up to rounding.
 */
export const memorySpecs = ["normal", "low"] as const;
export type MemorySpec = (typeof memorySpecs)[number];

export interface UpdateSpec {
  readonly model: ModelSpec;
  /** Samples in one update. */
  readonly batch: number;
  /** Samples in one pass through the network; divides `batch`. The gradient is that of the whole batch. */
  readonly microBatch: number;
  readonly memory?: MemorySpec;
  /**
   * What the network and its gradients are computed in; float32 if left out. The state is float32 in either case, and so are
   * the loss, all sums and the update: in float16 the loss is multiplied by a loss scale, and the gradient divided by it.
   */
  readonly precision?: Precision;
  readonly optimizer: OptimizerSpec;
  /** The gradient's norm is cut to this; undefined leaves it alone. */
  readonly clip?: number;
  /** The network sees noise of its own, "inputNoise", in place of the noise of its target. */
  readonly perturbed?: boolean;
  /** The target is moved by "shift", as large as a sample. */
  readonly shifted?: boolean;
  /** The loss is that of {@link pseudoHuber}, with "curve" for each sample. */
  readonly curved?: boolean;
  /** The loss is this distance of D from the moved target, both in the data's own range, with "answerScale" c_out for each sample. */
  readonly distance?: Distance;
}

/** How far apart two batches of examples are, one number for each, as a graph. */
export type Distance = (x: Expr, y: Expr) => Expr;

/** The arrays that training changes, each as long as the parameters. */
export const stateNames = ["params", "mean", "square", "ema"] as const;
export type StateName = (typeof stateNames)[number];

/** Numbers for one update: Adam's rates, and the share of the average that is kept. */
export interface Rates {
  readonly lr: readonly number[];
  readonly meanScale: readonly number[];
  readonly squareScale: readonly number[];
  readonly emaDecay: readonly number[];
}

export interface Outcome {
  /** The loss of each sample, before the mean over the batch. */
  readonly losses: Float32Array;
  /** Of the whole gradient, before clipping. */
  readonly gradientNorm: number;
  /** What is not a finite number, if something is not; then nothing has changed. */
  readonly trouble?: string;
}

export interface Updater {
  readonly parameters: readonly Parameter[];
  /** What dropout wants for each micro-batch. */
  readonly uniforms: readonly NoiseInput[];
  /** Present values, by copy from a device and without elsewhere. Treat them as read-only, and use them before the next update. */
  read<Name extends StateName>(...names: readonly Name[]): Promise<Readonly<Record<Name, Float32Array>>>;
  load(state: Readonly<Partial<Record<StateName, ArrayLike<number>>>>): void;
  /**
   * One update from the feeds of its micro-batches, in order; the loss scale is for float16 alone. A loss or a gradient that
   * is not finite leaves the state as it was.
   */
  update(micro: readonly Feeds[], rates: Rates, lossScale?: number): Promise<Outcome>;
  close(): Promise<void>;
}

/** The loss of each sample of a micro-batch, its inputs, and the parameters. */
function lossGraph({ model, microBatch, perturbed = false, shifted = false, curved = false, distance }: UpdateSpec) {
  const inputs = modelInputs(model, microBatch);
  const noise = input("noise", inputs.x.shape);
  const perSample = (name: string) => input(name, [microBatch, ...model.shape.map(() => 1)]);
  const seen = perturbed ? input("inputNoise", inputs.x.shape) : noise;
  const noisy = inputs.x.mul(perSample("inX")).add(seen.mul(perSample("inNoise")));
  const augment = model.augment ? { augment: input("augment", [microBatch, model.augment]) } : {};
  const { output, variance, parameters, uniforms } = buildModel(model, { ...inputs, ...augment, x: noisy }, true);
  if (model.classifies !== undefined)
    return { losses: crossEntropy(output, input("answers", output.shape)), parameters, uniforms };
  if (!sameShape(output.shape, noisy.shape))
    throw new ConfigError(
      `model.network: makes ${showShape(output.shape)} out of ${showShape(noisy.shape)} (the same expected). Leave outChannels out.`,
    );
  const own = inputs.x.mul(perSample("targetX")).add(noise.mul(perSample("targetNoise")));
  if (distance) {
    // x is what the network's own sample says: D − x = c_out (F − own), and the target is c_out·shift away from x.
    const scale = perSample("answerScale");
    const answer = inputs.x.add(output.sub(own).mul(scale));
    const target = inputs.x.add(input("shift", own.shape).mul(scale));
    const losses = distance(answer, target).mul(input("weight", [microBatch]));
    return { losses, parameters, uniforms };
  }
  const error = output.sub(shifted ? own.add(input("shift", own.shape)) : own);
  const flat = error.reshape([microBatch, -1]);
  const mean = flat
    .sumSquares([1])
    .reshape([microBatch])
    .mul(1 / flat.shape[1]);
  const squared = (curved ? pseudoHuber(mean.mul(input("curve", [microBatch]))) : mean).mul(
    input("weight", [microBatch]),
  );
  if (!variance) return { losses: squared, parameters, uniforms };
  const bound = varianceLoss(inputs.x, output.sub(own), variance, varianceInputs(microBatch, model.shape.length));
  return { losses: squared.add(bound), parameters, uniforms };
}

/** √(1 + y) − 1 of a square y, written so that it does not cancel where y is small. */
const pseudoHuber = (y: Expr): Expr => y.div(y.add(1).sqrt().add(1));

/** −ln softmax(logits)[answer] of each row, in nats; answers are one-hot. */
function crossEntropy(logits: Expr, answers: Expr): Expr {
  return logProbability(logits, answers).neg();
}

/** What an update does to parameters by their gradient. */
function change(
  optimizer: OptimizerSpec,
  before: Readonly<Record<StateName, Expr<"input">>>,
  gradient: Expr,
): Readonly<Record<StateName, Carried>> {
  const { params, mean, square }: AdamState = adam(optimizer, before, gradient, adamRates());
  const ema = params.add(before.ema.sub(params).mul(input("emaDecay", [])));
  return {
    params: { before: before.params, after: params },
    mean: { before: before.mean, after: mean },
    square: { before: before.square, after: square },
    ema: { before: before.ema, after: ema },
  };
}

/** The graphs of one update: of a micro-batch's gradient, and of what a whole gradient does to the state. */
export interface UpdateGraphs {
  readonly parameters: readonly Parameter[];
  readonly uniforms: readonly NoiseInput[];
  /** The loss of each sample of a micro-batch. */
  readonly losses: Expr;
  /** The micro-batch's part of the gradient, flat; a function of the input "params". */
  readonly gradient: Expr;
  /** The norm of a flat gradient, and what clipping multiplies it with. */
  measure(gradient: Expr): { readonly norm: Expr; readonly gradientScale?: Expr };
  /** What the update does to all parameters, from a gradient that is clipped already. */
  changeBy(gradient: Expr): Readonly<Record<StateName, Carried>>;
  /** What it does to `length` of them, from the input "gradient" and, with clipping, the number "gradientScale". */
  change(length: number): Readonly<Record<StateName, Carried>>;
}

/** Builds the graphs of an update. Throws ConfigError where the model does not fit its data. */
export function updateGraphs(spec: UpdateSpec): UpdateGraphs {
  const { batch, microBatch, memory, precision, clip, optimizer } = spec;
  if (batch % microBatch !== 0)
    throw new ConfigError(`training.microBatch: ${microBatch} does not divide the batch of ${batch}.`);
  const { losses, parameters, uniforms } = lossGraph(spec);
  const vectors = (length: number): Readonly<Record<StateName, Expr<"input">>> => ({
    params: input("params", [length]),
    mean: input("mean", [length]),
    square: input("square", [length]),
    ema: input("ema", [length]),
  });
  const before = vectors(parameterCount(parameters));
  const lossScale = precision === "float16" ? input("lossScale", []) : undefined;
  const loss = losses.sum().mul(1 / batch);
  const passes = [losses, flatGradient(lossScale ? loss.mul(lossScale) : loss, parameters)];
  const nodes = parameters.map(({ node }) => node);
  const kept = memory === "low" ? recompute(passes, 1, nodes) : passes;
  const whole = flatten(kept, parameters, before.params);
  const [microLosses, gradient] = lossScale ? inFloat16(whole, [before.params]) : whole;
  return {
    parameters,
    uniforms,
    losses: microLosses,
    gradient: lossScale ? gradient.div(lossScale) : gradient,
    measure(flat) {
      const norm = globalNorm(flat);
      return { norm, ...(clip !== undefined && { gradientScale: clipScale(norm, clip) }) };
    },
    changeBy: (flat) => change(optimizer, before, flat),
    change(length) {
      const flat = input("gradient", [length]);
      const clipped = clip === undefined ? flat : flat.mul(input("gradientScale", []));
      return change(optimizer, vectors(length), clipped);
    },
  };
}

/**
 * From so many parameters on, the gradient is a program of its own, and the update one in place, which takes less memory and
 * time; with fewer the start of a second program takes more.
 */
const manyParameters = 2 ** 21;

/** Whether the state is changed in place, after the gradient has been looked at. */
export const changesInPlace = (
  { batch, microBatch }: Pick<UpdateSpec, "batch" | "microBatch">,
  parameters: number,
): boolean => microBatch < batch || parameters >= manyParameters;

/** Compiles the update. */
export async function compileUpdate(spec: UpdateSpec, options: CompileOptions = {}): Promise<Updater> {
  const graphs = updateGraphs(spec);
  const { parameters, uniforms, gradient } = graphs;
  const inPlace = changesInPlace(spec, parameterCount(parameters));
  const names = inPlace ? [...stateNames, "gradient"] : stateNames;
  const state = createState(Object.fromEntries(names.map((name) => [name, gradient.shape])), options);
  const { update, close } = await (inPlace ? compileTwofold : compileWhole)(spec, graphs, { ...options, state });
  return {
    parameters,
    uniforms,
    read: (...names) => state.read(...names),
    load: (values) => state.load(values as Readonly<Record<string, ArrayLike<number>>>),
    update,
    async close() {
      await state.close();
      await close();
    },
  };
}

type Working = Pick<Updater, "update" | "close">;
type OnState = CompileOptions & { readonly state: State };

/** Everything as one program, which is taken back if the gradient turns out to be bad. */
async function compileWhole(
  { precision }: UpdateSpec,
  { parameters, losses, gradient, measure, changeBy }: UpdateGraphs,
  options: OnState,
): Promise<Working> {
  const { norm, gradientScale } = measure(gradient);
  const carried = changeBy(gradientScale ? gradient.mul(gradientScale) : gradient);
  const program = await compileStateful(carried, { losses, norm }, options);
  return {
    async update([feeds], rates, lossScale = 1) {
      const { losses, norm } = await program.step({
        ...feeds,
        ...rates,
        ...(precision === "float16" && { lossScale: [lossScale] }),
      });
      const outcome = { losses, gradientNorm: norm[0] };
      if (allFinite(outcome)) return outcome;
      // A gradient that is not finite shows in its mean.
      const trouble = blame(parameters, losses, (await options.state.read("mean")).mean);
      program.undo();
      return { ...outcome, trouble };
    },
    close: program.close,
  };
}

/** A program that makes the gradient, or adds a micro-batch's to it, and one that applies it in place if it is finite. */
async function compileTwofold(
  { batch, microBatch, precision }: UpdateSpec,
  { parameters, losses, gradient, measure, change }: UpdateGraphs,
  options: OnState,
): Promise<Working> {
  const { state } = options;
  const before = input("gradient", gradient.shape);
  const after = microBatch === batch ? gradient : before.add(gradient);
  const differentiating = await compileStateful(
    { gradient: { before, after } },
    { losses, ...measure(after) },
    options,
  );
  const applying = await compileInPlace(change, parameterCount(parameters), options);
  return {
    async update(micro, rates, lossScale = 1) {
      const all = new Float32Array(batch);
      let gradientNorm = 0;
      let clipping: Feeds = {};
      if (microBatch < batch) state.clear("gradient");
      for (const [i, feeds] of micro.entries()) {
        const scaled = precision === "float16" ? { ...feeds, lossScale: [lossScale] } : feeds;
        const { losses, norm, ...rest } = await differentiating.step(scaled);
        all.set(losses, i * microBatch);
        [gradientNorm, clipping] = [norm[0], rest];
      }
      const outcome = { losses: all, gradientNorm };
      if (!allFinite(outcome))
        return { ...outcome, trouble: blame(parameters, all, (await state.read("gradient")).gradient) };
      await applying.run({ ...rates, ...clipping });
      return outcome;
    },
    async close() {
      await differentiating.close();
      await applying.close();
    },
  };
}

const allFinite = ({ losses, gradientNorm }: Outcome): boolean =>
  Number.isFinite(gradientNorm) && losses.every(Number.isFinite);

/** The first thing that went wrong: a sample's loss, or a parameter's gradient. */
function blame(parameters: readonly Parameter[], losses: Float32Array, gradient: Float32Array): string {
  const sample = losses.findIndex((loss) => !Number.isFinite(loss));
  if (sample >= 0) return `the loss of sample ${sample} of the batch is ${losses[sample]}`;
  const broken = layout(parameters).find(({ offset, shape }) =>
    gradient.subarray(offset, offset + sizeOf(shape)).some((value) => !Number.isFinite(value)),
  );
  return broken
    ? `the gradient of ${broken.path} [${broken.shape}] is not finite`
    : "the gradient overflowed when squared";
}
