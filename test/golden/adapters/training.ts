/** Golden vectors `training.*`. The optimiser and the clipping are graphs, evaluated in float64. */
import { constant, evaluate, input } from "../../../src/graph/index.ts";
import {
  adam,
  adamFeeds,
  adamRates,
  clipScale,
  type DecaySpec,
  type EmaSpec,
  emaDecay,
  globalNorm,
  type LearningRateSpec,
  learningRate,
  nextLossScale,
  postHocEma,
  powerFunctionExponent,
  powerFunctionStd,
  replaceNonFinite,
  type WarmupSpec,
} from "../../../src/training/index.ts";
import type { Adapter, Adapters, Tensor } from "../vectors.ts";

/** Applies Adam to gradients from a list or of a quadratic ½ pᵀAp − bᵀp. */
const adamTrajectory: Adapter = ({ optimizer, lr, beta1, beta2, eps, weightDecay, initial, ...given }, { expect }) => {
  const n = initial.length;
  const spec = { type: optimizer, beta1, beta2, eps, weightDecay };
  const before = { params: input("params", [n]), mean: input("mean", [n]), square: input("square", [n]) };
  const after = adam(spec, before, input("gradient", [n]), adamRates());
  const list: number[][] | undefined = given.gradients && rows(given.gradients);
  const gradientAt = (p: ArrayLike<number>, step: number) => {
    if (list) return list[step];
    const { A, b } = given.quadratic as { A: Tensor; b: number[] };
    return b.map((bi, i) => b.reduce((sum, _, j) => sum + A.data[i * n + j] * p[j], 0) - bi);
  };
  let state: Record<"params" | "mean" | "square", ArrayLike<number>> = {
    params: initial,
    mean: new Float64Array(n),
    square: new Float64Array(n),
  };
  const trajectory: (typeof state)[] = [];
  for (let step = 0; step < (list?.length ?? given.steps); step++) {
    const feeds = { ...state, gradient: gradientAt(state.params, step), ...adamFeeds(spec, step + 1, lr) };
    const [params, mean, square] = evaluate([after.params, after.mean, after.square], feeds);
    state = { params, mean, square };
    trajectory.push(state);
  }
  // A long trajectory is given at some steps only, counted from 1.
  const at = expect.at as number[] | undefined;
  const kept = at ? at.map((step) => trajectory[step - 1]) : trajectory;
  return { parameters: kept.map((s) => s.params), firstMoment: state.mean, secondMoment: state.square, at };
};

const rows = (given: Tensor | number[][]): number[][] =>
  Array.isArray(given)
    ? given
    : Array.from({ length: given.shape[0] }, (_, i) => [
        ...given.data.subarray(i * given.shape[1], (i + 1) * given.shape[1]),
      ]);

/** The averages of a sequence of parameter values under a decay; `times` are where training stands before each update. */
function averages(spec: EmaSpec, values: number[], initial: number, batch: number): number[] {
  const decay = emaDecay(spec);
  let average = initial;
  return values.map((value, step) => {
    const beta = decay({ step, images: step * batch, batch });
    average = value + beta * (average - value);
    return average;
  });
}

const emaKinds: Record<string, Adapter> = {
  "half-life": ({ batchSize: batch, halfLifeKimg, rampupRatio: rampup, imagesSeen, parameterValues, initial }) => {
    const spec = { type: "half-life", images: halfLifeKimg * 1000, rampup } as const;
    return {
      beta: imagesSeen.map((images: number) => emaDecay(spec)({ step: 0, images, batch })),
      average: averages(spec, parameterValues, initial, batch),
    };
  },
  "update-count": ({ decay, updates, parameterValues, initial }) => {
    const spec = { type: "update-count", decay } as const;
    return {
      decays: updates.map((n: number) => emaDecay(spec)({ step: n - 1, images: 0, batch: 1 })),
      average: averages(spec, parameterValues, initial, 1),
    };
  },
  "inverse-gamma": ({ inverseGamma: gamma, power, maxDecay: max, minDecay: min, step }) => {
    const decay = emaDecay({ type: "inverse-gamma", gamma, power, min, max });
    return { decay: step.map((s: number) => decay({ step: s, images: 0, batch: 1 })) };
  },
  "power-function-exponent": ({ relativeStd }) => {
    const exponent = relativeStd.map(powerFunctionExponent);
    return { exponent, relativeStdBack: exponent.map(powerFunctionStd) };
  },
  "power-function-beta": ({ relativeStd: std, t, delta: batch }) => {
    const decay = emaDecay({ type: "power-function", std });
    return { beta: t.map((after: number) => decay({ step: 0, images: after - batch, batch })) };
  },
  "power-function-average": ({ relativeStd: std, delta, parameterValues, initial }) => ({
    average: averages({ type: "power-function", std }, parameterValues, initial, delta),
  }),
  "post-hoc": ({ snapshotTimes, snapshotStd, targetTime, targetStd }) => ({
    coefficients: postHocEma(
      snapshotTimes.map((time: number, i: number) => ({ time, std: snapshotStd[i] })),
      { time: targetTime, std: targetStd },
    ),
  }),
};

