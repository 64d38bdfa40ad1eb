/** Data in the plane that are neither Gaussian nor symmetric: three bumps of different weight and width. */
import { mixture } from "../../src/diffusion/index.ts";

export const means = [
  [-0.8, -0.3],
  [0.2, 0.6],
  [0.9, 0.5],
];
export const weights = [0.5, 0.3, 0.2];
export const stds = [0.3, 0.2, 0.4];
export const { denoise } = mixture({ means, stds, weights });
