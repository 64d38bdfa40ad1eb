/** A network that denoises while its parameters change. */
import type { Precondition } from "../diffusion/index.ts";
import { input } from "../graph/index.ts";
import { flatten, type Parameter, parameterCount } from "../nn/index.ts";
import { type CompileOptions, compile } from "../runtime/index.ts";
import { type BatchLabels, type GuidanceWeights, guidanceFeed } from "./denoiser.ts";
import { buildModel, type ModelSpec, modelInputs, oneHot } from "./model.ts";

/** One batch, each image at its own noise level. */
export interface LiveAnswer {
  readonly params: Float32Array;
  readonly x: Float64Array;
  readonly sigmas: ArrayLike<number>;
  /** Empty for models without labels. */
  readonly labels: BatchLabels;
  /** The weight of guidance for each, where the network is told. */
  readonly guidance?: GuidanceWeights;
  /** What augmentation did, where the network is told. */
  readonly augment?: Float32Array;
}

export interface LiveDenoiser {
  readonly parameters: readonly Parameter[];
  /** D(x; σ̃), without dropout. */
  answer(question: LiveAnswer): Promise<Float64Array>;
  close(): Promise<void>;
}

/** Compiles a network that is given its parameters with every batch. */
export async function compileLiveDenoiser(
  spec: ModelSpec,
  { precondition, batch, ...options }: CompileOptions & { readonly precondition: Precondition; readonly batch: number },
): Promise<LiveDenoiser> {
  const inputs = modelInputs(spec, batch);
  const told = spec.augment ? { augment: input("augment", [batch, spec.augment]) } : {};
  const { output, parameters } = buildModel(spec, { ...inputs, ...told }, false);
  const [live] = flatten([output], parameters, input("params", [parameterCount(parameters)]));
  const program = await compile({ output: live }, options);
  return {
    parameters,
    async answer({ params, x, sigmas, labels, guidance = 1, augment }) {
      const at = Array.from(sigmas, precondition);
      const dims = x.length / batch;
      const scaled = new Float32Array(x.length);
      for (const [row, { cIn }] of at.entries())
        for (let i = row * dims; i < (row + 1) * dims; i++) scaled[i] = cIn * x[i];
      const { output: f } = await program.run({
        params,
        x: scaled,
        cNoise: Float32Array.from(at, ({ cNoise }) => cNoise),
        ...(spec.classes > 0 && { labels: oneHot(labels, spec.classes, batch) }),
        ...(spec.guided && { guidance: guidanceFeed(guidance, batch) }),
        ...(spec.augment && { augment: augment ?? new Float32Array(batch * spec.augment) }),
      });
      const out = new Float64Array(x.length);
      for (const [row, { cSkip, cOut }] of at.entries())
        for (let i = row * dims; i < (row + 1) * dims; i++) out[i] = cSkip * x[i] + cOut * f[i];
      return out;
    },
    close: () => program.close(),
  };
}
