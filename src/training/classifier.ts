/** A classifier of noisy examples at work: its answers, and which way an example looks more like its class. */
import type { Precondition } from "../diffusion/index.ts";
import { type Expr, gradients, input } from "../graph/index.ts";
import { bake } from "../nn/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import type { LogGradient } from "../sampling/index.ts";
import type { BatchLabels } from "./denoiser.ts";
import { buildModel, type ModelSpec, modelInputs, oneHot } from "./model.ts";

/** ln p(y | x) [B] from logits [B, classes], for y as one-hot rows; 0 for a row of zeros. */
export function logProbability(logits: Expr, answers: Expr): Expr {
  const rows = logits.shape[0];
  const shifted = logits.sub(logits.max([1]));
  const chosen = shifted.mul(answers).sum([1]);
  return chosen
    .sub(
      shifted
        .exp()
        .sum([1])
        .log()
        .mul(answers.sum([1])),
    )
    .reshape([rows]);
}

export interface ClassifierOptions extends CompileOptions {
  readonly precondition: Precondition;
  /** Examples in one call. */
  readonly batch: number;
}

/** A trained classifier p(y | x; σ̃), ready for batches of one size. */
export interface Classifier {
  readonly batch: number;
  /** Logits, `[batch × classes]`, of x = x₀ + σ̃ ε. */
  logits(x: Float64Array, sigma: number): Promise<Float32Array>;
  /** ∇ₓ ln p(y | x) of each example for its own class; 0 where that is undefined. */
  gradient(labels: BatchLabels): LogGradient;
  close(): Promise<void>;
}

/** Compiles a classifier with its parameters as constants; its gradient when first used. */
export async function compileClassifier(
  spec: ModelSpec & { readonly classifies: number },
  values: Float32Array,
  { precondition, batch, ...options }: ClassifierOptions,
): Promise<Classifier> {
  const inputs = modelInputs(spec, batch);
  const { output, parameters } = buildModel(spec, inputs, false);
  const [logits] = bake([output], parameters, values);
  const forward = await compile({ logits }, options);
  const compileGradient = () => {
    const chances = logProbability(logits, input("answers", logits.shape));
    const [gradient] = gradients(chances.sum(), [inputs.x]);
    return compile({ gradient }, options);
  };
  let backward: ReturnType<typeof compileGradient> | undefined;
  const scaled = new Float32Array(batch * spec.shape.reduce((n, s) => n * s, 1));
  const cNoises = new Float32Array(batch);
  const feeds = (x: Float64Array, { cIn, cNoise }: ReturnType<Precondition>) => {
    for (let i = 0; i < scaled.length; i++) scaled[i] = cIn * x[i];
    return { x: scaled, cNoise: cNoises.fill(cNoise) };
  };
  return {
    batch,
    async logits(x, sigma) {
      const result = await forward.run(feeds(x, precondition(sigma)));
      return result.logits;
    },
    gradient(labels) {
      const answers = oneHot(labels, spec.classifies, batch);
      return async (x, sigma) => {
        backward ??= compileGradient();
        const program = await backward;
        const numbers = precondition(sigma);
        const { gradient } = await program.run({ ...feeds(x, numbers), answers });
        return Float64Array.from(gradient, (slope) => numbers.cIn * slope); // the network saw cIn·x
      };
    },
    async close() {
      await forward.close();
      await (await backward)?.close();
    },
  };
}
