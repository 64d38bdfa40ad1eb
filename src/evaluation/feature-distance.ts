/** How far apart images look to a classifier: a distance for losses, as a graph. */
import { type Expr, input, substitute } from "../graph/index.ts";
import { bake, type Parameter } from "../nn/index.ts";
import { classifierNetwork } from "./classifier-network.ts";

/** A classifier trained here, as a distance needs it. */
export interface FeatureDistanceOptions {
  /** Its parameters, flat. */
  readonly params: Float32Array;
  /** The classes that it tells apart. */
  readonly classes: number;
  /** Weight of the mean square of the images' difference, 1 by default: what no layer sees is left to it. */
  readonly pixels?: number;
}

/** Added to the square of an activation's length: where a layer is silent, what it says has no direction. */
const silence = 1e-2;

/** The parameters of the classifier for images [C, H, W] of so many classes. */
export const classifierParameters = (shape: readonly number[], classes: number): readonly Parameter[] =>
  classifierNetwork(input("images", [1, ...shape]), classes).parameters;

/**
 * d(x, y) of two batches [B, C, H, W] in [−1, 1], [B]: with f_l the activations of layer l of four, and f̂ = f/√(‖f‖² + 0.01) of
 * the channels at one place,
 *   d(x, y) = Σ_l mean over places of ‖f̂_l(x) − f̂_l(y)‖² + pixels · mean of (x − y)².
 * This is LPIPS (Zhang et al. 2018) with another network, and with all channels weighed alike. The classifier's parameters are
 * constants; the gradient goes through it to both images.
 */
export function featureDistance({ params, classes, pixels = 1 }: FeatureDistanceOptions): (x: Expr, y: Expr) => Expr {
  return (x, y) => {
    const images = input("images", x.shape);
    const { layers, parameters } = classifierNetwork(images, classes);
    const directions = bake(layers, parameters, params).map((f) => f.div(f.sumSquares([1]).add(silence).sqrt()));
    const seen = [x, y].map((given) => substitute(directions, new Map([[images, given]])));
    const [batch] = x.shape;
    /** The sum of squares of each image's difference, over so many places. */
    const apart = (a: Expr, b: Expr, places: number) =>
      a
        .sub(b)
        .reshape([batch, -1])
        .sumSquares([1])
        .reshape([batch])
        .mul(1 / places);
    const size = x.shape.slice(1).reduce((n, side) => n * side, 1);
    const ofPixels = apart(x, y, size).mul(pixels);
    return directions.reduce(
      (sum, { shape: [, , h, w] }, l) => sum.add(apart(seen[0][l], seen[1][l], h * w)),
      ofPixels,
    );
  };
}
