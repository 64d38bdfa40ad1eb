/** Training for longer or shorter by the same plan. */
import type { Recipe } from "./recipe.ts";

/**
 * The recipe with `images` to see in all, and with everything that it counts in images (warm-up, decay, half-life of
 * the average) stretched in proportion, so that the end of training looks the same.
 */
export function lasting(recipe: Recipe, images: number): Recipe {
  const { training } = recipe;
  const { learningRate, ema } = training;
  const factor = images / training.images;
  const stretched = (n: number) => Math.max(1, Math.round(n * factor));
  const { warmup, decay } = learningRate;
  return {
    ...recipe,
    training: {
      ...training,
      images,
      learningRate: {
        ...learningRate,
        ...(warmup?.type === "images" && { warmup: { ...warmup, images: stretched(warmup.images) } }),
        ...((decay?.type === "linear" || decay?.type === "cosine") &&
          decay.over === "images" && {
            decay: {
              ...decay,
              to: stretched(decay.to),
              ...(decay.from !== undefined && { from: Math.round(decay.from * factor) }),
            },
          }),
      },
      ...(ema.type === "half-life" && { ema: { ...ema, images: stretched(ema.images) } }),
    },
  };
}
