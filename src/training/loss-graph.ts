/**
 * The loss of a micro-batch as a graph. Every objective is a weighted squared error of the network's output F against a
 * target that is a combination of image and noise; the per-sample coefficients come from the recipe, computed in float64:
 *   L = mean over samples of  weight · mean over elements of (F(c_in (x + σ̃ ε); c_noise) − (targetX x + targetNoise ε))².
 * Stable targets add "shift" to the target; under input perturbation the network sees other noise than it is asked for. The
 * pseudo-Huber loss is a root of the squared error, and a distance of features takes its place altogether. A learned variance
 * adds a term of its own. A classifier's loss is −ln softmax(logits)[answer], in nats, of one-hot "answers".
 */
import { ConfigError } from "../errors/index.ts";
import { type Expr, input, sameShape, showShape } from "../graph/index.ts";
import type { NoiseInput, Parameter } from "../nn/index.ts";
import { logProbability } from "./classifier.ts";
import { buildModel, type ModelSpec, modelInputs } from "./model.ts";
import { varianceInputs, varianceLoss } from "./variance-loss.ts";

/** How far apart two batches of examples are, one number for each, as a graph. */
export type Distance = (x: Expr, y: Expr) => Expr;

/** Which loss, of how many samples. */
export interface LossSpec {
  readonly model: ModelSpec;
  /** Samples in one pass through the network. */
  readonly microBatch: number;
  /** The network sees noise of its own, "inputNoise", in place of the noise of its target. */
  readonly perturbed?: boolean;
  /** The target is moved by "shift", as large as a sample. */
  readonly shifted?: boolean;
  /** The loss is that of {@link pseudoHuber}, with "curve" for each sample. */
  readonly curved?: boolean;
  /** The loss is this distance of D from the moved target, both in the data's own range, with "answerScale" c_out for each sample. */
  readonly distance?: Distance;
}

/** The loss of each sample, [microBatch], and what it is made of. */
export interface LossGraph {
  readonly losses: Expr;
  readonly parameters: readonly Parameter[];
  /** What dropout wants. */
  readonly uniforms: readonly NoiseInput[];
}

/**
 * Builds the loss of each sample of a micro-batch from inputs that it names. Throws ConfigError where the network's output
 * does not fit its data.
 */
export function lossGraph({
  model,
  microBatch,
  perturbed = false,
  shifted = false,
  curved = false,
  distance,
}: LossSpec): LossGraph {
  const inputs = modelInputs(model, microBatch);
  const noise = input("noise", inputs.x.shape);
  const perSample = (name: string) => input(name, [microBatch, ...model.shape.map(() => 1)]);
  const seen = perturbed ? input("inputNoise", inputs.x.shape) : noise;
  const noisy = inputs.x.mul(perSample("inX")).add(seen.mul(perSample("inNoise")));
  const augment = model.augment ? { augment: input("augment", [microBatch, model.augment]) } : {};
  const { output, variance, parameters, uniforms } = buildModel(model, { ...inputs, ...augment, x: noisy }, true);
  if (model.classifies !== undefined)
    return { losses: logProbability(output, input("answers", output.shape)).neg(), parameters, uniforms };
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
