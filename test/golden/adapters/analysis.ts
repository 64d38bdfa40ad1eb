/** `diagnostic.*`, and the Wasserstein distances between Gaussians along forward processes. */
import {
  bitArea,
  bitInformation,
  divergence,
  divergenceGenerator,
  divergenceSlope,
  dsmVariance,
  dsmVariance1d,
  dsmVarianceGaussian,
  gaussianDecay,
  largestDivergence,
  posteriorDivergence,
  radialSpectrum,
  stableVariance,
  type TargetVariance,
  whiteNoisePower,
} from "../../../src/analysis/index.ts";
import { path, sigmoid } from "../../../src/diffusion/index.ts";
import { type Gaussian, gaussianW2Squared } from "../../../src/transport/index.ts";
import type { Adapter, Adapters } from "../vectors.ts";

const mean = (values: Float64Array) => values.reduce((a, b) => a + b) / values.length;
const flat = (values: { data: Float64Array } | number[]) =>
  Array.isArray(values) ? Float64Array.from(values) : values.data;
const variance = ({ value, timesSigma2, timesSigma4 }: TargetVariance) => ({
  value,
  valueTimesSigma2: timesSigma2,
  valueTimesSigma4: timesSigma4,
});

const vDsm: Readonly<Record<string, Adapter>> = {
  "given-noise": ({ data, noise, sigma }) => {
    const result = dsmVariance({ data: data.data, dims: data.shape[1], noise: noise.data, sigma });
    return { ...result, ...variance(result) };
  },
  "given-noise-vp": ({ data, noise, logSnr }) => {
    const [alpha, sigma] = [Math.sqrt(sigmoid(logSnr)), Math.sqrt(sigmoid(-logSnr))];
    const result = dsmVariance({ data: data.data, dims: data.shape[1], noise: noise.data, sigma, alpha });
    return { ...result, ...variance(result) };
  },
  "exact-1d": ({ data, sigma }) => variance(dsmVariance1d(flat(data), sigma)),
  gaussian: ({ dim, dataStd, sigma }) => variance(dsmVarianceGaussian(dim, dataStd, sigma)),
  "stable-target-enumeration": ({ data, z, sigma, referenceSize }) => {
    const variancePerZ = stableVariance({ data: data.data, dims: data.shape[1], z: z.data, sigma, referenceSize });
    return { variancePerZ, mean: mean(variancePerZ) };
  },
};

const dDivergence: Readonly<Record<string, Adapter>> = {
  weights: ({ weights }) => ({
    divergence: divergence(weights.map(Math.log)),
    oneHotValue: largestDivergence(weights.length),
  }),
  generator: ({ y }) => ({ f: y.map(divergenceGenerator), derivative: y.map(divergenceSlope) }),
  data: ({ data, z, sigma }) => {
    const divergencePerZ = posteriorDivergence(data.data, z.data, data.shape[1], sigma);
    return { divergencePerZ, mean: mean(divergencePerZ) };
  },
};

const isotropic = (dims: number, m: number, std: number): Gaussian => ({
  mean: new Float64Array(dims).fill(m),
  std: new Float64Array(dims).fill(std),
});

export const analysis: Adapters = {
  "diagnostic.v-dsm": (input, golden) => vDsm[input.kind](input, golden),
  "diagnostic.d-divergence": (input, golden) => dDivergence[input.kind](input, golden),

  "diagnostic.low-bit-curves": ({ kind, bits, lambda }) => {
    if (kind === "area-between") return { area: bitArea(bits) };
    const curve = (lambda as number[]).map((at) => bitInformation(bits, at));
    return {
      informationNats: curve.map(({ nats }) => nats),
      informationBits: curve.map((point) => point.bits),
      derivative: curve.map(({ derivative }) => derivative),
    };
  },

  "diagnostic.radial-spectrum": ({ kind, images, height, width, sigma }) => {
    if (kind === "white-noise") return { expectedPower: whiteNoisePower(height, width, sigma) };
    const size = { height: images.shape[2], width: images.shape[3] };
    const round = radialSpectrum(images.data, size);
    const floor = radialSpectrum(images.data, { ...size, rounding: "floor" });
    return {
      powerRound: round.power,
      countRound: round.count,
      powerFloor: floor.power,
      countFloor: floor.count,
      totalPower: round.total,
    };
  },

  "transport.w2-gaussian": (input) => {
    const { process, t, dim } = input;
    if (process === undefined) {
      const law = (n: 1 | 2): Gaussian => {
        const m = input[`mean${n}`];
        return input[`cov${n}`] ? { mean: m, covariance: input[`cov${n}`].data } : { mean: m, std: input[`std${n}`] };
      };
      const w2Squared = gaussianW2Squared(law(1), law(2));
      return { w2Squared, w2: Math.sqrt(w2Squared) };
    }
    const [forward, time] =
      process === "vp"
        ? [path({ type: "vp", betaMin: input.betaMin, betaMax: input.betaMax }), t]
        : [path({ type: "ou", horizon: Math.max(1, t) }), t / Math.max(1, t)];
    const second = process === "ou-to-prior" ? isotropic(dim, 0, 1) : isotropic(dim, input.mean2, input.std2);
    const { atZero, atTime, bound } = gaussianDecay(isotropic(dim, input.mean1, input.std1), second, forward, time);
    return { w2AtZero: atZero, w2AtT: atTime, contractionBound: bound };
  },
};
