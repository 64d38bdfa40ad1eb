/** Samplers on a ladder of noise levels: each vector's options become one call. */
import { counted, euler, gaussianFlow, heun, type Sampler } from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";

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
  if (model.type === "gaussian") return gaussianFlow(start, model, { alpha: 1, sigma }, { alpha: 1, sigma: 0 });
  return undefined;
}

/** A sampler whose vector has its ladder and its options under the library's names. */
const ladder =
  // biome-ignore lint/suspicious/noExplicitAny: see Input
    (sampler: Sampler<any>) =>
    ({ model, x, sigmas, noises, ...options }: Input) =>
      runLadder(sampler, model, x.data, sigmas, { ...options, ...given(noises) });

const karras = ({ numSteps, sigmaMin, sigmaMax, rho }: Input): readonly number[] => {
  const [a, b] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  return [...Array.from({ length: numSteps }, (_, i) => (a + (i / (numSteps - 1)) * (b - a)) ** rho), 0];
};

export const samplerSigma: Adapters = {
  "sampler.edm-heun": ({ model, latents, numSteps, sigmaMin, sigmaMax, rho, noises, ...options }: Input) => {
    const sigmas = karras({ numSteps, sigmaMin, sigmaMax, rho });
    const x = latents.data.map((l: number) => l * sigmas[0]);
    return runLadder(heun, model, x, sigmas, { ...options, ...given(noises) });
  },
  "sampler.euler": ladder(euler),
  "sampler.heun": ladder(heun),
};
