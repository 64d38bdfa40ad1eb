import {
  atLevel,
  type BoundStep,
  type DiscretizedCdf,
  denoisingLoss,
  discreteBound,
  discreteLoss,
  discreteSchedule,
  discretizedCdfs,
  discretizedLogLikelihood,
  gaussian,
  isLearned,
  levelAt,
  logNormalSigma,
  lowDiscrepancy,
  type MultiplierSpec,
  meanSquaredError,
  multiplierOn,
  noised,
  noiseSchedule,
  normalKl,
  type PathSpec,
  type Prediction,
  path,
  perturbedNoise,
  priorTerm,
  scoreConvention,
  scoreMatchingLoss,
  targetValues,
  timestepSampler,
  vdmBound,
} from "../../../src/diffusion/index.ts";
import type { Adapters, Tensor } from "../vectors.ts";
import { discreteSpec } from "./schedule.ts";
import { multiplierSpec } from "./weighting.ts";

/** The i-th sample of a batch. */
const row = ({ shape, data }: Tensor, i: number) => {
  const dims = data.length / shape[0];
  return data.subarray(i * dims, (i + 1) * dims);
};

/** One number for each sample of a batch. */
const perSample = <T>({ shape }: Tensor, value: (i: number) => T) =>
  Array.from({ length: shape[0] }, (_, i) => value(i));

/** Rows side by side, as a tensor like `like`. */
const stack = ({ shape }: Tensor, rows: readonly Float64Array[]): Tensor => {
  const data = Float64Array.from(rows.flatMap((values) => [...values]));
  return { shape: [shape[0], ...shape.slice(1)], data };
};

const linear =
  ({ scale, bias }: { readonly scale: number; readonly bias: number }) =>
  (z: Float64Array) =>
    z.map((v) => scale * v + bias);

/** The noise levels and x-weights of the three losses of the EDM paper. */
const edmLosses: Readonly<
  // biome-ignore lint/suspicious/noExplicitAny: golden input
  Record<string, (input: any) => { readonly sigma: number[]; readonly multiplier: MultiplierSpec }>
> = {
  edm: ({ normal, sigmaData, ...law }) => ({
    sigma: normal.map((n: number) => logNormalSigma(n, law)),
    multiplier: { type: "edm", sigmaData },
  }),
  vp: ({ uniform, betaD, betaMin, epsilonT }) => ({
    sigma: uniform.map(drawOf({ type: "vp-uniform", betaMin, betaMax: betaMin + betaD, epsilonT })),
    multiplier: { type: "simple" },
  }),
  ve: ({ uniform, sigmaMin, sigmaMax }) => ({
    sigma: uniform.map(drawOf({ type: "log-uniform", sigmaMin, sigmaMax })),
    multiplier: { type: "simple" },
  }),
};

const drawOf = (spec: Parameters<typeof timestepSampler>[0]) => {
  const sampler = timestepSampler(spec);
  return sampler.law(sampler.init()).draw;
};

