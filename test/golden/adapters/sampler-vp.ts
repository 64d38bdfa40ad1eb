/** Fast solvers on Song's linear VP schedule and on discrete schedules. The vectors hold states z = α x. */
import { gaussian, type NoiseSchedule, noiseSchedule } from "../../../src/diffusion/index.ts";
import {
  counted,
  deis,
  deisUpdates,
  dpmSolver,
  dpmSolverAdaptive,
  plms,
  plmsUpdates,
  pndm,
  rhoRungeKutta,
  type Sigmas,
  type Spacing,
  type Step,
  sigmaAt,
  solverSigmas,
  unipc,
} from "../../../src/sampling/index.ts";
import { ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";
import { levelsOf, runVp, scaled, vpAlpha } from "./sampler-discrete.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

const linear = ({ betaMin, betaMax }: Input): NoiseSchedule => noiseSchedule({ type: "linear", betaMin, betaMax });
const timeOf = (schedule: NoiseSchedule, sigma: number) => schedule.time(-2 * Math.log(sigma));

const spacings: Readonly<Record<string, Spacing>> = {
  "time-uniform": { type: "time" },
  "time-quadratic": { type: "time", power: 2 },
  logSNR: { type: "log-snr" },
};

/** Runs a sampler on z at `sigmas[0]`; reports what all vectors of this family expect. */
async function run(
  { model, x: start }: Input,
  schedule: NoiseSchedule,
  sigmas: Sigmas,
  sampler: (denoise: ReturnType<typeof counted>, x: Float64Array) => AsyncIterable<Step>,
) {
  const watched = counted(ideal(model));
  const end = sigmas[sigmas.length - 1];
  let [x, accepted] = [start.data, 0];
  for await (const step of sampler(watched, scaled(start.data, 1 / vpAlpha(sigmas[0])))) {
    x = step.x;
    accepted++;
  }
  const last = sigmas.filter((s) => s > 0).at(-1)!;
  return {
    x: scaled(x, vpAlpha(end)),
    accepted,
    evaluations: watched.sigmas.length,
    evaluationTimes: watched.sigmas.map((sigma) => timeOf(schedule, sigma)),
    exact:
      model.type === "gaussian"
        ? scaled(
            gaussian({ mean: model.mean, std: model.std }).flow(
              scaled(start.data, 1 / vpAlpha(sigmas[0])),
              sigmas[0],
              last,
            ),
            vpAlpha(last),
          )
        : undefined,
  };
}

function dpmSolverCase(input: Input) {
  const { algorithm, method, order, skipType, solverType, steps, tStart, tEnd, lowerOrderFinal, denoiseToZero } = input;
  const schedule = linear(input);
  const grid = solverSigmas({
    schedule,
    steps,
    spacing: spacings[skipType],
    tStart,
    tEnd,
    ...(method !== "multistep" && { singlestep: { order, fixed: method === "singlestep-fixed" } }),
  });
  const sigmas = denoiseToZero ? [...grid, 0] : grid;
  return run(input, schedule, sigmas, (denoise, x) =>
    dpmSolver(denoise, x, sigmas, {
      method,
      order,
      coefficients: solverType ?? "dpmsolver",
      predicts: algorithm === "dpmsolver" ? "noise" : "data",
      ending: lowerOrderFinal ? "lower" : "same",
    }),
  );
}

function adaptiveCase(input: Input) {
  const { algorithm, order, tStart, tEnd, atol, rtol, hInit, theta, tErr, x } = input;
  const schedule = linear(input);
  const sigmas = [sigmaAt(schedule, tStart), sigmaAt(schedule, tEnd)];
  return run(input, schedule, sigmas, (denoise, start) =>
    dpmSolverAdaptive(denoise, start, sigmas, {
      order,
      predicts: algorithm === "dpmsolver" ? "noise" : "data",
      coefficients: input.solverType ?? "dpmsolver",
      ...{ atol, rtol, hInit, theta },
      batch: x.shape[0],
      arrived: (sigma) => Math.abs(timeOf(schedule, sigma) - tEnd) <= tErr,
      reuse: false,
    }),
  );
}

function unipcCase(input: Input) {
  const { variant, prediction, order, steps, skipType, tStart, tEnd, lowerOrderFinal } = input;
  const schedule = linear(input);
  const sigmas = solverSigmas({ schedule, steps, spacing: spacings[skipType], tStart, tEnd });
  return run(input, schedule, sigmas, (denoise, x) =>
    unipc(denoise, x, sigmas, { variant, predicts: prediction, order, ending: lowerOrderFinal ? "lower" : "same" }),
  );
}

async function deisCase(input: Input) {
  const { method, order, rungeKutta, grid, gridOrder, steps, tEnd } = input;
  const schedule = linear(input);
  const spacing: Spacing = { type: grid === "t" ? "time" : "sigma", power: gridOrder };
  const sigmas = solverSigmas({ schedule, steps, spacing, tEnd });
  const times = sigmas.map((sigma) => timeOf(schedule, sigma));
  if (method === "rho-rk") {
    const result = await run(input, schedule, sigmas, (denoise, x) =>
      rhoRungeKutta(denoise, x, sigmas, { tableau: rungeKutta }),
    );
    return { ...result, times };
  }
  const updates = method === "ipndm" ? plmsUpdates(sigmas, order + 1) : undefined;
  const variable = ({ "t-ab": "time", "rho-ab": "rho", "log-rho-ab": "log-rho" } as const)[method as "t-ab"];
  const options = { order, variable, schedule };
  const result = await run(input, schedule, sigmas, (denoise, x) =>
    updates ? plms(denoise, x, sigmas, { order: order + 1 }) : deis(denoise, x, sigmas, options),
  );
  // In the VP frame: z' = (α'/α) z + α' Σ C_j ε̂.
  const coefficients = (updates ?? deisUpdates(sigmas, options)).map(({ scale, weights }, i) => {
    const next = vpAlpha(sigmas[i + 1]);
    return [(scale * next) / vpAlpha(sigmas[i]), ...weights.map((w) => next * w)];
  });
  return { ...result, times, coefficients };
}

async function pndmCase({ method, schedule, timesteps, model, x }: Input) {
  const sigmas = [...levelsOf(schedule, timesteps), 0];
  const half = timesteps.slice(0, 3).map((t: number, i: number) => Math.floor((t + (timesteps[i + 1] ?? t)) / 2));
  const watched = counted(ideal(model));
  const result = await runVp(x.data, sigmas, (start) => {
    if (method === "pndm") return pndm(watched, start, sigmas, { middles: levelsOf(schedule, half) });
    if (method === "s-pndm") return pndm(watched, start, sigmas, { order: 2 });
    return plms(watched, start, sigmas, { order: method === "order1" ? 1 : 4 });
  });
  const all = levelsOf(
    schedule,
    Array.from({ length: schedule.steps }, (_, t) => t),
  );
  return { ...result, evaluationTimesteps: watched.sigmas.map((sigma) => all.indexOf(sigma)) };
}

export const samplerVp: Adapters = {
  "sampler.dpm-solver": dpmSolverCase,
  "sampler.dpm-solver-adaptive": adaptiveCase,
  "sampler.unipc": unipcCase,
  "sampler.deis": deisCase,
  "sampler.pndm": pndmCase,
  "sampler.plms": pndmCase,
};
