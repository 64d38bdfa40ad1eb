/** The usual way in: recipes, training and drawing. Everything else is in the folders' own exports. */
export { ConfigError, GraphError, SessionError } from "./errors/index.ts";
export {
  defineRecipe,
  draw,
  factsOf,
  lasting,
  preset,
  presetNames,
  type Recipe,
  resolveRecipe,
  setField,
  trainerOf,
} from "./recipe/index.ts";
export { createTrainer, type StepRecord, type Trainer } from "./training/index.ts";
