/** The network of the classifier that is trained here: what its features are read from. */
import type { Expr } from "../graph/index.ts";
import { conv, createScope, linear, norm, type Parameter } from "../nn/index.ts";

/** Channels of the layers; the last are the features. */
export const classifierWidths = [32, 48, 96, 128] as const;
/** The first layer sees tiles of pixels, so many that about this many tiles make a side. */
const tilesPerSide = 16;

export interface ClassifierNetwork {
  /** What each layer makes of the images, [B, channels, height, width], from the finest to the coarsest. */
  readonly layers: readonly Expr[];
  /** [B, 128]. */
  readonly features: Expr;
  /** [B, outputs]. */
  readonly logits: Expr;
  readonly parameters: readonly Parameter[];
}

/** The network on images [B, C, H, W] in [−1, 1]. */
export function classifierNetwork(images: Expr, outputs: number): ClassifierNetwork {
  const scope = createScope();
  const layer = (i: number, x: Expr) => {
    const s = scope.at(`layer${i}`);
    return norm(s.at("norm"), conv(s.at("conv"), x, { outChannels: classifierWidths[i] })).silu();
  };
  const side = Math.max(images.shape[2], images.shape[3]);
  const layers = [layer(0, tiles(images, Math.max(1, Math.round(side / tilesPerSide))))];
  layers.push(layer(1, layers[0]));
  for (const i of [2, 3]) layers.push(layer(i, padded(layers[i - 1], 2).avgPool(2)));
  const seen = layers[3].reshape([images.shape[0], -1]);
  const features = linear(scope.at("features"), seen, classifierWidths[3]).silu();
  return { layers, features, logits: linear(scope.at("out"), features, outputs), parameters: scope.parameters };
}

/** Tiles of p × p pixels as channels: [B, C, H, W] → [B, C p², ⌈H/p⌉, ⌈W/p⌉]. */
function tiles(images: Expr, p: number): Expr {
  if (p === 1) return images;
  const [b, c, h, w] = padded(images, p).shape;
  const cut = padded(images, p).reshape([b, c, h / p, p, w / p, p]);
  return cut.transpose([0, 1, 3, 5, 2, 4]).reshape([b, c * p * p, h / p, w / p]);
}

/** Zeros below and to the right, up to multiples of `factor`. */
function padded(x: Expr, factor: number): Expr {
  const [, , h, w] = x.shape;
  return x.pad([0, 0, 0, 0], [0, 0, (factor - (h % factor)) % factor, (factor - (w % factor)) % factor]);
}
