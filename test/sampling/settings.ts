/** How each sampler is tested. */
import type { Denoise, SamplerName, SamplerSpec } from "../../src/sampling/index.ts";
import { flow } from "./gaussian.ts";

/** Each sampler without added noise (order and flow are tested), and with it (the law of its samples is tested). */
export interface Setting {
  readonly ode?: SamplerSpec;
  readonly sde?: SamplerSpec;
  readonly counts?: number[];
  readonly denoise?: Denoise;
}

/** One of every sampler; a new one must be here. */
export const settings: { readonly [K in SamplerName]: Setting } = {
  euler: { ode: { type: "euler" }, sde: { type: "euler", sChurn: 20 } },
  heun: { ode: { type: "heun" }, sde: { type: "heun", sChurn: 30 } },
  "edm-ablation": { ode: { type: "edm-ablation" }, sde: { type: "edm-ablation", sChurn: 30 } },
  dpm2: { ode: { type: "dpm2" }, sde: { type: "dpm2", sChurn: 30 } },
  lms: { ode: { type: "lms" }, counts: [64, 128, 256] },
  // Budgets of 3k + 2, whose last step is of order 2: with 3k or 3k + 1 it is of order 1, which hides the order.
  "dpm-fast": { ode: { type: "dpm-fast" }, counts: [65, 128, 257] },
  "dpm-adaptive": { ode: { type: "dpm-adaptive" } },
  rk45: { ode: { type: "rk45" } },
  "dpm++2m": { ode: { type: "dpm++2m" } },
  "euler-ancestral": { ode: { type: "euler-ancestral", eta: 0 }, sde: { type: "euler-ancestral" } },
  "dpm2-ancestral": { ode: { type: "dpm2-ancestral", eta: 0 }, sde: { type: "dpm2-ancestral" } },
  "dpm++2s-ancestral": { ode: { type: "dpm++2s-ancestral", eta: 0 }, sde: { type: "dpm++2s-ancestral" } },
  "dpm++sde": { ode: { type: "dpm++sde", eta: 0 }, sde: { type: "dpm++sde" } },
  "dpm++2m-sde": { ode: { type: "dpm++2m-sde", eta: 0 }, sde: { type: "dpm++2m-sde" } },
  "dpm++3m-sde": {
    ode: { type: "dpm++3m-sde", eta: 0 },
    sde: { type: "dpm++3m-sde" },
    counts: [128, 256, 512],
  },
  "annealed-langevin": { sde: { type: "annealed-langevin", stepsPerLevel: 10, epsilon: 1e-6 } },
  consistency: {
    sde: { type: "consistency" },
    // The exact consistency function: the ODE's solution at sigmaMin.
    denoise: (x, sigma) => flow(x, sigma, 0.002),
  },
  ddim: { ode: { type: "ddim" }, sde: { type: "ddim", eta: 1 } },
  "renoised-ddim": { sde: { type: "renoised-ddim" } },
  ancestral: { sde: { type: "ancestral" } },
  "dpm-solver": { ode: { type: "dpm-solver" } },
  "dpm-solver-adaptive": { ode: { type: "dpm-solver-adaptive" } },
  unipc: { ode: { type: "unipc" } },
  deis: { ode: { type: "deis" }, counts: [64, 128, 256] },
  "rho-rk": { ode: { type: "rho-rk" } },
  pndm: { ode: { type: "pndm" } },
  plms: { ode: { type: "plms" } },
};
