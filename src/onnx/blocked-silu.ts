/**
 * silu and its gradient in the blocked layout, for an image that is scaled and shifted first, as a norm does. By parts, so
 * that what lies between their ops never leaves the cache.
 */
import type { Expr, Shape } from "../graph/index.ts";
import { byParts } from "./by-parts.ts";
import { filledRows, imageDots, imageMeans, knowSums, product, single } from "./image-sums.ts";
import type { Layouts } from "./layouts.ts";
import { silu } from "./lower.ts";

/** silu(x). */
export function blockedSilu(layouts: Layouts, x: Expr): string {
  const { emit } = layouts;
  return emit.once(`silu of ${x.id}`, () => {
    if (!layouts.isPending(x)) return [silu(emit, layouts.blocked(x))];
    const { base, scale, shift } = single(layouts, x);
    if (scale === undefined && shift === undefined) return [silu(emit, base)];
    const given = { images: [base], rows: [scale, shift] };
    return byParts(layouts, x.shape, given, ({ shape, images: [base], rows: [scale, shift] }) => ({
      images: [silu(emit, layouts.depthwise(base, shape, { ...(scale && { scale }), ...(shift && { shift }) }))],
      rows: [],
    })).images;
  })[0];
}

/**
 * dz = dy · silu′(x). With s = sigmoid(−x) and y = silu(x), silu′(x) = s y + 1 − s. Where x is scaled, the gradient of its
 * scale and shift asks for the sums of dz and of dz · x, which are computed while a part is at hand.
 */
export function blockedSiluGrad(layouts: Layouts, dy: Expr, x: Expr): string {
  const { emit } = layouts;
  const { base, scale, shift } = single(layouts, x);
  const filled = (shape: Shape, value: number) => filledRows(layouts, shape, value);
  const given = {
    images: [base, blockedSilu(layouts, x), layouts.blocked(dy)],
    rows: [product(layouts, scale, filled(x.shape, -1)), shift && emit.node("Neg", [shift])],
  };
  const made = byParts(layouts, x.shape, given, ({ shape, images: [x, y, dy], rows: [minusScale, minusShift] }) => {
    const s = layouts.depthwise(x, shape, {
      scale: minusScale!,
      ...(minusShift && { shift: minusShift }),
      activation: "Sigmoid",
    });
    const plus = emit.node("Mul", [s, y]);
    const slope = layouts.depthwise(s, shape, { scale: filled(shape, -1), shift: filled(shape, 1), plus });
    const dz = emit.node("Mul", [dy, slope]);
    const sums = () => [imageMeans(layouts, dz, shape), imageDots(layouts, dz, x, shape)];
    return { images: [dz], rows: scale === undefined ? [] : sums() };
  });
  const [dz] = made.images;
  if (scale !== undefined) knowSums(layouts, dz, made.rows[0], base, made.rows[1]);
  return dz;
}
