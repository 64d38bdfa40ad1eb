/** Sampling: solvers in σ-space, guidance, step grids, likelihood. */
export { type Counted, counted } from "./counted.ts";
export { type Denoise, finish, type Noise, type Sigmas, type Step } from "./denoise.ts";
export { type EulerOptions, euler, eulerOptions } from "./euler.ts";
export { karrasSigmas, type SigmaGridSpec, sigmaGrid, sigmaGridTypes, sigmaSteps } from "./grids.ts";
export { type HeunOptions, heun, heunOptions } from "./heun.ts";
export { type Gaussian, gaussianDenoiser, gaussianFlow, type Level, type Mixture, mixtureDenoiser } from "./ideal.ts";
export type { Handed } from "./noise.ts";
export type { Given, Option, OptionTable, Resolved } from "./options.ts";
export type { Sampler } from "./sampler.ts";
export { evaluations, type SamplerMember, type SamplerName, type SamplerSpec, samplers, solve } from "./samplers.ts";
