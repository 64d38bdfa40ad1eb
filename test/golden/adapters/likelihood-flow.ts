/** Log-likelihood by the probability-flow ODE. */
import { alphaOf, atLevel, gaussian, type Level, mixture, path } from "../../../src/diffusion/index.ts";
import {
  bitsPerDim,
  type LikelihoodOptions,
  likelihood,
  likelihoodEnds,
  type Trace,
} from "../../../src/sampling/index.ts";
import type { Adapters } from "../vectors.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

function endsOf({ process, betaMin, betaMax, sigmaMin, sigmaMax, tStart, tEnd }: Input) {
  const times = { tStart, tEnd };
  if (process === "vp") return likelihoodEnds(path({ type: "vp", betaMin, betaMax }), times);
  if (process === "subvp") return likelihoodEnds(path({ type: "sub-vp", betaMin, betaMax }), times);
  if (process === "ve") return likelihoodEnds(path({ type: "ve", sigmaMin, sigmaMax }), times);
  const level = (sigma: number): Level => ({ alpha: alphaOf("ve", sigma), sigma });
  return { start: level(tStart), end: level(tEnd), priorStd: sigmaMax };
}

async function flow(input: Input) {
  const { model, x, probeRademacher, probeGaussian } = input;
  const [batch, dims] = x.shape;
  const data = model.type === "gaussian" ? gaussian({ ...model, dims }) : mixture(model);
  const ends = endsOf(input);
  const run = (trace: Trace) => {
    const options: LikelihoodOptions = { ...ends, batch, trace, rtol: 1e-9, atol: 1e-9 };
    return likelihood(data.denoise, x.data, options);
  };
  const probed = async (probe: Float64Array) =>
    (await run({ type: "probes", product: data.jvp, probes: [probe], identity: "probed" })).deltaLogProb;
  const exact = await run({ type: "exact", product: data.jvp });
  const bits = (high: number, low: number) =>
    exact.logLikelihood.map((value) => bitsPerDim(value, dims, { low, high }));
  return {
    ...exact,
    bitsPerDimOffset7: bits(1, -1),
    bitsPerDimOffset8: bits(1, 0),
    deltaWithRademacherProbe: await probed(probeRademacher.data),
    deltaWithGaussianProbe: await probed(probeGaussian.data),
    exactMarginalLogProb: atLevel(data, ends.start).logDensity(x.data),
  };
}

export const likelihoodFlow: Adapters = { "likelihood.pf-ode": flow };
