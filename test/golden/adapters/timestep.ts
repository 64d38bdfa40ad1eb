import {
  type BernoulliOptions,
  type BernoulliStepsOptions,
  bernoulliDensities,
  bernoulliStep,
  discriminatorTime,
  drawAll,
  importanceWeight,
  logNormalSigma,
  logSnrOfSigma,
  lowDiscrepancy,
  splitLogNormalSigma,
  stratified,
  type TimestepSpec,
  timestepSampler,
} from "../../../src/diffusion/index.ts";
import type { Adapters } from "../vectors.ts";

const fixedLaw = (spec: TimestepSpec) => timestepSampler(spec).law(new Float64Array(0));
const numbers = (values: Iterable<number>, f: (value: number) => number) => Array.from(values, f);

/** The vectors' constants under the library's names. */
const constants = ({ minValue, maxValue, betaD, ...input }: Record<string, number>) => ({
  ...input,
  ...(minValue === undefined ? {} : { sigmaMin: minValue }),
  ...(maxValue === undefined ? {} : { sigmaMax: maxValue }),
  ...(betaD === undefined ? {} : { betaMax: input.betaMin + betaD }),
});

const laws: Readonly<Record<string, TimestepSpec["type"] | undefined>> = {
  "ve-log-uniform": "log-uniform",
  "vp-uniform-t": "vp-uniform",
};

/** The noise levels of a law from given uniforms. */
const sigmaLaw = ({ law, uniform, normal: _, ...input }: { law: string; uniform: number[]; normal?: number[] }) =>
  drawAll(fixedLaw({ type: laws[law] ?? law, ...constants(input) } as TimestepSpec), uniform);

export const timesteps: Adapters = {
  "timestep.adaptive-schedule": ({ lambdaMin, lambdaMax, bins, decay, floor, updates, t, evaluateAt }) => {
    const sampler = timestepSampler({
      type: "adaptive",
      logSnrMin: lambdaMin,
      logSnrMax: lambdaMax,
      bins: bins.length,
      ...(decay === undefined ? {} : { decay }),
      ...(floor === undefined ? {} : { floor }),
    });
    const state = Float64Array.from(bins);
    const binsAfterEach = updates?.map((update: { lambda: number[]; value: number[] }) => {
      sampler.observe(state, update.lambda, update.value);
      return [...state];
    });
    const law = sampler.law(state);
    const edge = (i: number) => lambdaMin + ((lambdaMax - lambdaMin) * i) / bins.length;
    return {
      binsAfterEach,
      cdfAtEdges: Array.from({ length: bins.length + 1 }, (_, i) => 1 - law.uniform(edge(i))),
      lambdaOfT: t && drawAll(law, t),
      density: evaluateAt && numbers(evaluateAt, law.density),
      tOfLambda: evaluateAt && numbers(evaluateAt, law.uniform),
    };
  },
  "timestep.bernoulli": ({ variant, gate, position, u, pMean, pStd, boundary, ...input }, { expect }) => {
    if (variant === "discrete") {
      const options = input as BernoulliStepsOptions;
      const law = fixedLaw({ type: "bernoulli-steps", ...options });
      const draw = (overlapping: boolean) =>
        gate.map((g: number, i: number) => bernoulliStep(g, position[i], { ...options, overlapping }) + 1);
      const densities = bernoulliDensities(options);
      const { t } = (expect.probabilityAt ?? { t: [] }) as { t: number[] };
      return {
        t: draw(false),
        tOverlapping: draw(true),
        densitySignificant: densities.significant,
        densityRest: densities.rest,
        ratio: densities.ratio,
        equivalentToUniform: densities.equivalentToUniform,
        probabilityAt: { t, probability: t.map((step) => law.density(step - 1)) },
      };
    }
    const options = { ...input, threshold: boundary } as BernoulliOptions;
    const quantiles = drawAll(fixedLaw({ type: "bernoulli", ...options }), u);
    if (variant === "continuous") {
      const law = fixedLaw({ type: "bernoulli", ...options });
      return { t: quantiles, density: numbers(quantiles, law.density) };
    }
    const over: TimestepSpec = { type: "log-normal", pMean, pStd };
    return { quantile: quantiles, sigma: drawAll(fixedLaw({ type: "bernoulli", ...options, over }), u) };
  },
  "timestep.discriminator": ({ sigma, t, uniform, cosineS, ...options }) => {
    const time = discriminatorTime(options);
    const tauOfSigma = sigma.map(time.timeOfSigma);
    return {
      tauOfSigma,
      alphaOfTau: tauOfSigma.map(time.alpha),
      alpha: t.map(time.alpha),
      std: t.map(time.std),
      antiderivative: t.map(time.antiderivative),
      normalizer: time.normalizer,
      importanceT: drawAll(time.law, uniform),
      density: t.map(time.law.density),
      cosineT: t.map((at: number) => time.cosineTime(at, cosineS)),
    };
  },
  "timestep.edm-lognormal": (input) => {
    if (input.law === "vp-uniform-t") {
      const law = timestepSampler({ type: "uniform", min: input.epsilonT, max: 1 }).law(new Float64Array(0));
      return { t: numbers(input.uniform, (u) => law.draw(1 - u)), sigma: sigmaLaw(input) };
    }
    if (input.law) return { sigma: sigmaLaw(input) };
    const { normal, uniform, sigma: given, ...options } = input;
    const law = fixedLaw({ type: "log-normal", ...options });
    const logSnrLaw = logSnrOfSigma(law);
    const sigma: number[] = normal
      ? numbers(normal, (n) => logNormalSigma(n, options))
      : numbers(uniform ?? [], (u) => law.draw(u));
    return {
      sigma,
      logSnr: sigma.map((s) => -2 * Math.log(s)),
      densityInLogSigma: given && numbers(given, (s) => law.density(s) * s),
      densityInLogSnr: given && numbers(given, (s) => logSnrLaw.density(-2 * Math.log(s))),
      cdf: given && numbers(given, law.uniform),
    };
  },
  "timestep.loss-second-moment": ({ t, loss, splitAt, ...options }) => {
    const sampler = timestepSampler({ type: "loss-second-moment", ...options });
    const state = sampler.init();
    const steps = Array.from({ length: options.steps }, (_, step) => step);
    const probabilities = () => steps.map(sampler.law(state).density);
    sampler.observe(state, t.slice(0, splitAt), loss.slice(0, splitAt));
    const probabilitiesAtSplit = probabilities();
    sampler.observe(state, t.slice(splitAt), loss.slice(splitAt));
    const law = sampler.law(state);
    const importanceWeights = steps.map((step) => importanceWeight(law, step, options.steps));
    return { probabilitiesAtSplit, probabilities: probabilities(), importanceWeights };
  },
  "timestep.low-discrepancy": ({ variant, n, u0, workers, u, group, groups }) => {
    if (variant === "stratified") return { t: stratified(u, { group, groups }) };
    const share = (worker: number) => [...lowDiscrepancy(u0, { size: n, worker, workers: workers ?? 1 })];
    return { t: share(0), perWorker: Array.from({ length: workers ?? 1 }, (_, worker) => share(worker)) };
  },
  "timestep.sigma-densities": (input) => {
    if (input.law !== "split-log-normal" || !input.normal) return { sigma: sigmaLaw(input) };
    return { sigma: input.normal.map((n: number, i: number) => splitLogNormalSigma(n, input.uniform[i], input)) };
  },
};
