/**
 * One update as graphs. Every objective is a weighted squared error of the network's output F against a target that is
 * a combination of image and noise; the per-sample coefficients come from the recipe, computed in float64:
 *   L = mean over samples of  weight · mean over elements of (F(c_in (x + σ̃ ε); c_noise) − (targetX x + targetNoise ε))².
 */
import { ConfigError } from "../errors/index.ts";
import { type Expr, input } from "../graph/index.ts";
import { flatGradient, flatten, type NoiseInput, type Parameter, parameterCount } from "../nn/index.ts";
import { type CompileOptions, compile, compileStateful, type Feeds, type StatefulProgram } from "../runtime/index.ts";
import { clipScale, globalNorm } from "./gradient.ts";
import { buildModel, type ModelSpec, modelInputs } from "./model.ts";
import { type AdamState, adam, adamRates, type OptimizerSpec } from "./optimizer.ts";

export interface UpdateSpec {
  readonly model: ModelSpec;
  /** Samples in one update. */
  readonly batch: number;
  /** Samples in one pass through the network; divides `batch`. The gradient is that of the whole batch. */
  readonly microBatch: number;
  readonly optimizer: OptimizerSpec;
  /** The gradient's norm is cut to this; undefined leaves it alone. */
  readonly clip?: number;
}

/** The arrays that training changes, each as long as the parameters. */
export const stateNames = ["params", "mean", "square", "ema"] as const;
export type StateName = (typeof stateNames)[number];
export type TrainingState = Readonly<Record<StateName, Float32Array>>;

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
  readonly state: TrainingState;
  load(state: Readonly<Partial<Record<StateName, ArrayLike<number>>>>): void;
  /** One update from the feeds of its micro-batches, in order. */
  update(micro: readonly Feeds[], rates: Rates): Promise<Outcome>;
  /** Puts the state before the last update back. */
  undo(): void;
  close(): Promise<void>;
}

/** The loss of each sample of a micro-batch, its inputs, and the parameters. */
function lossGraph({ model, microBatch }: UpdateSpec) {
  const inputs = modelInputs(model, microBatch);
  const noise = input("noise", inputs.x.shape);
  const perSample = (name: string) => input(name, [microBatch, ...model.shape.map(() => 1)]);
  const noisy = inputs.x.mul(perSample("inX")).add(noise.mul(perSample("inNoise")));
  const { output, parameters, uniforms } = buildModel(model, { ...inputs, x: noisy }, true);
  const target = inputs.x.mul(perSample("targetX")).add(noise.mul(perSample("targetNoise")));
  const error = output.sub(target).reshape([microBatch, -1]);
  const losses = error
    .sumSquares([1])
    .reshape([microBatch])
    .mul(1 / error.shape[1])
    .mul(input("weight", [microBatch]));
  return { losses, parameters, uniforms };
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

/** Compiles the update: one program if the batch goes through in one piece, otherwise one to add up gradients and one to apply them. */
export async function compileUpdate(spec: UpdateSpec, options: CompileOptions = {}): Promise<Updater> {
  const { batch, microBatch } = spec;
  if (batch % microBatch !== 0)
    throw new ConfigError(`training.microBatch: ${microBatch} does not divide the batch of ${batch}.`);
  const { losses, parameters, uniforms } = lossGraph(spec);
  const count = parameterCount(parameters);
  const flat = (name: StateName) => input(name, [count]);
  const before = { params: flat("params"), mean: flat("mean"), square: flat("square"), ema: flat("ema") };
  const carry = (after: Readonly<Record<StateName, Expr>>) =>
    Object.fromEntries(stateNames.map((name) => [name, { before: before[name], after: after[name] }]));
  const microGradient = flatGradient(losses.sum().mul(1 / batch), parameters);
  const [microLosses, gradient] = flatten([losses, microGradient], parameters, before.params);

  const updater = (program: StatefulProgram, update: Updater["update"], close: () => Promise<void>): Updater => ({
    parameters,
    uniforms,
    get state() {
      return program.state as TrainingState;
    },
    load: (state) => program.load(state as Readonly<Record<string, ArrayLike<number>>>),
    update,
    undo: () => program.undo(),
    close,
  });

  if (microBatch === batch) {
    const { norm, after } = updateGraph(spec, gradient, before);
    const program = await compileStateful(carry(after), { losses: microLosses, norm }, options);
    const update: Updater["update"] = async ([feeds], rates) => {
      const outcome = await program.step({ ...feeds, ...rates });
      return { losses: outcome.losses, gradientNorm: outcome.norm[0] };
    };
    return updater(program, update, program.close);
  }

  const sum = input("gradient", [count]);
  const adding = await compile({ losses: microLosses, sum: sum.add(gradient) }, options);
  const { norm, after } = updateGraph(spec, sum, before);
  const applying = await compileStateful(carry(after), { norm }, options);
  let [total, other] = [new Float32Array(count), new Float32Array(count)];
  const update: Updater["update"] = async (micro, rates) => {
    total.fill(0);
    const losses = new Float32Array(batch);
    for (const [i, feeds] of micro.entries()) {
      const { params } = applying.state;
      const outcome = await adding.run({ ...feeds, params, gradient: total }, { sum: other });
      losses.set(outcome.losses, i * microBatch);
      [total, other] = [other, total];
    }
    const outcome = await applying.step({ gradient: total, ...rates });
    return { losses, gradientNorm: outcome.norm[0] };
  };
  return updater(applying, update, async () => {
    await adding.close();
    await applying.close();
  });
}
