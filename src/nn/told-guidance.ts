/** A network that is told how strongly it shall be guided (Meng et al. 2023, section 3). */
import type { Expr } from "../graph/index.ts";
import { fourierEmbedding } from "./embeddings.ts";
import { linear } from "./layers.ts";
import type { Scope } from "./scope.ts";

/** Cycles per unit of the weight: the slowest turns by 3° a unit, for the trend, the fastest once a unit. */
const frequencies = Array.from({ length: 8 }, (_, i) => 2 ** -i);

/**
 * What weights [B] of guidance add to an embedding [B, width] of the noise level: a linear map of their sines and cosines that
 * begins as zero, so that a network which has learned without it starts as it was.
 */
export const toldGuidance = (s: Scope, guidance: Expr, width: number): Expr =>
  linear(s.at("map_guidance"), fourierEmbedding(guidance, frequencies), width, {
    init: { type: "kaiming-uniform", gain: 0 },
    bias: false,
  });
