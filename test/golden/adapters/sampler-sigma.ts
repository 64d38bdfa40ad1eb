/** Samplers on a ladder of noise levels: each vector's options become one call. */
import { betasFromSigmas, gaussian } from "../../../src/diffusion/index.ts";
import {
  type AdaptiveStep,
  ancestralSplit,
  consistency,
  counted,
  dpm2,
  dpm2Ancestral,
  dpmAdaptive,
  dpmFast,
  dpmpp2m,
  dpmpp2mSde,
  dpmpp2sAncestral,
  dpmpp3mSde,
  dpmppSde,
  dynamicThreshold,
  edmAblation,
  epsilonScaled,
  euler,
  eulerAncestral,
  finish,
  heun,
  karrasSigmas,
  lms,
  type Sampler,
  type SigmaGridSpec,
  sigmaGrid,
  slerp,
} from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters, Tensor } from "../vectors.ts";
import { ancestralCase, ddimCase } from "./sampler-discrete.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

/** Runs a sampler and reports all that the vectors expect of it. */
export async function runLadder<O>(
  sampler: Sampler<O>,
  model: Input,
  start: Float64Array,
  sigmas: readonly number[],
  options: O,
) {
  const inputs: Float64Array[] = [];
  const denoise = ideal(model);
  const watched = counted((x, sigma) => {
    inputs.push(x.slice());
    return denoise(x, sigma);
  });
  const states: Float64Array[] = [];
  let x = start;
  for await (const step of sampler(watched, start, sigmas, options)) {
    // A state is the input of a step's first evaluation, so that it includes churn.
    states.push(inputs[0]);
    inputs.length = 0;
    x = step.x;
  }
  return {
    x,
    evaluations: watched.sigmas.length,
    evaluationSigmas: watched.sigmas,
    states: [...states, x],
    exact: exact(model, start, sigmas[0]),
  };
}

/** The closed-form solution at noise level 0, where there is one. */
function exact(model: Input, start: Float64Array, sigma: number): Float64Array | undefined {
  if (model.type === "gaussian") return gaussian({ mean: model.mean, std: model.std }).flow(start, sigma, 0);
  return undefined;
}

/** A sampler whose vector has its ladder and its options under the library's names. */
const ladder =
  // biome-ignore lint/suspicious/noExplicitAny: see Input
    (sampler: Sampler<any>) =>
    ({ model, x, sigmas, noises, ...options }: Input) =>
      runLadder(sampler, model, x.data, sigmas, { ...options, ...given(noises) });

/** The vectors' discretisations, by the names of our grids. */
function grid({ discretization, numSteps: steps, epsilonS, rho, M, C1, C2, ...range }: Input): readonly number[] {
  const { sigmaMin, sigmaMax } = range;
  const grids: Readonly<Record<string, SigmaGridSpec>> = {
    vp: { type: "vp-range", steps, sigmaMin, sigmaMax, epsilonS },
    ve: { type: "exponential", steps, sigmaMin, sigmaMax },
    iddpm: { type: "iddpm", steps, sigmaMin, sigmaMax, M, C1, C2 },
    edm: { type: "karras", steps, sigmaMin, sigmaMax, rho },
  };
  return sigmaGrid(grids[discretization]);
}

const times = (latents: Tensor, sigma: number) => latents.data.map((l) => l * sigma);

const edmHeun = ({ model, latents, noises, sigmaMin, sigmaMax, rho, numSteps, scale = 1, ...options }: Input) => {
  const sigmas = karrasSigmas({ steps: numSteps, sigmaMin, sigmaMax, rho });
  const scaled: typeof heun = (denoise, ...rest) => heun(epsilonScaled(denoise, scale), ...rest);
  return runLadder(scaled, model, times(latents, sigmas[0]), sigmas, { ...options, ...given(noises) });
};

/** Solvers that choose their own steps between two levels. */
async function adaptive<O>(
  sampler: (...args: Parameters<Sampler<O>>) => AsyncGenerator<AdaptiveStep>,
  { model, x, sigmaMin, sigmaMax }: Input,
  options: O,
) {
  const watched = counted(ideal(model));
  let [last, accepted, rejected] = [x.data, 0, 0];
  for await (const step of sampler(watched, x.data, [sigmaMax, sigmaMin], options)) {
    last = step.x;
    accepted++;
    rejected += step.rejected;
  }
  const evaluations = watched.sigmas.length;
  return { x: last, evaluations, nfe: evaluations, evaluationSigmas: watched.sigmas, accepted, rejected };
}

export const samplerSigma: Adapters = {
  "sampler.ancestral-split": ({ sigmaFrom, sigmaTo, eta }: Input) => {
    const { down, up } = ancestralSplit(sigmaFrom, sigmaTo, eta);
    return { sigmaDown: down, sigmaUp: up };
  },
  "sampler.consistency-multistep": async ({ model, x, noises, sigmaMax, ...input }: Input) => {
    if (input.method === "onestep") return { x: await finish(consistency(ideal(model), x.data, [sigmaMax, 0])) };
    const { indices, steps, sigmaMin, rho } = input;
    const ladder = karrasSigmas({ steps, sigmaMin, sigmaMax, rho });
    const sigmas = indices.map((i: number) => ladder[i]);
    return { x: await finish(consistency(ideal(model), x.data, sigmas, { sigmaMin, ...given(noises) })), sigmas };
  },
  "sampler.dpm-fast-adaptive": ({ method, n, ...input }: Input) => {
    if (method === "fast") return adaptive(dpmFast, input, { evaluations: n });
    const { model: _m, x: _x, sigmaMin: _a, sigmaMax: _b, ...options } = input;
    return adaptive(dpmAdaptive, input, options);
  },
  "sampler.dpm2": ladder(dpm2),
  "sampler.dpm2-ancestral": ladder(dpm2Ancestral),
  "sampler.dpmpp-2m": ladder(dpmpp2m),
  "sampler.dpmpp-2m-sde": ladder(dpmpp2mSde),
  "sampler.dpmpp-2s-ancestral": ladder(dpmpp2sAncestral),
  "sampler.dpmpp-3m-sde": ladder(dpmpp3mSde),
  "sampler.dpmpp-sde": ladder(dpmppSde),
  "sampler.edm-ablation": (input: Input) => {
    const { model, latents, noises, schedule, scaling, solver, alpha, sChurn, sMin, sMax, sNoise } = input;
    const sigmas = grid(input);
    const options = { schedule, scaling, solver, alpha, sChurn, sMin, sMax, sNoise, ...given(noises) };
    const betas = betasFromSigmas(input.sigmaMin, input.sigmaMax, input.epsilonS);
    return runLadder(edmAblation, model, times(latents, sigmas[0]), sigmas, { ...options, ...betas });
  },
  "sampler.edm-heun": edmHeun,
  "sampler.epsilon-scaling": ({ sampler, ...input }: Input) =>
    sampler === "ddim" ? ddimCase(input) : sampler === "ddpm" ? ancestralCase(input) : edmHeun(input),
  "sampler.euler": ladder(euler),
  "sampler.euler-ancestral": ladder(eulerAncestral),
  "sampler.heun": ladder(heun),
  "sampler.latent-operations": ({ operation, x, a, b, weight, quantile, maxValue }: Input) =>
    operation === "slerp"
      ? { x: slerp(a.data, b.data, weight, a.shape[0]) }
      : dynamicThreshold(x.data, { samples: x.shape[0], quantile, maxValue }),
  "sampler.lms": ladder(lms),
};
