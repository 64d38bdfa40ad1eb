/** How a path splits a noise level σ̃ = σ/α into α and σ: the kernel z = α x + σ ε at one time, whatever the time is called. */
import { unknownName } from "../errors/index.ts";

/**
 * A family of kernels: variance preserving, Song's sub-VP, variance exploding, flow matching's straight line, and the
 * Ornstein–Uhlenbeck process, whose kernels are those of VP.
 */
export type PathType = "vp" | "sub-vp" | "ve" | "flow" | "ou";

interface Kernel {
  readonly alpha: (sigma: number) => number;
  /** d ln α/dλ, as a function of σ̃ too. */
  readonly slope: (sigma: number) => number;
}

/** α² + σ² = 1 */
const variancePreserving: Kernel = {
  alpha: (sigma) => 1 / Math.hypot(1, sigma),
  slope: (sigma) => 0.5 * (sigma / Math.hypot(1, sigma)) ** 2,
};

const kernels: { readonly [P in PathType]: Kernel } = {
  vp: variancePreserving,
  /** α² + σ = 1 */
  "sub-vp": {
    alpha: (sigma) => 2 / (sigma + Math.hypot(sigma, 2)),
    slope: (sigma) => (0.5 * sigma) / Math.hypot(sigma, 2),
  },
  /** α = 1 */
  ve: { alpha: () => 1, slope: () => 0 },
  /** α + σ = 1 */
  flow: { alpha: (sigma) => 1 / (1 + sigma), slope: (sigma) => (0.5 * sigma) / (1 + sigma) },
  ou: variancePreserving,
};

/** The names of the paths. */
export const pathNames = Object.keys(kernels) as readonly PathType[];

/** α of a path where its noise level σ/α is `sigma`; there the path's own σ is `sigma` · α. */
export function alphaOf(path: PathType, sigma: number): number {
  return kernelOf(path).alpha(sigma);
}

/** d ln α/dλ of a path where its noise level is `sigma`: how fast the signal shrinks per unit of log-SNR. */
export function logAlphaSlope(path: PathType, sigma: number): number {
  return kernelOf(path).slope(sigma);
}

function kernelOf(path: PathType): Kernel {
  if (!Object.hasOwn(kernels, path)) throw unknownName("path", path, pathNames);
  return kernels[path];
}
