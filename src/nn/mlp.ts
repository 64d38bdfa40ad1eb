/** A perceptron for points [B, D], told the noise level by scale and shift: the network of the two-dimensional examples. */
import { ConfigError } from "../errors/index.ts";
import { concat, constant, type Expr, split } from "../graph/index.ts";
import { normals } from "../random/index.ts";
import { counts } from "./admissible.ts";
import { embedNoise, type NoiseEmbedding } from "./embeddings.ts";
import { defaultInit, type LayerInit } from "./init.ts";
import { linear } from "./layers.ts";
import type { Network, NetworkInputs } from "./network.ts";
import type { Scope } from "./scope.ts";
import { toldGuidance } from "./told-guidance.ts";

export interface MlpConfig {
  readonly type: "mlp";
  /** Numbers that come out for each point; default its dimensions. */
  readonly outChannels?: number;
  /** Width of every layer, even; default 128. */
  readonly width?: number;
  /** Hidden layers, or residual blocks of two; default 3. */
  readonly layers?: number;
  /** Whether hidden layers are residual blocks; default true. */
  readonly residual?: boolean;
  /** Default positional. */
  readonly embedding?: NoiseEmbedding;
  /**
   * Sines and cosines of random projections of the point, given to the first layer beside it; they sharpen detail
   * (Tancik et al. 2020). Default none.
   */
  readonly features?: {
    readonly count: number;
    /** Standard deviation of the projections' frequencies, in cycles per unit of the scaled input; default 0.5. */
    readonly scale?: number;
    /** Default 0. */
    readonly seed?: number;
  };
  /** Share of features dropped in training; default 0. */
  readonly dropout?: number;
}

const zero: LayerInit = { type: "kaiming-uniform", gain: 0 };

/** F(x; c_noise) for points. */
export const mlp: Network<MlpConfig> = (s, inputs, config) => {
  const { x } = inputs;
  const { width = 128, layers = 3, residual = true, outChannels = x.shape.at(-1)!, dropout = 0 } = config;
  counts("mlp", { width, layers, outChannels });
  if (x.shape.length !== 2) throw new ConfigError(`mlp: takes points [B, D]; got [${x.shape}]. Images take a U-Net.`);
  const embedding = embed(s, inputs, config, width);
  const layer = residual ? residualLayer : plainLayer;
  let h = linear(s.at("in"), projected(x, config), width);
  for (let i = 0; i < layers; i++) h = layer(s.at(`layer${i}`), h, embedding, dropout);
  return linear(s.at("out"), h.silu(), outChannels, { init: zero });
};

/** x + W₁ dropout(silu(W₀ silu(x) ⊙ (1 + scale) + shift)), scale and shift read from the embedding. */
function residualLayer(s: Scope, x: Expr, embedding: Expr, dropout: number): Expr {
  const width = x.shape[1];
  const [scale, shift] = split(linear(s.at("affine"), embedding, 2 * width), [width, width], 1);
  const hidden = linear(s.at("linear0"), x.silu(), width).mul(scale.add(1)).add(shift).silu();
  return x.add(linear(s.at("linear1"), s.dropout(hidden, dropout), width, { init: zero }));
}

/** dropout(W silu(x) ⊙ (1 + scale) + shift). */
function plainLayer(s: Scope, x: Expr, embedding: Expr, dropout: number): Expr {
  const width = x.shape[1];
  const [scale, shift] = split(linear(s.at("affine"), embedding, 2 * width), [width, width], 1);
  return s.dropout(linear(s.at("linear"), x.silu(), width).mul(scale.add(1)).add(shift), dropout);
}

/** [x | cos 2π P x | sin 2π P x], P a fixed random matrix. */
function projected(x: Expr, { features }: MlpConfig): Expr {
  if (!features) return x;
  const { count, scale = 0.5, seed = 0 } = features;
  counts("mlp: features", { count });
  const frequencies = normals(seed, "fourier features", 0, x.shape[1] * count).map((f) => 2 * Math.PI * scale * f);
  const angles = x.matmul(constant(frequencies, [x.shape[1], count]));
  return concat([x, angles.cos(), angles.sin()], 1);
}

/** silu(W₁ silu(W₀ e)), e the embedded noise label plus what labels and augmentation add. */
function embed(s: Scope, { noise, labels, augment, guidance }: NetworkInputs, config: MlpConfig, width: number): Expr {
  let e = embedNoise(noise, width, config.embedding ?? { type: "positional" });
  if (labels) e = e.add(linear(s.at("map_label"), labels.mul(Math.sqrt(labels.shape[1])), width));
  if (augment) e = e.add(linear(s.at("map_augment"), augment, width, { bias: false, init: defaultInit }));
  if (guidance) e = e.add(toldGuidance(s, guidance, width));
  return linear(s.at("map_layer1"), linear(s.at("map_layer0"), e, width).silu(), width).silu();
}
