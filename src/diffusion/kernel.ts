/** How a path splits a noise level σ̃ = σ/α into α and σ: the kernel z = α x + σ ε at one time, whatever the time is called. */
import { unknownName } from "../errors/index.ts";

/**
 * A family of kernels: variance preserving, Song's sub-VP, variance exploding, flow matching's straight line, and the
 * Ornstein–Uhlenbeck process, whose kernels are those of VP.
 */
export type PathType = "vp" | "sub-vp" | "ve" | "flow" | "ou";

const alphas: { readonly [P in PathType]: (sigma: number) => number } = {
  /** α² + σ² = 1 */
  vp: (sigma) => 1 / Math.hypot(1, sigma),
  /** α² + σ = 1 */
  "sub-vp": (sigma) => 2 / (sigma + Math.hypot(sigma, 2)),
  /** α = 1 */
  ve: () => 1,
  /** α + σ = 1 */
  flow: (sigma) => 1 / (1 + sigma),
  ou: (sigma) => 1 / Math.hypot(1, sigma),
};

/** The names of the paths. */
export const pathTypes = Object.keys(alphas) as readonly PathType[];

/** α of a path where its noise level σ/α is `sigma`; there the path's own σ is `sigma` · α. */
export function alphaOf(path: PathType, sigma: number): number {
  if (!Object.hasOwn(alphas, path)) throw unknownName("path", path, pathTypes);
  return alphas[path](sigma);
}
