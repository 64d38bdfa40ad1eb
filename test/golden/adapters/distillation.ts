/** Targets of distillation. */
import { alphaOf, convert, noiseSchedule, precondition } from "../../../src/diffusion/index.ts";
import {
  consistencyLoss,
  consistencyPair,
  consistencyScales,
  consistencyWeight,
  inverseCosineLabel,
  progressiveLevels,
  progressiveTarget,
  progressiveWeightings,
} from "../../../src/distillation/index.ts";
import { type Denoise, sigmaSteps } from "../../../src/sampling/index.ts";
import { ideal } from "../models.ts";
import type { Adapters } from "../vectors.ts";
import { scaled } from "./sampler-discrete.ts";

// biome-ignore lint/suspicious/noExplicitAny: vectors of one family differ in their options
type Input = any;

function scales({ step, ...schedule }: Input) {
  const all = (step as number[]).map((one) => consistencyScales(schedule, one));
  return { targetEma: all.map((one) => one.targetEma), numScales: all.map((one) => one.numScales) };
}

/** Every row has a noise level of its own, so each is a batch by itself. */
async function consistencyCase(input: Input) {
  const { mode, numScales, indices, sigmaMin, sigmaMax, rho, sigmaData, weighting, teacher, x, noise } = input;
  const ladder = sigmaSteps({ type: "karras", steps: numScales, sigmaMin, sigmaMax, rho });
  const at = precondition({ type: "consistency", sigmaData, sigmaMin });
  const network =
    ({ scale, bias }: Input): Denoise =>
    (u, sigma) => {
      const { cSkip, cOut, cIn } = at(sigma);
      return u.map((v) => cSkip * v + cOut * (scale * cIn * v + bias));
    };
  const [student, target] = [network(input.student), network(input.target)];
  const dims = x.data.length / indices.length;
  const rows: Record<"xSigma" | "xNext" | "studentOutput" | "targetOutput", number[]> = {
    xSigma: [],
    xNext: [],
    studentOutput: [],
    targetOutput: [],
  };
  const lists: Record<"sigma" | "sigmaNext" | "weight" | "lossL2" | "lossL1", number[]> = {
    sigma: [],
    sigmaNext: [],
    weight: [],
    lossL2: [],
    lossL1: [],
  };
  for (const [row, index] of (indices as number[]).entries()) {
    const part = (tensor: Input): Float64Array => tensor.data.slice(row * dims, (row + 1) * dims);
    const [sigma, next] = [ladder[index], ladder[index + 1]];
    const model = mode === "distillation" ? ideal(teacher) : undefined;
    const { xSigma, xNext } = await consistencyPair(part(x), part(noise), { sigma, next }, model);
    const [studentOutput, targetOutput] = [await student(xSigma, sigma), await target(xNext, next)];
    const weight = consistencyWeight(weighting, sigma, sigmaData);
    rows.xSigma.push(...xSigma);
    rows.xNext.push(...xNext);
    rows.studentOutput.push(...studentOutput);
    rows.targetOutput.push(...targetOutput);
    lists.sigma.push(sigma);
    lists.sigmaNext.push(next);
    lists.weight.push(weight);
    lists.lossL2.push(...consistencyLoss(studentOutput, targetOutput, { norm: "l2", weight }));
    lists.lossL1.push(...consistencyLoss(studentOutput, targetOutput, { norm: "l1", weight }));
  }
  return { ...rows, ...lists };
}

async function progressiveCase({ studentSteps, index, lambdaMin, lambdaMax, model, x, noise }: Input) {
  const schedule = noiseSchedule({ type: "cosine", truncate: { min: lambdaMin, max: lambdaMax } });
  const levels = progressiveLevels(schedule, studentSteps, index);
  const sigmaTilde = (logSnr: number) => Math.exp(-logSnr / 2);
  const alpha = (logSnr: number) => alphaOf("vp", sigmaTilde(logSnr));
  const sigma = (logSnr: number) => sigmaTilde(logSnr) * alpha(logSnr);
  const { t, mid, s } = levels;
  const start = x.data.map((v: number, i: number) => v + sigmaTilde(t) * noise.data[i]);
  const found = await progressiveTarget(ideal(model), start, levels, index === 1);
  const zT = scaled(start, alpha(t));
  const at = { alpha: alpha(t), sigma: sigma(t) };
  return {
    logSnrT: t,
    logSnrMid: mid,
    logSnrS: s,
    zT,
    xTeacher1: found.first,
    zMid: scaled(found.xMid, alpha(mid)),
    xTeacher2: found.second,
    zS: scaled(found.xEnd, alpha(s)),
    sigmaRatio: sigma(s) / sigma(t),
    target: found.target,
    targetEps: convert("x", "eps", at, zT, found.target),
    targetV: convert("x", "v", at, zT, found.target),
    weightTruncatedSnr: progressiveWeightings["truncated-snr"](t),
    weightSnrPlusOne: progressiveWeightings["snr-plus-one"](t),
    timeLabel: inverseCosineLabel(t),
  };
}

export const distillation: Adapters = {
  "distillation.consistency-schedule": scales,
  "distillation.consistency-target": consistencyCase,
  "distillation.progressive-target": progressiveCase,
};
