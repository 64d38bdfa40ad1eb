/** The table of samplers on a ladder of noise levels: what a recipe, a flag or a menu may name. */
import { unknownName } from "../errors/index.ts";
import { ancestral, ancestralOptions } from "./ancestral.ts";
import { ancestralNoiseOptions } from "./ancestral-noise.ts";
import { annealedLangevin, annealedLangevinOptions } from "./annealed-langevin.ts";
import { churnOptions } from "./churn.ts";
import { consistency, consistencyOptions } from "./consistency.ts";
import { ddim, ddimOptions } from "./ddim.ts";
import { deis, deisOptions, rhoRungeKutta, rhoRungeKuttaOptions, stagesOf } from "./deis.ts";
import type { Denoise, Sigmas, Step } from "./denoise.ts";
import { dormandPrinceOptions } from "./dormand-prince.ts";
import { dpmAdaptive, dpmAdaptiveOptions } from "./dpm-adaptive.ts";
import { dpmFast, dpmFastOptions } from "./dpm-fast.ts";
import { dpmSolver, dpmSolverOptions } from "./dpm-solver.ts";
import { dpmSolverAdaptive, dpmSolverAdaptiveOptions } from "./dpm-solver-adaptive.ts";
import { dpm2, dpm2Ancestral, dpmpp2sAncestral } from "./dpm2.ts";
import { dpmpp2m, dpmpp2mSde, dpmpp2mSdeOptions, dpmpp3mSde, dpmpp3mSdeOptions } from "./dpmpp-multistep.ts";
import { dpmppSde, dpmppSdeOptions } from "./dpmpp-sde.ts";
import { edmAblation, edmAblationOptions } from "./edm-ablation.ts";
import { euler, eulerAncestral } from "./euler.ts";
import { heun, heunOptions } from "./heun.ts";
import { lms, lmsOptions } from "./lms.ts";
import type { Handed } from "./noise.ts";
import { type Given, type OptionTable, type Resolved, resolve } from "./options.ts";
import { plms, plmsOptions, pndm, pndmOptions } from "./pndm.ts";
import { renoisedDdim } from "./renoised-ddim.ts";
import { rk45 } from "./rk45.ts";
import type { Sampler } from "./sampler.ts";
import { unipc, unipcOptions } from "./unipc.ts";

/** What is known about a sampler. */
export interface SamplerMember<T extends OptionTable, S = Sampler<Given<T> & Handed>> {
  readonly sample: S;
  readonly options: T;
  /** Order of convergence with all added noise turned off; 0 where steps are no discretisation of the ODE. */
  readonly order: number;
  /** Whether it draws noise: whatever its options say, depending on them, or not at all. */
  readonly noise: "always" | "optional" | "never";
  /**
   * Network evaluations (NFE) of a run over `steps` steps, of a ladder that ends at 0; undefined where they are chosen as
   * it runs.
   */
  readonly evaluations: (steps: number, options: Resolved<T>) => number | undefined;
  readonly source: string;
  /** Fewest steps of a run that ends at 0; 1 if absent. */
  readonly leastSteps?: (options: Resolved<T>) => number;
  /** Whether the first level may be ∞, as at zero terminal SNR. */
  readonly infinite?: boolean;
}

const member = <const T extends OptionTable>(entry: SamplerMember<T>) => entry;

const one = (steps: number) => steps;
const two = (steps: number) => 2 * steps - 1;
const karras = "Karras et al. (2022)";
const dpm = "Lu et al. (2022a), DPM-Solver";
const dpmpp = "Lu et al. (2022b), DPM-Solver++";
const kDiffusion = "Crowson et al., k-diffusion";

