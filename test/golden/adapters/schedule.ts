/** Noise schedules and discrete tables. */
import {
  betasFromSigmas,
  type DiscreteSchedule,
  type DiscreteSpec,
  discreteSchedule,
  iddpmSigmas,
  nearestIndex,
  respace,
  spaceTimesteps,
  timestepSpacing,
  vpSigma,
  zeroTerminalSnr,
} from "../../../src/diffusion/index.ts";
import { type SigmaGridSpec, sigmaGrid, sigmaSteps } from "../../../src/sampling/index.ts";
import type { Adapters } from "../vectors.ts";

/** The library's name of a golden discrete schedule. */
export function discreteSpec({ kind, ...rest }: { readonly kind: string }): DiscreteSpec {
  return { type: kind, ...rest } as DiscreteSpec;
}

/** A grid of `sigmas` from the vector's options, `n` being the number of steps. */
const grid =
  (type: SigmaGridSpec["type"]) =>
  // biome-ignore lint/suspicious/noExplicitAny: golden input
  ({ n, ...rest }: any) => ({ sigmas: sigmaGrid({ type, steps: n, ...rest }) });

export const schedule: Adapters = {
  "schedule.ddpm-betas": ({ indices, ...schedule }) => {
    const tables = discreteSchedule(discreteSpec(schedule));
    const names = Object.keys(tables).filter((name) => name !== "steps") as Exclude<keyof DiscreteSchedule, "steps">[];
    return Object.fromEntries(
      names.map((name) => [name, indices ? indices.map((i: number) => tables[name][i]) : tables[name]]),
    );
  },
  "schedule.zero-terminal-snr": ({ betas }) => {
    const { alphasCumprod } = discreteSchedule({ type: "betas", betas, zeroTerminalSnr: true });
    return { betas: zeroTerminalSnr(betas), alphasCumprod };
  },
  "schedule.respace": ({ steps, sections, schedule }) =>
    respace(discreteSchedule(discreteSpec({ ...schedule, steps })), spaceTimesteps(steps, sections)),
  "schedule.timestep-spacing": (input) => ({ timesteps: timestepSpacing(input) }),
  "schedule.karras-sigmas": grid("karras"),
  "schedule.exponential-sigmas": grid("exponential"),
  "schedule.polyexponential-sigmas": grid("polyexponential"),
  "schedule.vp-sigmas": ({ n, epsS, betaD, betaMin }) => ({
    times: sigmaSteps({ type: "vp", steps: n, betaD, betaMin, epsilonS: epsS }).map(
      vpSigma({ betaMin, betaMax: betaMin + betaD }).time,
    ),
    sigmas: sigmaGrid({ type: "vp", steps: n, betaD, betaMin, epsilonS: epsS }),
  }),
  "schedule.edm-vp-ve-iddpm": ({ table, ...input }) => edmTables[table](input),
};

// biome-ignore lint/suspicious/noExplicitAny: golden input
const edmTables: Readonly<Record<string, (input: any) => unknown>> = {
  vp: ({ betaD, betaMin, M, t, sigma }) => {
    const vp = vpSigma({ betaMin, betaMax: betaMin + betaD });
    return {
      sigmaOfT: t.map(vp.sigma),
      sigmaDerivative: t.map(vp.slope),
      tOfSigma: sigma.map(vp.time),
      noiseLabel: sigma.map((s: number) => (M - 1) * vp.time(s)),
    };
  },
  "vp-betas-from-range": ({ sigmaMin, sigmaMax, epsilonS }) => {
    const { betaMin, betaMax } = betasFromSigmas(sigmaMin, sigmaMax, epsilonS);
    return { betaMin, betaD: betaMax - betaMin };
  },
  iddpm: ({ indices, sigma, ...options }) => {
    const u = iddpmSigmas(options);
    const nearest: number[] = sigma.map((s: number) => nearestIndex(u, s));
    return {
      u: indices.map((i: number) => u[i]),
      nearestIndex: nearest,
      nearestValue: nearest.map((i) => u[i]),
      noiseLabel: nearest.map((i) => u.length - 2 - i),
    };
  },
  steps: ({ discretization, numSteps, ...rest }) => {
    const types: Readonly<Record<string, string>> = {
      vp: "vp-range",
      ve: "exponential",
      edm: "karras",
      iddpm: "iddpm",
    };
    return { sigmas: sigmaSteps({ type: types[discretization], steps: numSteps, ...rest } as SigmaGridSpec) };
  },
};
