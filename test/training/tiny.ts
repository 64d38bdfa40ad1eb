/** Recipes small enough to train in a moment, on data made on the spot. */
import { type Dataset, datasetFromArray, points } from "../../src/data/index.ts";
import { normals } from "../../src/random/index.ts";
import { defineRecipe, preset, type Recipe, setField } from "../../src/recipe/index.ts";

/** A preset with fields set as on the command line. */
export const recipeOf = (name: string, ...assignments: readonly string[]): Recipe =>
  defineRecipe(assignments.reduce<unknown>(setField, preset(name)), name);

/** A U-Net for `images`: two levels, attention on the smaller. */
export const tinyImages = (name: string, ...assignments: readonly string[]): Recipe =>
  recipeOf(
    name,
    "data.sigmaData=0.5",
    "model.network.modelChannels=8",
    "model.network.channelMult=[1,2]",
    "model.network.attentionResolutions=[4]",
    "training.batch=4",
    ...assignments,
  );

/** A perceptron for points. */
export const tinyPoints = (...assignments: readonly string[]): Recipe =>
  recipeOf("points", "data.sigmaData=0.5", "model.network.width=16", "training.batch=8", ...assignments);

/** Twelve 8×8 images in three classes. */
export const images: Dataset = datasetFromArray({
  name: "twelve",
  shape: [1, 8, 8],
  values: normals(1, "twelve images", 0, 12 * 64).map((v) => v / 2),
  labels: Array.from({ length: 12 }, (_, i) => i % 3),
});

export const moons: Dataset = points("moons", { size: 50 });

export const factsOf = ({ shape, classes }: Dataset) => ({ shape, classes: classes?.length ?? 0 });