/** All samplers on a ladder, by name. */
export const samplers = {
  euler: member({
    sample: euler,
    options: churnOptions,
    order: 1,
    noise: "optional",
    evaluations: one,
    source: `${karras}, eq. 3`,
  }),
  heun: member({
    sample: heun,
    options: heunOptions,
    order: 2,
    noise: "optional",
    evaluations: two,
    source: `${karras}, Algorithms 1–3`,
  }),
  "edm-ablation": member({
    sample: edmAblation,
    options: edmAblationOptions,
    order: 2,
    noise: "optional",
    evaluations: (n, { solver }) => (solver === "euler" ? n : 2 * n - 1),
    source: `${karras}, Algorithm 3 and Table 1`,
  }),
  dpm2: member({
    sample: dpm2,
    options: churnOptions,
    order: 2,
    noise: "optional",
    evaluations: two,
    source: `${dpm}-2; ${karras}`,
  }),
  lms: member({
    sample: lms,
    options: lmsOptions,
    order: 4,
    noise: "never",
    evaluations: one,
    source: `Adams–Bashforth; ${kDiffusion}`,
  }),
  "dpm-fast": member({
    sample: dpmFast,
    options: dpmFastOptions,
    order: 3,
    noise: "never",
    evaluations: (n, { evaluations }) => evaluations || n,
    source: `${dpm}, §3.4`,
    leastSteps: () => 2,
  }),
  "dpm-adaptive": member({
    sample: dpmAdaptive,
    options: dpmAdaptiveOptions,
    order: 3,
    noise: "never",
    evaluations: () => undefined,
    source: `${dpm}, App. C; ${kDiffusion}`,
    leastSteps: () => 2,
  }),
  rk45: member({
    sample: rk45,
    options: dormandPrinceOptions,
    order: 5,
    noise: "never",
    evaluations: () => undefined,
    source: "Dormand and Prince (1980); Song et al. (2021)",
    leastSteps: () => 2,
  }),
  "dpm++2m": member({
    sample: dpmpp2m,
    options: {},
    order: 2,
    noise: "never",
    evaluations: one,
    source: `${dpmpp}, Algorithm 2`,
  }),
  "euler-ancestral": member({
    sample: eulerAncestral,
    options: ancestralNoiseOptions,
    order: 1,
    noise: "optional",
    evaluations: one,
    source: kDiffusion,
  }),
  "dpm2-ancestral": member({
    sample: dpm2Ancestral,
    options: ancestralNoiseOptions,
    order: 2,
    noise: "optional",
    evaluations: two,
    source: kDiffusion,
  }),
  "dpm++2s-ancestral": member({
    sample: dpmpp2sAncestral,
    options: ancestralNoiseOptions,
    order: 2,
    noise: "optional",
    evaluations: two,
    source: `${dpmpp}, Algorithm 1; ${kDiffusion}`,
  }),
  "dpm++sde": member({
    sample: dpmppSde,
    options: dpmppSdeOptions,
    order: 2,
    noise: "optional",
    evaluations: two,
    source: `${dpmpp}; ${kDiffusion}`,
  }),
  "dpm++2m-sde": member({
    sample: dpmpp2mSde,
    options: dpmpp2mSdeOptions,
    order: 2,
    noise: "optional",
    evaluations: one,
    source: `${dpmpp}; ${kDiffusion}`,
  }),
  "dpm++3m-sde": member({
    sample: dpmpp3mSde,
    options: dpmpp3mSdeOptions,
    order: 2,
    noise: "optional",
    evaluations: one,
    source: kDiffusion,
  }),
  "annealed-langevin": member({
    sample: annealedLangevin,
    options: annealedLangevinOptions,
    order: 0,
    noise: "always",
    evaluations: (n, { stepsPerLevel }) => n * stepsPerLevel + 1,
    source: "Song and Ermon (2019), Algorithm 1",
  }),
  consistency: member({
    sample: consistency,
    options: consistencyOptions,
    order: 0,
    noise: "optional",
    evaluations: one,
    source: "Song et al. (2023), Algorithm 1",
  }),
  ddim: member({
    sample: ddim,
    options: ddimOptions,
    order: 1,
    noise: "optional",
    evaluations: one,
    source: "Song, Meng and Ermon (2021), eq. 12",
    infinite: true,
  }),
  "renoised-ddim": member({
    sample: renoisedDdim,
    options: {},
    order: 0,
    noise: "optional",
    evaluations: one,
    source: "Meng et al. (2023), section 3.3",
  }),
  ancestral: member({
    sample: ancestral,
    options: ancestralOptions,
    order: 0,
    noise: "always",
    evaluations: one,
    source: "Ho et al. (2020), algorithm 2",
    infinite: true,
  }),
  "dpm-solver": member({
    sample: dpmSolver,
    options: dpmSolverOptions,
    order: 2,
    noise: "never",
    evaluations: one,
    source: `${dpm}; ${dpmpp}`,
    leastSteps: ({ method, order }) => (method === "singlestep" ? 1 : order + 1),
  }),
  "dpm-solver-adaptive": member({
    sample: dpmSolverAdaptive,
    options: dpmSolverAdaptiveOptions,
    order: 3,
    noise: "never",
    evaluations: () => undefined,
    source: `${dpm}, App. C`,
  }),
  unipc: member({
    sample: unipc,
    options: unipcOptions,
    order: 3,
    noise: "never",
    evaluations: one,
    source: "Zhao et al. (2023), Algorithms 5 and 6",
    leastSteps: ({ order }) => order + 1,
  }),
  deis: member({
    sample: deis,
    options: deisOptions,
    order: 4,
    noise: "never",
    evaluations: one,
    source: "Zhang and Chen (2023), eq. 15",
  }),
  "rho-rk": member({
    sample: rhoRungeKutta,
    options: rhoRungeKuttaOptions,
    order: 4,
    noise: "never",
    evaluations: (n, { tableau }) => stagesOf(tableau) * (n - 1) + 1,
    source: "Zhang and Chen (2023), §4",
  }),
  pndm: member({
    sample: pndm,
    options: pndmOptions,
    order: 2,
    noise: "never",
    evaluations: (n, { order }) => n + (order === 2 ? 1 : 9),
    source: "Liu et al. (2022), Algorithm 2",
    leastSteps: ({ order }) => order,
  }),
  plms: member({
    sample: plms,
    options: plmsOptions,
    order: 2,
    noise: "never",
    evaluations: one,
    source: "Liu et al. (2022); Zhang and Chen (2023), iPNDM",
  }),
} as const;

