/** A discriminator of noisy examples at work: how real they look, and which way they would look more so. */
import type { Precondition } from "../diffusion/index.ts";
import { constant, gradients } from "../graph/index.ts";
import { bake } from "../nn/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import type { Discriminator } from "../sampling/index.ts";
import type { BatchLabels } from "./denoiser.ts";
import { buildModel, type ModelSpec, modelInputs, oneHot } from "./model.ts";

export interface DiscriminatorOptions extends CompileOptions {
  /** Of its own VP process. */
  readonly precondition: Precondition;
  /** The noise level σ̃ of a VP time. */
  readonly sigma: (tau: number) => number;
  /** Examples in one call. */
  readonly batch: number;
}

/** Compiles a classifier of two classes, the second of them real, with its parameters as constants. A verdict is that on examples of these classes, where it is told. */
export async function compileDiscriminator(
  spec: ModelSpec & { readonly classifies: number },
  values: Float32Array,
  { precondition, sigma, batch, ...options }: DiscriminatorOptions,
): Promise<{ verdict(labels?: BatchLabels): Discriminator; close(): Promise<void> }> {
  const inputs = modelInputs(spec, batch);
  const { output, parameters } = buildModel(spec, inputs, false);
  const [logits] = bake([output], parameters, values);
  const logit = logits.matmul(constant([-1, 1], [2, 1])).reshape([batch]);
  const [gradient] = gradients(logit.sum(), [inputs.x]);
  const program = await compile({ logit, gradient }, options);
  const noise = new Float32Array(batch);
  return {
    verdict(labels = []) {
      const told = spec.classes > 0 ? { labels: oneHot(labels, spec.classes, batch) } : {};
      return async (z, tau) => {
        const found = await program.run({ x: z, cNoise: noise.fill(precondition(sigma(tau)).cNoise), ...told });
        return { logit: Float64Array.from(found.logit), gradient: Float64Array.from(found.gradient) };
      };
    },
    close: () => program.close(),
  };
}