const gradientOperations: Record<string, Adapter> = {
  "clip-norm": ({ gradients, maxNorm }) => {
    const parts: Float64Array[] = gradients.map((g: Tensor | number[]) =>
      "data" in g ? g.data : Float64Array.from(g),
    );
    const flat = Float64Array.from(parts.flatMap((part) => [...part]));
    const norm = globalNorm(constant(flat, [flat.length]));
    const [[length], [scale]] = evaluate([norm, clipScale(norm, maxNorm)]);
    const clipped = parts.map((part, i) => ({
      shape: gradients[i].shape ?? [part.length],
      data: part.map((g) => g * scale),
    }));
    return { norm: length, scale, clipped };
  },
  "replace-non-finite": ({ gradients, positive, negative }) => ({
    gradients: replaceNonFinite(Float64Array.from(gradients), positive, negative),
  }),
  "dynamic-loss-scale": ({ initialLog2, growth, overflow }) => {
    let log2 = initialLog2;
    return {
      log2AfterStep: overflow.map((over: boolean) => (log2 = nextLossScale(log2, over, growth))),
      stepApplied: overflow.map((over: boolean) => !over),
    };
  },
};

/** The two factors of each kind of learning rate. */
const learningRates: Record<string, (input: Record<string, number>) => { warmup?: WarmupSpec; decay?: DecaySpec }> = {
  "linear-warmup-images": ({ rampImages }) => ({ warmup: { type: "images", images: rampImages } }),
  "linear-warmup-steps": ({ warmupSteps }) => ({ warmup: { type: "steps", steps: warmupSteps } }),
  "linear-anneal": ({ totalSteps }) => ({ decay: { type: "linear", over: "steps", to: totalSteps } }),
  "cosine-warmup": ({ warmupSteps, totalSteps }) => ({
    warmup: { type: "steps", steps: warmupSteps },
    decay: { type: "cosine", over: "steps", from: warmupSteps, to: totalSteps },
  }),
  "inverse-decay": ({ inverseGamma, power, warmup, minLr }) => ({
    warmup: { type: "exponential", rate: warmup },
    decay: { type: "inverse", gamma: inverseGamma, power, min: minLr },
  }),
  "exponential-decay": ({ halfSteps, decay, warmup, minLr }) => ({
    warmup: { type: "exponential", rate: warmup },
    decay: { type: "exponential", steps: halfSteps, rate: decay, min: minLr },
  }),
  "inverse-sqrt-images": ({ referenceBatches, rampImages }) => ({
    warmup: { type: "images", images: rampImages },
    decay: { type: "inverse-sqrt", batches: referenceBatches },
  }),
};

export const training: Adapters = {
  "training.adam": adamTrajectory,
  "training.ema": (input, golden) => emaKinds[input.kind](input, golden),
  "training.gradient": (input, golden) => gradientOperations[input.operation](input, golden),
  "training.lr": (input) => {
    const { kind, lr: peak, batchSize: batch = 1 } = input;
    const rate = learningRate({ peak, ...learningRates[kind](input) } satisfies LearningRateSpec);
    const points: { step: number; images: number }[] = input.imagesSeen
      ? input.imagesSeen.map((images: number) => ({ step: 0, images }))
      : input.step.map((step: number) => ({ step, images: 0 }));
    return { lr: points.map((at) => rate({ ...at, batch })) };
  },
};
