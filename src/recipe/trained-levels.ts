/** The noise levels that a recipe trains at, and those that its models are sampled between. */
import { noiseSchedule } from "../diffusion/index.ts";
import { objectiveOf, type Recipe } from "./recipe.ts";

/** A range of noise levels σ̃. */
export interface Levels {
  readonly min: number;
  readonly max: number;
}

/** Beyond these shares of its draws a law of noise levels is taken never to look. */
const tail = 1e-9;

/** The finite noise levels that a recipe trains at. */
export function trainedLevels(recipe: Recipe): Levels {
  const { schedule } = recipe.objective;
  const { sampler, axis, draw } = objectiveOf(recipe);
  const finite = schedule?.kind === "discrete" && axis.levels?.filter(Number.isFinite);
  if (finite) return { min: sigmaOf(finite[0]), max: sigmaOf(finite[finite.length - 1]) };
  // Timesteps of a continuous schedule stand for all of it.
  if (axis.levels && schedule?.kind === "continuous") {
    const { min, max } = noiseSchedule(schedule.schedule);
    return { min: sigmaOf(max), max: sigmaOf(min) };
  }
  const law = sampler.law(sampler.init());
  const [a, b] = [tail, 1 - tail].map((u) => draw(law, u).sigma);
  return { min: Math.min(a, b), max: Math.max(a, b) };
}

export const sigmaOf = (logSnr: number) => Math.exp(-logSnr / 2);

/** Where to sample between unless told: a discrete process from end to end, otherwise from 80 to 0.002 if trained there. */
export function usualLevels(recipe: Recipe): { readonly sigmaMin: number; readonly sigmaMax: number } {
  const { min, max } = trainedLevels(recipe);
  if (recipe.objective.schedule?.kind === "discrete") return { sigmaMin: min, sigmaMax: max };
  return { sigmaMin: Math.max(min, 0.002), sigmaMax: Math.min(max, 80) };
}
