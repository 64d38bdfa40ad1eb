/** The two terms that discrete variational bounds are made of: Gaussian divergences, and the likelihood of 8-bit values. */
import { unknownName } from "../errors/index.ts";
import { normalCdf, normalPdf } from "./normal.ts";

/** KL(N(mean1, e^logVar1) ‖ N(mean2, e^logVar2)) in nats, in one dimension. */
export function normalKl(mean1: number, logVar1: number, mean2: number, logVar2: number): number {
  const d = logVar1 - logVar2;
  return 0.5 * (Math.expm1(d) - d + (mean1 - mean2) ** 2 * Math.exp(-logVar2));
}

/**
 * The Φ of a discretised Gaussian: `"tanh"`, the approximation of Ho et al. (2020), or `"erf"`, the exact one. Bits per
 * dimension differ by about 1e-4 between them: numbers to be compared need the same.
 */
export type DiscretizedCdf = "tanh" | "erf";

interface Cdf {
  cdf(z: number): number;
  pdf(z: number): number;
  /** Φ(high) − Φ(low); the ends may be infinite. */
  between(low: number, high: number): number;
}

const root = Math.sqrt(2 / Math.PI);
const tanhOf = (z: number) => Math.tanh(root * (z + 0.044715 * z ** 3));
const tanhCdf = (z: number) => 0.5 * (1 + tanhOf(z));

/** Both Φ with their derivatives. */
export const discretizedCdfs: { readonly [C in DiscretizedCdf]: Cdf } = {
  /** ½(1 + tanh(√(2/π)(z + 0.044715 z³))), in the order of operations that published numbers were computed in. */
  tanh: {
    cdf: tanhCdf,
    pdf: (z) => 0.5 * (1 - tanhOf(z) ** 2) * root * (1 + 3 * 0.044715 * z * z),
    between: (low, high) => tanhCdf(high) - tanhCdf(low),
  },
  /** Exact; differences are taken in the lower tail, where they keep their digits. */
  erf: {
    cdf: normalCdf,
    pdf: normalPdf,
    between: (low, high) => (low > 0 ? normalCdf(-low) - normalCdf(-high) : normalCdf(high) - normalCdf(low)),
  },
};

/** Half the distance between two of 256 values in [−1, 1]. */
const half = 1 / 255;
/** No bin is less probable than this, which bounds the loss of one dimension by 40 bits. */
const least = 1e-12;

/**
 * ln of the probability that N(mean, e^{2 logScale}) gives the bin of `x`, one of the 256 values byte/127.5 − 1. The bins
 * of −1 and 1 reach to infinity.
 */
export function discretizedLogLikelihood(
  x: number,
  mean: number,
  logScale: number,
  { cdf = "tanh" }: { readonly cdf?: DiscretizedCdf } = {},
): number {
  return Math.log(Math.max(choose(cdf).between(...edges(x, mean, logScale)), least));
}

/** The derivatives of `discretizedLogLikelihood` by the mean and by logScale; 0 where the probability is cut off. */
export function discretizedGradient(
  x: number,
  mean: number,
  logScale: number,
  { cdf = "tanh" }: { readonly cdf?: DiscretizedCdf } = {},
): { readonly mean: number; readonly logScale: number } {
  const law = choose(cdf);
  const [low, high] = edges(x, mean, logScale);
  const probability = law.between(low, high);
  if (probability < least) return { mean: 0, logScale: 0 };
  const [pLow, pHigh] = [low === -Infinity ? 0 : law.pdf(low), high === Infinity ? 0 : law.pdf(high)];
  const moment = (pHigh === 0 ? 0 : high * pHigh) - (pLow === 0 ? 0 : low * pLow);
  return { mean: ((pLow - pHigh) * Math.exp(-logScale)) / probability, logScale: -moment / probability };
}

function choose(cdf: DiscretizedCdf): Cdf {
  if (!Object.hasOwn(discretizedCdfs, cdf))
    throw unknownName("discretised Gaussian: cdf", cdf, Object.keys(discretizedCdfs));
  return discretizedCdfs[cdf];
}

/** The ends of x's bin, in standard deviations from the mean. */
function edges(x: number, mean: number, logScale: number): readonly [low: number, high: number] {
  const scale = Math.exp(-logScale);
  return [
    x < -0.999 ? Number.NEGATIVE_INFINITY : (x - mean - half) * scale,
    x > 0.999 ? Number.POSITIVE_INFINITY : (x - mean + half) * scale,
  ];
}
