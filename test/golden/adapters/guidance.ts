/** Guidance modifiers and the sampler with a discriminator. */
import { convert, discreteSchedule, type Prediction } from "../../../src/diffusion/index.ts";
import {
  ancestralLaw,
  classifierGuided,
  type Discriminator,
  ddim,
  discriminatorCorrection,
  discriminatorHeun,
  finish,
  guidanceActive,
  guide,
  karrasSigmas,
  reverseVariances,
} from "../../../src/sampling/index.ts";
import { given, ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";
import { scaled, vpAlpha } from "./sampler-discrete.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

function classifierFreeCase({ conditional, unconditional, interval, sigma, alpha, z, predict, ...options }: Input) {
  const active = guidanceActive(sigma, interval);
  const { scale, strength, rescale } = options;
  const guided = active
    ? guide(conditional.data, unconditional.data, {
        batch: conditional.shape[0],
        ...(scale !== undefined && { scale }),
        ...(strength !== undefined && { strength }),
        ...(rescale !== undefined && { rescale }),
      })
    : conditional.data;
  if (!predict) return { guided, active };
  const to = (prediction: Prediction) => convert(predict, prediction, { alpha, sigma }, z.data, guided);
  return { guided, active, guidedX: to("x"), guidedEps: to("eps"), guidedV: to("v") };
}

/** Every row has a timestep of its own, so each is a batch by itself. */
async function classifierCase({ schedule, t, x, eps, classifierGradient, scale, varianceType, noise }: Input) {
  const { kind, ...constants } = schedule;
  const { sigmas } = discreteSchedule({ type: kind, ...constants });
  const dims = x.data.length / x.shape[0];
  const rows: Record<"guidedMean" | "ancestralNext" | "guidedEps" | "ddimNext", number[]> = {
    guidedMean: [],
    ancestralNext: [],
    guidedEps: [],
    ddimNext: [],
  };
  for (const [row, step] of (t as number[]).entries()) {
    const part = (tensor: Input): Float64Array => tensor.data.slice(row * dims, (row + 1) * dims);
    const leap = { sigma: sigmas[step], next: step > 0 ? sigmas[step - 1] : 0, before: sigmas[step + 1] };
    const [alpha, alphaNext] = [vpAlpha(leap.sigma), vpAlpha(leap.next)];
    const state = scaled(part(x), 1 / alpha);
    const denoised = state.map((v, i) => v - leap.sigma * part(eps)[i]);
    const gradient = scaled(part(classifierGradient), alpha); // with respect to x = z/α

    const { mean, std } = ancestralLaw(leap, state, denoised, {
      variance: reverseVariances[varianceType as "fixed-small"](leap, 0),
      gradient: scaled(gradient, scale),
    });
    rows.guidedMean.push(...scaled(mean, alphaNext));
    rows.ancestralNext.push(...mean.map((v, i) => alphaNext * (v + (std as number) * part(noise)[i])));

    const guided = classifierGuided(
      () => denoised,
      () => gradient,
      scale,
    );
    const answer = await guided(state, leap.sigma);
    rows.guidedEps.push(...state.map((v, i) => (v - answer[i]) / leap.sigma));
    rows.ddimNext.push(...scaled(await finish(ddim(guided, state, [leap.sigma, leap.next])), alphaNext));
  }
  return rows;
}

/** logit = quadratic·|z|² + bias + time·τ */
const quadraticDiscriminator =
  ({ quadratic, bias, time }: Input, dims: number): Discriminator =>
  (z, tau) => ({
    logit: Float64Array.from({ length: z.length / dims }, (_, row) =>
      z.subarray(row * dims, (row + 1) * dims).reduce((sum, v) => sum + quadratic * v * v, bias + time * tau),
    ),
    gradient: z.map((v) => 2 * quadratic * v),
  });

async function discriminatorCase(input: Input) {
  const { kind, timeMin, timeMax, betaMin, betaMax } = input;
  const range = { timeMin, timeMax, betaMin, betaMax };
  const start = input.x ?? input.latents;
  const batch: number = start.shape[0];
  const discriminator = quadraticDiscriminator(input.discriminator, start.data.length / batch);
  if (kind === "single") {
    const sigmas = new Array(batch).fill(input.sigma);
    const { active, tau, alphaTau, logRatio, correction } = await discriminatorCorrection(
      discriminator,
      start.data,
      sigmas,
      range,
    );
    const driftCorrection = scaled(correction, 1 / input.sigma);
    return { active, tau: tau[0], alphaTau: alphaTau[0], logRatio, correction, driftCorrection };
  }
  const { model, noises, numSteps, sigmaMin, sigmaMax, rho, boosting } = input;
  const sigmas = karrasSigmas({ steps: numSteps, sigmaMin, sigmaMax, rho });
  const { sChurn, sMin, sMax, sNoise, weightFirstOrder, weightSecondOrder } = input;
  const { boostPeriod, boostChurn, boostNoise, boostWeightPeriod } = input;
  const options = { sChurn, sMin, sMax, sNoise, weightFirstOrder, weightSecondOrder };
  const x = await finish(
    discriminatorHeun(ideal(model), scaled(start.data, sigmas[0]), sigmas, {
      ...options,
      boosting: boosting ? "on" : "off",
      ...{ boostPeriod, boostChurn, boostNoise, boostWeightPeriod },
      ...given(noises),
      ...{ discriminator, batch, range },
    }),
  );
  return { x };
}

export const guidance: Adapters = {
  "guidance.cfg": classifierFreeCase,
  "guidance.classifier": classifierCase,
  "guidance.discriminator": discriminatorCase,
};
