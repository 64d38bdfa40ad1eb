/** Training on data that nobody has labelled. */
import type { Recipe } from "./recipe.ts";

/** The recipe of a model that is not told the class: without dropping labels, and drawn without guidance between the two. */
export function withoutLabels({ model, training, sampling: { guidance: _, ...sampling }, ...recipe }: Recipe): Recipe {
  return {
    ...recipe,
    model: { ...model, conditional: false },
    training: { ...training, labelDropout: 0 },
    sampling,
  };
}
