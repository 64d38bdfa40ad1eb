/**
 * One update as graphs. Every objective is a weighted squared error of the network's output F against a target that is
 * a combination of image and noise; the per-sample coefficients come from the recipe, computed in float64:
 *   L = mean over samples of  weight · mean over elements of (F(c_in (x + σ̃ ε); c_noise) − (targetX x + targetNoise ε))².
 * A classifier's loss is the cross-entropy of its logits instead. Stable targets add "shift" to the target; the pseudo-Huber loss is a root of the squared error; a distance of features takes its place altogether. A learned variance adds its own term; under input perturbation the network sees other noise than it is asked for.
 */
import { ConfigError } from "../errors/index.ts";
import { type Expr, inFloat16, input, type Precision, recompute, sameShape, showShape } from "../graph/index.ts";
import { flatGradient, flatten, type NoiseInput, type Parameter, parameterCount } from "../nn/index.ts";
import { type CompileOptions, compileStateful, createState, type Feeds, type State } from "../runtime/index.ts";
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
}

export interface Updater {
  readonly parameters: readonly Parameter[];
  /** What dropout wants for each micro-batch. */
  readonly uniforms: readonly NoiseInput[];
  /** Present values, by copy from a device and without elsewhere. Treat them as read-only, and use them before the next update. */
  read<Name extends StateName>(...names: readonly Name[]): Promise<Readonly<Record<Name, Float32Array>>>;
  load(state: Readonly<Partial<Record<StateName, ArrayLike<number>>>>): void;
  /** One update from the feeds of its micro-batches, in order; the loss scale is for float16 alone. */
  update(micro: readonly Feeds[], rates: Rates, lossScale?: number): Promise<Outcome>;
  /** Puts the state before the last update back. */
  undo(): void;
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

/** The new state and the gradient's norm, from a flat gradient. */
function updateGraph(
  { optimizer, clip }: UpdateSpec,
  gradient: Expr,
  before: Readonly<Record<StateName, Expr<"input">>>,
) {
  const norm = globalNorm(gradient);
  const clipped = clip === undefined ? gradient : gradient.mul(clipScale(norm, clip));
  const { params, mean, square }: AdamState = adam(optimizer, before, clipped, adamRates());
  const ema = params.add(before.ema.sub(params).mul(input("emaDecay", [])));
  return { norm, after: { params, mean, square, ema } };
}

/** The graphs of one update: what a micro-batch adds to the gradient, and what a whole gradient does to the state. */
export interface UpdateGraphs {
  readonly parameters: readonly Parameter[];
  readonly uniforms: readonly NoiseInput[];
  /** The state as inputs. */
  readonly before: Readonly<Record<StateName, Expr<"input">>>;
  /** The loss of each sample of a micro-batch. */
  readonly losses: Expr;
  /** The micro-batch's part of the gradient, flat. */
  readonly gradient: Expr;
  /** The state after the update by a flat gradient, and that gradient's norm. */
  apply(gradient: Expr): { readonly norm: Expr; readonly after: Readonly<Record<StateName, Expr>> };
}

/** Builds the graphs of an update. Throws ConfigError where the model does not fit its data. */
export function updateGraphs(spec: UpdateSpec): UpdateGraphs {
  const { batch, microBatch, memory, precision } = spec;
  if (batch % microBatch !== 0)
    throw new ConfigError(`training.microBatch: ${microBatch} does not divide the batch of ${batch}.`);
  const { losses, parameters, uniforms } = lossGraph(spec);
  const flat = (name: StateName) => input(name, [parameterCount(parameters)]);
  const before = { params: flat("params"), mean: flat("mean"), square: flat("square"), ema: flat("ema") };
  const scale = precision === "float16" ? input("lossScale", []) : undefined;
  const loss = losses.sum().mul(1 / batch);
  const passes = [losses, flatGradient(scale ? loss.mul(scale) : loss, parameters)];
  const nodes = parameters.map(({ node }) => node);
  const kept = memory === "low" ? recompute(passes, 1, nodes) : passes;
  const whole = flatten(kept, parameters, before.params);
  const [microLosses, gradient] = scale ? inFloat16(whole, [before.params]) : whole;
  return {
    parameters,
    uniforms,
    before,
    losses: microLosses,
    gradient: scale ? gradient.div(scale) : gradient,
    apply: (gradientOfBatch) => updateGraph(spec, gradientOfBatch, before),
  };
}

/** Compiles the update: one program if the batch goes through in one piece, otherwise one to add up gradients and one to apply them. */
export async function compileUpdate(spec: UpdateSpec, options: CompileOptions = {}): Promise<Updater> {
  const { batch, microBatch, precision } = spec;
  const { parameters, uniforms, before, losses, gradient, apply } = updateGraphs(spec);
  const scaled = (feeds: Feeds, lossScale: number): Feeds =>
    precision === "float16" ? { ...feeds, lossScale: [lossScale] } : feeds;
  const carry = (after: Readonly<Record<StateName, Expr>>) =>
    Object.fromEntries(stateNames.map((name) => [name, { before: before[name], after: after[name] }]));

  const updater = (state: State, { update, undo, close }: Pick<Updater, "update" | "undo" | "close">): Updater => ({
    parameters,
    uniforms,
    read: (...names) => state.read(...names),
    load: (values) => state.load(values as Readonly<Record<string, ArrayLike<number>>>),
    update,
    undo,
    close,
  });

  if (microBatch === batch) {
    const { norm, after } = apply(gradient);
    const program = await compileStateful(carry(after), { losses, norm }, options);
    return updater(program.state, {
      async update([feeds], rates, lossScale = 1) {
        const outcome = await program.step({ ...scaled(feeds, lossScale), ...rates });
        return { losses: outcome.losses, gradientNorm: outcome.norm[0] };
      },
      undo: program.undo,
      close: program.close,
    });
  }

  const sum = input("gradient", gradient.shape);
  const { norm, after } = apply(sum);
  const shapes = Object.fromEntries(
    Object.entries({ ...before, gradient: sum }).map(([name, { shape }]) => [name, shape]),
  );
  const state = createState(shapes, options);
  const shared = { ...options, state };
  const adding = await compileStateful({ gradient: { before: sum, after: sum.add(gradient) } }, { losses }, shared);
  const applying = await compileStateful(carry(after), { norm }, shared);
  return updater(state, {
    async update(micro, rates, lossScale = 1) {
      state.clear("gradient");
      const all = new Float32Array(batch);
      for (const [i, feeds] of micro.entries()) {
        const outcome = await adding.step(scaled(feeds, lossScale));
        all.set(outcome.losses, i * microBatch);
      }
      const outcome = await applying.step({ ...rates });
      return { losses: all, gradientNorm: outcome.norm[0] };
    },
    undo: applying.undo,
    async close() {
      await state.close();
      await adding.close();
      await applying.close();
    },
  });
}
