export { type Drawn, type DrawOptions, draw, sigmasOf } from "./draw.ts";
export { type PresetName, preset, presetNames } from "./presets.ts";
export {
  type DataFacts,
  defineRecipe,
  modelOf,
  objectiveOf,
  type Recipe,
  recipeSchema,
  setField,
  trainerOf,
} from "./recipe.ts";
