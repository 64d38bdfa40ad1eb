/** Every timestep sampler, some with several settings. */
import { type TimestepLaw, type TimestepSpec, timestepSampler } from "../../src/diffusion/index.ts";

/** The law that a sampler begins with. */
export const lawOf = (spec: TimestepSpec): TimestepLaw => {
  const sampler = timestepSampler(spec);
  return sampler.law(sampler.init());
};

export const timestepExamples: readonly TimestepSpec[] = [
  { type: "uniform" },
  { type: "uniform", min: 1e-5, max: 1 },
  { type: "uniform-steps", steps: 7 },
  { type: "bernoulli", p: 0.6, threshold: 0.25 },
  { type: "bernoulli", p: 0.3, threshold: 0.7, over: { type: "log-normal" } },
  { type: "bernoulli", p: 0.8, threshold: 0.3, over: { type: "vp-uniform" } },
  { type: "bernoulli", p: 0.8, threshold: 0.3, over: { type: "adaptive", bins: 8 } },
  { type: "bernoulli-steps", p: 0.9, steps: 21, significantSteps: 7 },
  { type: "bernoulli-steps", p: 0.4, steps: 21, significantSteps: 7, overlapping: true },
  { type: "logit-normal", mean: -0.5, std: 1.2 },
  { type: "beta", a: 2, b: 5 },
  { type: "beta", a: 1, b: 1.5 },
  { type: "discriminator" },
  { type: "log-normal" },
  { type: "log-normal", pMean: -0.4, pStd: 1 },
  { type: "log-uniform" },
  { type: "log-logistic", loc: -0.7, scale: 0.5 },
  { type: "log-logistic", sigmaMin: 0.01, sigmaMax: 160 },
  { type: "v-diffusion", sigmaData: 0.5 },
  { type: "cosine-interpolated", imageSize: 256, noiseLow: 32, noiseHigh: 128, sigmaData: 0.5 },
  { type: "split-log-normal", loc: -1.2, scaleLeft: 1, scaleRight: 1.6 },
  { type: "vp-uniform" },
  { type: "loss-second-moment", steps: 9, history: 2 },
  { type: "adaptive", bins: 16 },
];
