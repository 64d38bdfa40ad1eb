/** Sampling along a path in its own time: the reverse SDE, and predictor–corrector sampling, of any trained model. */
import { type Path, type PathSpec, type PathType, path } from "../diffusion/index.ts";
import { ConfigError } from "../errors/index.ts";
import { type PathSamplerSpec, pathEvaluations } from "../sampling/index.ts";
import { type RecipePathSampler, recipePathSamplers } from "./path-names.ts";
import type { Recipe } from "./recipe.ts";
import { trainedLevels, usualLevels } from "./trained-levels.ts";

export const isPathSampler = (name: string): name is RecipePathSampler =>
  recipePathSamplers.some((known) => known === name);

/** The earliest time that a path's own constants must be trained at: where samplers stop, unless told. */
const end = 1e-3;

/**
 * The path that a model is sampled along, `type` or the recipe's own: with its usual constants where the model was trained
 * at all of their noise levels, and otherwise between the model's usual levels, along the recipe's schedule if it has one.
 */
export function pathOf(recipe: Recipe, type: PathType = ownPath(recipe)): Path {
  const { sigmaMin, sigmaMax } = usualLevels(recipe);
  const { schedule } = recipe.objective;
  if (type === "ve" && !schedule) return path({ type, sigmaMin, sigmaMax });
  const truncate = { min: -2 * Math.log(sigmaMax), max: -2 * Math.log(sigmaMin) };
  if (schedule?.kind === "continuous") return path({ type, schedule: { ...schedule.schedule, truncate } });
  const standard = path({ type } as PathSpec);
  const { min, max } = trainedLevels(recipe);
  const [low, high] = [end, 1].map((t) => Math.exp(-standard.logSnr(t) / 2));
  if (low >= min && high <= max) return standard;
  if (schedule) return path({ type, schedule: { type: "discrete", table: schedule.table, truncate } });
  return path({ type, schedule: { type: type === "vp" ? "linear" : type, truncate } });
}

function ownPath({ objective: { prediction } }: Recipe): PathType {
  if ("path" in prediction && prediction.path !== undefined) return prediction.path;
  return prediction.type === "vp" || prediction.type === "iddpm" ? "vp" : "ve";
}

/** What a recipe's sampling along a path comes to. */
export interface PathRun {
  readonly spec: PathSamplerSpec;
  readonly path: Path;
}

/** The path, the sampler and its evaluations; refuses what belongs to ladders. */
export function pathRun(
  recipe: Recipe,
  name: RecipePathSampler,
  { steps, path: type, options = {} }: Recipe["sampling"],
): PathRun & { readonly evaluations: number | undefined; readonly stochastic: boolean } {
  if ("steps" in options) throw new ConfigError("sampling.options: steps are sampling.steps. Leave them out here.");
  const spec = { type: name, steps, ...options } as PathSamplerSpec;
  const along = pathOf(recipe, type);
  return {
    spec,
    path: along,
    evaluations: pathEvaluations(spec),
    stochastic: name !== "euler-maruyama" || options["eta"] !== 0,
  };
}
