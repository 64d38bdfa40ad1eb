/** Noise schedules and discrete tables. */
import {
  betasFromSigmas,
  type DiscreteSchedule,
  type DiscreteSpec,
  discreteOu,
  discreteSchedule,
  type Gamma,
  iddpmSigmas,
  interpolate,
  linearGamma,
  monotoneGamma,
  type NoiseScheduleSpec,
  nearestIndex,
  noiseSchedule,
  normalizeGamma,
  type PathSpec,
  path,
  priorLogDensity,
  respace,
  sigmoid,
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

/** The library's spec of a golden continuous schedule. */
// biome-ignore lint/suspicious/noExplicitAny: golden input
export function noiseScheduleSpec(schedule: any): NoiseScheduleSpec {
  const { type, lambdaMin, lambdaMax, reference, resolution, ...rest } = schedule;
  const types: Readonly<Record<string, string>> = {
    "shifted-cosine": "cosine",
    "edm-train": "edm-training",
    "edm-sample": "edm-sampling",
    "flow-ot": "flow",
  };
  return {
    ...rest,
    type: types[type] ?? type,
    ...(type === "shifted-cosine" && { shift: Math.log(reference / resolution) }),
    ...((lambdaMin !== undefined || lambdaMax !== undefined) && {
      truncate: { min: lambdaMin ?? Number.NEGATIVE_INFINITY, max: lambdaMax ?? Number.POSITIVE_INFINITY },
    }),
  };
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
  "schedule.log-snr": ({ schedule, t, lambda, outside }) => {
    const { lambdaMin, lambdaMax, ...rest } = schedule;
    const spec = noiseScheduleSpec(rest);
    const [whole, truncated] = [noiseSchedule(spec), noiseSchedule(noiseScheduleSpec(schedule))];
    return {
      lambdaOfT: t.map((v: number) => truncated.logSnr(v)),
      tOfLambda: lambda.map(truncated.time),
      density: lambda.map(truncated.density),
      t0: whole.time(lambdaMax),
      t1: whole.time(lambdaMin),
      densityOutside: outside?.map(truncated.density),
    };
  },
  "schedule.discrete-interpolation": ({ schedule, t, halfLogSnr, clipHalfLogSnr }) => {
    const view = interpolate(discreteSpec(schedule), clipHalfLogSnr);
    return {
      keptSteps: view.keptSteps,
      logAlpha: t.map(view.logAlpha),
      halfLogSnrOfT: t.map(view.halfLogSnr),
      tOfHalfLogSnr: halfLogSnr.map(view.time),
    };
  },
  "schedule.sde": ({ sde, steps, t, z, ...options }) => {
    const process = path({ ...options, type: sde === "subvp" ? "sub-vp" : sde } as PathSpec);
    const each = (of: (t: number) => number | undefined) => t.map(of);
    return {
      alpha: each(process.alpha),
      std: each(process.sigma),
      logSnr: each((v) => process.logSnr(v)),
      driftCoefficient: each(process.drift),
      diffusion: each(process.diffusion),
      discreteIndex: each((v) => process.step(v, steps).index),
      discreteDriftCoefficient: each((v) => process.step(v, steps).drift),
      discreteDiffusion: each((v) => process.step(v, steps).diffusion),
      priorLogProb: priorLogDensity(z.data, z.data.length / z.shape[0], process.priorStd),
    };
  },
  "schedule.ou": ({ process, t, gamma, k }) => {
    if (process === "discrete") {
      const chain = discreteOu(gamma);
      return {
        alpha: k.map(chain.alpha),
        variance: k.map(chain.variance),
        stationaryVariance: chain.stationaryVariance,
      };
    }
    const horizon = Math.max(...t);
    const ou = path({ type: "ou", horizon });
    const times: number[] = t.map((v: number) => v / horizon);
    return {
      alpha: times.map(ou.alpha),
      variance: times.map((v) => ou.sigma(v) ** 2),
      logSnr: times.map((v) => ou.logSnr(v)),
      vpBeta: ou.diffusion(0) ** 2 / horizon,
    };
  },
  "schedule.vdm-gamma": ({ variant, gammaMin, gammaMax, t, ...weights }) => {
    const each = ({ gamma, slope }: Gamma, names: readonly [string, string]) => ({
      [names[0]]: t.map(gamma),
      [names[1]]: t.map(slope),
    });
    if (variant === "fixed-linear") {
      const line = linearGamma(gammaMin, gammaMax);
      return {
        ...each(line, ["gamma", "gammaDerivative"]),
        alpha: t.map((v: number) => Math.sqrt(sigmoid(-line.gamma(v)))),
        sigma: t.map((v: number) => Math.sqrt(sigmoid(line.gamma(v)))),
      };
    }
    const raw = monotoneGamma(variant.replace("monotone-net-", ""), weights);
    return {
      ...each(raw, ["raw", "rawDerivative"]),
      ...each(normalizeGamma(raw, gammaMin, gammaMax), ["normalized", "normalizedDerivative"]),
    };
  },
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
