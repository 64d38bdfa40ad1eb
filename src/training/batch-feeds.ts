/** The numbers that a micro-batch brings to the network: noise levels, coefficients, noises, labels. */
import { arrangeUniforms, type Coefficients, type Draw, type TimestepLaw } from "../diffusion/index.ts";
import { sizeOf } from "../graph/index.ts";
import { stream } from "../random/index.ts";
import type { Feeds } from "../runtime/index.ts";
import { oneHot } from "./model.ts";
import type { PreparedBatch } from "./preparation.ts";
import { noiseOf } from "./sample-noise.ts";
import { comparesFeatures, curveOf, type TrainerSpec } from "./spec.ts";
import type { MovedTarget, TargetRows } from "./target.ts";
import type { Updater } from "./updater.ts";
import { varianceFeeds } from "./variance-loss.ts";

/** The noise levels of one update. Uniform numbers of samples come from their own streams, those of a batch from its step's. */
export function drawsOf(
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
export function feedsOf(
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
          ...lossFeeds(all, target),
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

/** What a sample's error counts: of the network's output, or of x. */
function lossFeeds(all: readonly Coefficients[], target: TrainerSpec["target"]): Feeds {
  const c = curveOf(target);
  if (c !== undefined) return curveFeeds(all, c);
  if (!comparesFeatures(target)) return { weight: Float32Array.from(all, ({ weight }) => weight) };
  return {
    weight: Float32Array.from(all, ({ weight, targetShift }) => weight * targetShift ** 2),
    answerScale: Float32Array.from(all, ({ targetShift }) => 1 / targetShift),
  };
}

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
