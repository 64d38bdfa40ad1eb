/** Samplers along a path, and the adaptive integrator. */
import { gaussian, type Path, path } from "../../../src/diffusion/index.ts";
import {
  type Attempt,
  counted,
  dormandPrince,
  eulerMaruyama,
  finish,
  type PathStep,
  type Process,
  predictorCorrector,
  probabilityFlow,
  sigmaProcess,
} from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

function pathOf(type: string, { betaMin, betaMax, sigmaMin, sigmaMax }: Input): Path {
  if (type === "ve") return path({ type: "ve", sigmaMin, sigmaMax });
  if (type === "subvp") return path({ type: "sub-vp", betaMin, betaMax });
  return path({ type: "vp", betaMin, betaMax });
}

/** Data N(mean, I): the flow of the Ornstein–Uhlenbeck process to time t, and back. */
function unitGaussianFlow({ mean, x, t }: Input) {
  const ou = path({ type: "ou", horizon: t });
  const data = { mean, std: 1 };
  return { forward: exact(data, x.data, ou, 0, 1), backwardFromT: exact(data, x.data, ou, 1, 0) };
}

async function rk45({ process, model, x, tStart, tEnd, rtol, atol, ...constants }: Input) {
  const watched = counted(ideal(model));
  const flow = process === "edm" ? sigmaProcess : pathOf(process, constants);
  const times = [tStart];
  let last: Attempt | undefined;
  let firstStep = 0;
  const attempts = dormandPrince(probabilityFlow(watched, flow), x.data, { from: tStart, to: tEnd, rtol, atol });
  for await (const attempt of attempts) {
    firstStep ||= Math.abs(attempt.h[0]);
    if (attempt.accepted[0] === times.length) times.push(attempt.t[0]);
    last = attempt;
  }
  return {
    x: last?.y,
    evaluations: watched.sigmas.length,
    accepted: last?.accepted[0],
    rejected: last?.rejected[0],
    times,
    firstStep,
    exact: model.type === "gaussian" ? exact(model, x.data, flow, tStart, tEnd) : undefined,
  };
}

/** The closed-form solution of a process's probability flow on Gaussian data. */
function exact({ mean, std }: Input, x: Float64Array, { alpha, sigma }: Process, from: number, to: number) {
  const scaled = x.map((v) => v / alpha(from));
  return gaussian({ mean, std })
    .flow(scaled, sigma(from) / alpha(from), sigma(to) / alpha(to))
    .map((v) => v * alpha(to));
}

export const samplerPath: Adapters = {
  "sampler.ou-reverse": async ({ law, model, x, horizon, steps, noises, ...input }: Input) => {
    if (law) return unitGaussianFlow({ x, ...input });
    const ou = path({ type: "ou", horizon });
    const run = (eta: number) =>
      finish(eulerMaruyama(ideal(model), x.data, ou, { steps, end: 0, last: "sample", eta, ...given(noises) }));
    return { reverseSde: await run(1), probabilityFlowEuler: await run(0) };
  },
  "sampler.predictor-corrector": async ({ sde, model, x, noises, epsilon: end, ...input }: Input) => {
    const { steps, predictor, corrector, snr, correctorSteps } = input;
    const options = { steps, predictor, corrector, snr, correctorSteps, end, last: "sample" } as const;
    const handed = { samples: x.shape[0], ...given(noises) };
    let last: PathStep | undefined;
    for await (const step of predictorCorrector(ideal(model), x.data, pathOf(sde, input), { ...options, ...handed }))
      last = step;
    return { xMean: last?.mean, x: last?.x };
  },
  "sampler.rk45": rk45,
};
