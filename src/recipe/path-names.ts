/** The samplers along a path that a recipe may name besides those on a ladder. */
import type { PathSamplerName } from "../sampling/index.ts";

export const recipePathSamplers = [
  "predictor-corrector",
  "euler-maruyama",
] as const satisfies readonly PathSamplerName[];

export type RecipePathSampler = (typeof recipePathSamplers)[number];