export const losses: Adapters = {
  "loss.normal-kl": ({ mean1, logVar1, mean2, logVar2 }) => ({
    kl: mean1.map((_: number, i: number) => normalKl(mean1[i], logVar1[i], mean2[i], logVar2[i])),
  }),
  "loss.discretized-gaussian": ({ x, mean, logScale, cdfAt }) => {
    if (cdfAt) return { tanh: cdfAt.map(discretizedCdfs.tanh.cdf), exact: cdfAt.map(discretizedCdfs.erf.cdf) };
    const all = (cdf: DiscretizedCdf) =>
      x.map((v: number, i: number) => discretizedLogLikelihood(v, mean[i], logScale[i], { cdf }));
    return { logLikelihoodTanh: all("tanh"), logLikelihoodErf: all("erf") };
  },
  "loss.edm-vp-ve": async ({ kind, images, noise, denoiser, ...input }) => {
    const { sigma, multiplier } = edmLosses[kind](input);
    const onX = multiplierOn("x", multiplier);
    const weight = sigma.map((s) => onX(-2 * Math.log(s)));
    const { denoise } = gaussian({ mean: denoiser.mean, std: denoiser.std });
    const all = await Promise.all(
      perSample(images, (i) =>
        denoisingLoss(denoise, { clean: row(images, i), noise: row(noise, i), sigma: sigma[i], weight: weight[i] }),
      ),
    );
    const loss = stack(
      images,
      all.map((one) => one.loss),
    );
    const sum = loss.data.reduce((a, b) => a + b, 0);
    return {
      sigma,
      weight,
      noisy: stack(
        images,
        all.map((one) => one.noisy),
      ),
      denoised: stack(
        images,
        all.map((one) => one.denoised),
      ),
      loss,
      sum,
      meanOverBatch: sum / all.length,
      meanOverAll: sum / loss.data.length,
    };
  },
  "loss.weighted-eps": ({ schedule, t, x0, noise, predict, model }, { expect }) => {
    const tables = discreteSchedule(discreteSpec(schedule));
    const prediction = predict as Prediction;
    const levels = t.map((step: number) => levelAt(tables, step));
    const xt = perSample(x0, (i) => noised(levels[i], row(x0, i), row(noise, i)));
    const target = perSample(x0, (i) => targetValues(prediction, levels[i], row(x0, i), row(noise, i)));
    const mse = xt.map((z, i) => meanSquaredError(target[i], linear(model)(z)));
    const logSnr: number[] = t.map((step: number) => tables.logSnr[step]);
    return {
      xt: stack(x0, xt),
      target: stack(x0, target),
      snr: logSnr.map(Math.exp),
      mse,
      byWeighting: (expect.byWeighting as { weighting: string }[]).map(({ weighting, ...rest }) => {
        const { weight: _, loss: __, ...constants } = rest as Record<string, unknown>;
        const weight = logSnr.map(multiplierOn(prediction, multiplierSpec({ weighting, ...constants })));
        return { weighting, ...constants, weight, loss: weight.map((w, i) => w * mse[i]) };
      }),
    };
  },
  "loss.input-perturbation": ({ schedule, t, x0, noise, perturbation, gamma, model }) => {
    const tables = discreteSchedule(discreteSpec(schedule));
    const xt = perSample(x0, (i) =>
      noised(levelAt(tables, t[i]), row(x0, i), perturbedNoise(row(noise, i), row(perturbation, i), gamma)),
    );
    return { xt: stack(x0, xt), loss: xt.map((z, i) => meanSquaredError(row(noise, i), linear(model)(z))) };
  },
  "loss.hybrid-vlb": ({ schedule, lossType, varianceType, predict, t, x0, noise, modelOutput }) => {
    const options = {
      schedule: discreteSchedule(discreteSpec(schedule)),
      loss: lossType,
      variance: varianceType,
      prediction: predict,
    };
    const all = perSample(x0, (i) =>
      discreteLoss(options, { t: t[i], clean: row(x0, i), noise: row(noise, i), output: row(modelOutput, i) }),
    );
    return {
      xt: stack(
        x0,
        all.map((one) => one.z),
      ),
      mean: stack(
        x0,
        all.map((one) => one.mean),
      ),
      logVariance: stack(
        x0,
        all.map((one) => one.logVariance),
      ),
      vbBitsPerDim: all.map((one) => one.bitsPerDim),
      mse: all.map((one) => one.mse),
      vbTerm: all.map((one) => one.boundPart),
      loss: all.map((one) => one.loss),
      gradientOfSummedLoss: stack(
        modelOutput,
        all.map((one) => one.gradient),
      ),
    };
  },
  "loss.score-sde": ({ sde, images, noise, uniform, epsilon, reduceMean, likelihoodWeighting, model, ...options }) => {
    const process = path({ ...options, type: sde === "subvp" ? "sub-vp" : sde } as PathSpec);
    const convention = scoreConvention(process);
    const t: number[] = uniform.map(drawOf({ type: "uniform", min: epsilon, max: 1 }));
    const z = perSample(images, (i) =>
      noised({ alpha: process.alpha(t[i]), sigma: process.sigma(t[i]) }, row(images, i), row(noise, i)),
    );
    const score = z.map((values, i) => linear(model)(values).map((output) => convention.scale(t[i]) * output));
    const loss = z.map((_, i) =>
      scoreMatchingLoss(
        process,
        { t: t[i], noise: row(noise, i), score: score[i] },
        { reduceMean, likelihoodWeighting },
      ),
    );
    return {
      t,
      networkLabel: t.map(convention.label),
      perturbed: stack(images, z),
      score: stack(images, score),
      perSample: loss,
      loss: loss.reduce((sum, value) => sum + value, 0) / loss.length,
    };
  },
  "likelihood.ddpm-bpd": async ({ schedule: spec, varianceType, clipDenoised, x0, noises, model }) => {
    const schedule = discreteSchedule(discreteSpec(spec));
    const { mean, std, varianceOutput } = model;
    const network = (z: Float64Array, t: number) => {
      const x = atLevel(gaussian({ mean, std }), levelAt(schedule, t)).denoise(z);
      return isLearned(varianceType) ? { x, variance: z.map(() => varianceOutput) } : { x };
    };
    let step = 0;
    const noise = () => noises[step++].data;
    const options = { schedule, variance: varianceType, clip: clipDenoised, batch: x0.shape[0], noise };
    const steps: BoundStep[] = [];
    for await (const one of discreteBound(network, x0.data, options)) steps.push(one);
    const table = (key: "bitsPerDim" | "xError" | "epsError") => ({
      shape: [x0.shape[0], steps.length],
      data: Float64Array.from(perSample(x0, (i) => steps.map((one) => one[key][i])).flat()),
    });
    const prior = perSample(x0, (i) => priorTerm(schedule, row(x0, i)));
    const total = prior.map((bits, i) => steps.reduce((sum, one) => sum + one.bitsPerDim[i], bits));
    return { vb: table("bitsPerDim"), xMse: table("xError"), epsMse: table("epsError"), prior, total };
  },
  "likelihood.vdm-terms": async ({ gammaMin, gammaMax, bytes, u0, noise, noise0, model }, { expect }) => {
    const schedule = noiseSchedule({ type: "vdm", gammaMin, gammaMax });
    const t = lowDiscrepancy(u0, { size: bytes.shape[0] });
    const bounds = (steps?: number) =>
      Promise.all(
        perSample(bytes, (i) => {
          const sample = { bytes: row(bytes, i), t: t[i], noise: row(noise, i), noise0: row(noise0, i) };
          return vdmBound(linear(model), sample, { schedule, ...(steps === undefined ? {} : { steps }) });
        }),
      );
    const all = await bounds();
    return {
      t,
      gamma: all.map(({ logSnr }) => -logSnr),
      z: stack(
        bytes,
        all.map(({ z }) => z),
      ),
      diffusion: all.map(({ diffusion }) => diffusion),
      latent: all.map(({ latent }) => latent),
      reconstruction: all.map(({ reconstruction }) => reconstruction),
      totalNats: all.map(({ nats }) => nats),
      bitsPerDim: all.map(({ bitsPerDim }) => bitsPerDim),
      discrete: await Promise.all(
        ((expect.discrete ?? []) as { T: number }[]).map(async ({ T }) => {
          const rounded = await bounds(T);
          return { T, t: rounded.map((one) => one.t), diffusion: rounded.map(({ diffusion }) => diffusion) };
        }),
      ),
    };
  },
};