export type SamplerName = keyof typeof samplers;

/** A sampler by name and options: plain data, what a config file holds. */
export type SamplerSpec = {
  [K in SamplerName]: { readonly type: K } & Given<(typeof samplers)[K]["options"]>;
}[SamplerName];

/**
 * Runs a sampler given as a spec or as a function.
 * @throws ConfigError for an unknown name, here; for anything else it cannot use, at the first step.
 */
export function solve(
  spec: SamplerSpec | Sampler<never>,
  denoise: Denoise,
  x: Float64Array,
  sigmas: Sigmas,
  handed: Handed = {},
): AsyncGenerator<Step> {
  if (typeof spec === "function") return spec(denoise, x, sigmas, handed as never);
  const { type, ...options } = spec;
  return memberOf(type).sample(denoise, x, sigmas, { ...options, ...handed });
}

/** Network evaluations of a run over `steps` steps that ends at 0; undefined for samplers that choose as they run. */
export function evaluations({ type, ...options }: SamplerSpec, steps: number): number | undefined {
  const found = memberOf(type);
  return found.evaluations(steps, resolve(type, found.options, options));
}

/** Fewest steps of a run that ends at 0. */
export function leastSteps({ type, ...options }: SamplerSpec): number {
  const found = memberOf(type);
  return found.leastSteps?.(resolve(type, found.options, options)) ?? 1;
}

/** A member with its options' types forgotten: `resolve` checks them as it runs. */
function memberOf(type: SamplerName): SamplerMember<Record<never, never>> {
  if (!Object.hasOwn(samplers, type)) throw unknownName("sampler", type, Object.keys(samplers));
  return samplers[type] as unknown as SamplerMember<Record<never, never>>;
}
